"""Many pictures and videos at once: folders enrolled, folders and streams identified."""

from vultus.bulk.enrolling import FolderEnrolment, enroll_folder, enroll_pictures
from vultus.bulk.identifying import Found, TrackFound, identify_pictures, identify_video
from vultus.bulk.reading import Seen, is_video, pictures, read_pictures

__all__ = [
    "FolderEnrolment",
    "Found",
    "Seen",
    "TrackFound",
    "enroll_folder",
    "enroll_pictures",
    "identify_pictures",
    "identify_video",
    "is_video",
    "pictures",
    "read_pictures",
]
