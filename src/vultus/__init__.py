"""Face recognition that installs with pip, runs offline on a CPU, and says how sure it is.

>>> import vultus
>>> from skimage import data
>>> (reading,) = vultus.analyze(data.astronaut())
>>> reading.face.box.round()[2] > 250, reading.quality.score > 0.5
(True, True)
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vultus.analyzer import Analyzer as Analyzer
    from vultus.client import Client as Client
    from vultus.defaults import analyze as analyze
    from vultus.defaults import check_liveness as check_liveness
    from vultus.defaults import read_expressions as read_expressions
    from vultus.defaults import verify as verify
    from vultus.draw import Mark as Mark
    from vultus.draw import annotate as annotate
    from vultus.errors import VultusError as VultusError
    from vultus.expression import expression_reader as expression_reader
    from vultus.gallery import Gallery as Gallery
    from vultus.gallery.cluster import cluster as cluster
    from vultus.images import read as read_image  # noqa: F401 - public under this name
    from vultus.operating import OperatingTable as OperatingTable
    from vultus.operating import table_for as table_for
    from vultus.registry import cards as cards
    from vultus.types import Box as Box
    from vultus.types import EmbeddingContract as EmbeddingContract
    from vultus.types import Expression as Expression
    from vultus.types import Face as Face
    from vultus.types import Liveness as Liveness
    from vultus.types import OperatingPoint as OperatingPoint
    from vultus.types import Quality as Quality
    from vultus.types import Reading as Reading
    from vultus.verification import Verification as Verification
    from vultus.video import tracks as tracks

__version__ = "0.1.0"

# Where each public name lives; loaded at first use, so that importing vultus costs nothing.
_HOMES = {
    "Analyzer": "vultus.analyzer",
    "Box": "vultus.types",
    "Client": "vultus.client",
    "EmbeddingContract": "vultus.types",
    "Expression": "vultus.types",
    "Face": "vultus.types",
    "Gallery": "vultus.gallery",
    "Liveness": "vultus.types",
    "Mark": "vultus.draw",
    "OperatingPoint": "vultus.types",
    "OperatingTable": "vultus.operating",
    "Quality": "vultus.types",
    "Reading": "vultus.types",
    "Verification": "vultus.verification",
    "VultusError": "vultus.errors",
    "analyze": "vultus.defaults",
    "annotate": "vultus.draw",
    "cards": "vultus.registry",
    "check_liveness": "vultus.defaults",
    "cluster": "vultus.gallery.cluster",
    "expression_reader": "vultus.expression",
    "read_expressions": "vultus.defaults",
    "read_image": "vultus.images",
    "table_for": "vultus.operating",
    "tracks": "vultus.video",
    "verify": "vultus.defaults",
}

__all__ = sorted(_HOMES)

logging.getLogger("vultus").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vultus' has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    value = getattr(home, "read" if name == "read_image" else name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
