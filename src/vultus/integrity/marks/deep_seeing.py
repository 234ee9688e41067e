"""The second deep mark, made differently: its residual is made of the pattern and of the photo together.

After Zhang et al., *SteganoGAN* (2019), and Baluja, *Hiding Images in Plain Sight* (NIPS 2017), without
their code. It is there to try on one mark what was learned on another; everything said of
`vultus.integrity.marks.deep` holds for it.
"""

from __future__ import annotations

from vultus.integrity.marks.deep import DeepMark

__all__ = ["MARK"]

MARK = DeepMark("deep-seeing", "seeing")
