"""A vultus server from Python, with the names and the values of the library.

with vultus.Client("https://faces.example:8484", key) as client:
    staff = client.gallery("staff")
    staff.enroll("Ada Lovelace", ["ada/1.jpg", "ada/2.jpg"])
    for seen in staff.identify("door.jpg"):
        print(seen.status, seen.person, seen.score)

Scores that the server withholds are None. Needs the package httpx: pip install 'vultus[client]'.
"""

from vultus.client.client import Client
from vultus.client.gallery import RemoteGallery
from vultus.client.jobs import JobInfo, RemoteJob
from vultus.client.problems import ERRORS, ServiceError
from vultus.client.values import (
    FilmTrack,
    GalleryNumbers,
    IdentifiedPicture,
    JournalCheck,
    JournalEntry,
    KeyInfo,
    NewKey,
    RemoteVerification,
    SortedFace,
)

__all__ = [
    "ERRORS",
    "Client",
    "FilmTrack",
    "GalleryNumbers",
    "IdentifiedPicture",
    "JobInfo",
    "JournalCheck",
    "JournalEntry",
    "KeyInfo",
    "NewKey",
    "RemoteGallery",
    "RemoteJob",
    "RemoteVerification",
    "ServiceError",
    "SortedFace",
]
