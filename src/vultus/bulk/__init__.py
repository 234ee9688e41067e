"""Many pictures and videos at once: folders enrolled, folders and streams identified and checked for attacks."""

from vultus.bulk.enrolling import FolderEnrolment, enroll_folder, enroll_pictures
from vultus.bulk.identifying import Found, TrackFound, identify_pictures, identify_video
from vultus.bulk.reading import Seen, is_video, pictures, read_pictures
from vultus.bulk.watching import TrackChecked, check_video

__all__ = [
    "FolderEnrolment",
    "Found",
    "Seen",
    "TrackChecked",
    "TrackFound",
    "check_video",
    "enroll_folder",
    "enroll_pictures",
    "identify_pictures",
    "identify_video",
    "is_video",
    "pictures",
    "read_pictures",
]
