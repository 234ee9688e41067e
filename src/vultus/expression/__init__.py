"""The expression that faces show, in many pictures and along the tracks of a video, over time."""

from vultus.expression.curves import Curve, Curves
from vultus.expression.film import Look, read_video
from vultus.expression.page import write_page
from vultus.expression.pictures import Shown, expression_reader, read_pictures
from vultus.expression.smoothing import Smoother

__all__ = [
    "Curve",
    "Curves",
    "Look",
    "Shown",
    "Smoother",
    "expression_reader",
    "read_pictures",
    "read_video",
    "write_page",
]
