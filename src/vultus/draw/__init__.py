"""Results on pictures: marked faces, hidden faces, contact sheets, annotated video.

Every function returns a new picture and leaves the one it was given as it was.
"""

from vultus.draw.bars import Bars, annotate_bars
from vultus.draw.document import annotate_document
from vultus.draw.hide import blur
from vultus.draw.marks import Kind, Mark, annotate
from vultus.draw.sheet import sheet
from vultus.draw.video import VideoWriter

__all__ = ["Bars", "Kind", "Mark", "VideoWriter", "annotate", "annotate_bars", "annotate_document", "blur", "sheet"]
