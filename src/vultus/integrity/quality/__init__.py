"""Is a picture fit for a document: OFIQ's measures where they can be had, our own beside them, and advice."""

from vultus.integrity.quality.assessing import Finder, assess
from vultus.integrity.quality.pictures import Assessed, assess_pictures
from vultus.integrity.quality.profile import PROFILES, Profile, profile
from vultus.integrity.quality.scalars import scalar, scalars
from vultus.integrity.quality.values import Crop, DocumentQuality, Limit, Measure, Points

__all__ = [
    "PROFILES",
    "Assessed",
    "Crop",
    "DocumentQuality",
    "Finder",
    "Limit",
    "Measure",
    "Points",
    "Profile",
    "assess",
    "assess_pictures",
    "profile",
    "scalar",
    "scalars",
]
