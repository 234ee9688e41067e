"""Morphs and the like are test material, and are told wherever they turn up.

Besides words in the file they carry the block mark under the key that everybody has. So one that lost its
name and its metadata is still known, as long as its pixels are as they were made.
"""

from __future__ import annotations

from vultus.integrity.marks import load
from vultus.integrity.pixels import Exact
from vultus.integrity.secret import KEYLESS
from vultus.types import Image

__all__ = ["WORDS", "is_test_material", "labelled", "texts"]

WORDS = "TEST MATERIAL, not a document photo"
_DOC_ID = "VULTUS-TEST-MATERIAL"
_KEY = "vultus:test-material"


def labelled(image: Image) -> Image:
    """The picture (H, W, 3) with the mark of test material."""
    return load("block-mac").embed(image, KEYLESS, _DOC_ID)


def texts(what: str) -> dict[str, str]:
    """Text chunks for the PNG. what: how it was made."""
    return {"Title": WORDS, "Description": f"{WORDS}: {what}", _KEY: what}


def is_test_material(picture: Exact) -> bool:
    """Whether the words or any block of the mark are there."""
    if _KEY in picture.texts:
        return True
    if min(picture.image.shape[:2]) < 8:
        return False
    return load("block-mac").inspect(picture.image, KEYLESS, _DOC_ID).state != "absent"
