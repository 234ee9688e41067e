"""The deep mark: a keyed pattern hidden all over the photo by one network and shown again by another.

Where the block mark is exact and says only where, this one breaks gradually, and how it breaks tells
something of what was done. The residual is made of the pattern alone, after Zhang et al., *UDH: Universal
Deep Hiding* (NeurIPS 2020); how strongly it goes in, the photo decides. Whoever has not the key cannot
make the pattern; whoever gets hold of a marked photo can copy a part of the residual. So nothing rests on
this mark alone where there is a signature.

What destroys it: everything that loses fine colour, JPEG at any quality among it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.integrity.manipulations import INTACT, LOCAL
from vultus.integrity.marks import Inspection, State, grid
from vultus.integrity.marks.revealed import families, networks, reading
from vultus.integrity.marks.revealed.embedding import embedded
from vultus.integrity.marks.revealed.pattern import CELL, Bits, Planes, agreeing, bits_of, luck
from vultus.integrity.secret import MarkKey, checked_doc_id
from vultus.types import Image

__all__ = ["ABSENT", "BLOCK", "LEAST", "MARK", "DeepMark"]

BLOCK = 16  # pixels a side that are told as touched or not; four cells of three bits
LEAST = 64  # pixels a side of a picture that holds enough bits to be known again
ABSENT = 1e-6  # a mark is there when chance would show as much of it less often than this
_FAR = 0.25  # mean distance of a block from its bits; set by eye on pictures of LFW, UTKFace, NASA and a few portraits
_BITS = 3 * (BLOCK // CELL) ** 2  # of a block
_WRONG = 2  # of them that may be read wrongly


class DeepMark:
    """A deep mark by the names of its networks.

    >>> import numpy as np
    >>> grey, key = np.full((64, 64, 3), 128, np.uint8), MarkKey(bytes(range(32)))
    >>> marked = MARK.embed(grey, key, "TEST-0001")
    >>> MARK.inspect(marked, key, "TEST-0001").bits, MARK.inspect(marked, key, "TEST-0002").state
    ((192, 192), 'absent')
    """

    def __init__(self, name: str, network: str) -> None:
        self._name, self._network = name, network

    @property
    def name(self) -> str:
        return self._name

    def embed(self, image: Image, key: MarkKey, doc_id: str) -> Image:
        """The picture with the mark in it, (H, W, 3); pixels outside of whole cells of 8 stay as they are.

        Refused (InputError): a picture that is not RGB uint8 or has under 64 pixels a side, a bad document number.
        """
        rows, columns = grid(image, CELL)
        if min(image.shape[:2]) < LEAST:
            raise InputError(
                f"expected {LEAST} pixels a side or more for the mark {self.name}, got {image.shape[1]} x "
                f"{image.shape[0]}; mark it with block-mac"
            )
        bits = bits_of(key, doc_id, rows, columns)
        made = image.copy()
        made[: rows * CELL, : columns * CELL] = embedded(self._network, _whole(image, rows, columns), bits)
        return made

    def inspect(self, image: Image, key: MarkKey, doc_id: str) -> Inspection:
        """How much of the mark is there, where it is not, and what may have been done.

        Refused (InputError): a picture that is not RGB uint8 or smaller than a cell, a bad document number.
        """
        rows, columns = grid(image, CELL)
        bits = bits_of(key, checked_doc_id(doc_id), rows, columns)
        logits = networks.show(self._network, _whole(image, rows, columns))
        shown = reading.revealed(logits)
        agreed = agreeing(shown, bits)
        right, by_chance = int(agreed.sum()), luck(int(agreed.sum()), agreed.size)
        scores = families.scores(logits, bits, self._network)
        touched = _touched(shown, bits, agreed)
        state: State = "absent" if by_chance > ABSENT else "touched" if touched.any() else "intact"
        if state == "intact" and scores and scores[INTACT] + scores[LOCAL] < families.facts().intact:
            state = "touched"  # no block stands out, and the picture as a whole is not as it was marked
        if state == "absent" or (state == "touched" and not touched.any()):
            touched[:] = True
        scores = families.settled(scores, intact=state == "intact")
        return Inspection(
            self.name,
            state,
            touched,
            BLOCK,
            (image.shape[1] - touched.shape[1] * BLOCK, image.shape[0] - touched.shape[0] * BLOCK),
            luck(_BITS - _WRONG, _BITS),
            "" if state == "absent" else families.named(scores),  # what is gone does not tell how it went
            scores,
            reading.as_picture(shown),
            (right, agreed.size),
            by_chance,
        )


MARK = DeepMark("deep", "blind")


def _whole(image: Image, rows: int, columns: int) -> Image:
    return np.ascontiguousarray(image[: rows * CELL, : columns * CELL])


def _touched(shown: Planes, bits: Bits, agreed: Bits) -> NDArray[np.bool_]:
    """Blocks that are far from their bits or of which more than two bits are wrong, (rows, columns)."""
    side = BLOCK // CELL
    rows, columns = (size // side for size in agreed.shape[1:])
    wrong = ~agreed[:, : rows * side, : columns * side].reshape(3, rows, side, columns, side)
    far = reading.block_errors(reading.apart(shown, bits), BLOCK) > _FAR
    return np.asarray(far | (wrong.sum(axis=(0, 2, 4)) > _WRONG))
