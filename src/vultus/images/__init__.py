"""One door for pictures: every source in, RGB uint8 (H, W, 3) out.

Everything behind it may rely on the shape, the order of the channels, and upright heads.
"""

from vultus.images.arrays import from_array
from vultus.images.fetching import is_url
from vultus.images.formats import HEAD_BYTES, IMAGE_SUFFIXES, VIDEO_SUFFIXES, JpegHeader, jpeg_header, sniff
from vultus.images.reading import Limits, Picture, Source, digest, load, read
from vultus.images.walking import walk
from vultus.images.writing import write

__all__ = [
    "HEAD_BYTES",
    "IMAGE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "JpegHeader",
    "Limits",
    "Picture",
    "Source",
    "digest",
    "from_array",
    "is_url",
    "jpeg_header",
    "load",
    "read",
    "sniff",
    "walk",
    "write",
]
