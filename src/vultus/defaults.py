"""The calls that need no set-up: the default models, loaded once a process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from vultus import verification
from vultus.analyzer import Analyzer
from vultus.expression import expression_reader
from vultus.images import read
from vultus.operating import table_for
from vultus.types import Expression, Liveness, Reading, Vector

if TYPE_CHECKING:
    from vultus.images import Source
    from vultus.models.expression import ExpressionReader
    from vultus.models.quality import Level

__all__ = ["analyze", "check_liveness", "default_analyzer", "read_expressions", "verify"]


@cache
def default_analyzer() -> Analyzer:
    """The detector and recogniser that ship, loaded at the first call."""
    return Analyzer()


def analyze(image: Source) -> tuple[Reading, ...]:
    """Find every face of a picture and read it: box, points, quality, embedding.

    image: a path, bytes, an http(s) address, a Pillow picture, or an RGB array (H, W, 3).
    Faces come by area, the largest first; no face gives an empty tuple. Refused: what is no
    picture (ImageFormatError), one over the limits (ImageTooLargeError).

    >>> import numpy as np
    >>> analyze(np.zeros((48, 64, 3), np.uint8))
    ()
    """
    return default_analyzer().analyze(read(image))


def check_liveness(image: Source) -> tuple[Liveness, ...]:
    """Say of each face of a picture whether it is there in person, or a print, a screen or a paper mask.

    image: as for `analyze`, and the answers come in the order of its faces; no face gives an
    empty tuple. `live` is None where a face cannot be judged, with the reason in `abstained`.
    It is evidence, not proof: which attacks are not covered stands in the documentation.

    >>> import numpy as np
    >>> check_liveness(np.zeros((48, 64, 3), np.uint8))
    ()
    """
    return default_analyzer().liveness(read(image))


def read_expressions(image: Source) -> tuple[Expression, ...]:
    """Say of each face of a picture which expression it shows, never what the person feels.

    image: as for `analyze`, and the answers come in the order of its faces; no face gives an
    empty tuple. `label` is None where a face cannot be read, with the reason in `abstained`.
    It is a research estimate; `expression_reader().accuracy` says how often it was right on its
    test set.

    >>> import numpy as np
    >>> read_expressions(np.zeros((48, 64, 3), np.uint8))
    ()
    """
    pixels = read(image)
    return _default_reader()(pixels, default_analyzer().detect(pixels))


@cache
def _default_reader() -> ExpressionReader:
    return expression_reader()


def verify(
    first: Source | Vector,
    second: Source | Vector,
    *,
    fmr: float = 1e-3,
    faces: str | int = "main",
    gate: Level = "low",
    require_live: bool = False,
) -> verification.Verification:
    """Compare the faces of two pictures at a stated false match rate.

    As `vultus.verification.verify`, with the default models and their shipped thresholds.

    >>> from skimage import data
    >>> picture = data.astronaut()
    >>> answer = verify(picture, picture[:, ::-1])
    >>> answer.match, answer.score > answer.operating.threshold, answer.operating.target
    (True, True, 0.001)
    """
    analyzer = default_analyzer()
    return verification.verify(
        first,
        second,
        analyzer=analyzer,
        table=table_for(analyzer.contract),
        fmr=fmr,
        faces=faces,
        gate=gate,
        require_live=require_live,
    )
