"""The expressions of the faces of many pictures, and the reader that tells them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pictures

from vultus import images, registry
from vultus.analyzer import in_order
from vultus.errors import InputError
from vultus.expression.film import Finder
from vultus.images import Picture
from vultus.models.expression import ExpressionReader
from vultus.models.expression.own import is_path, own_reader
from vultus.runtime import EngineOptions
from vultus.types import Expression, Face, Image

__all__ = ["CLEAR", "GREY", "Shown", "expression_reader", "read_pictures"]

CLEAR = "transparency was laid on white"
GREY = "the picture is grey, which makes no difference: expressions are read in grey"


def expression_reader(
    name: str = "fer2013", *, engine: EngineOptions | None = None, models: Path | None = None
) -> ExpressionReader:
    """Load an expression reader by the name of its card, or from an own ONNX file with its card beside it.

    What a reader says is the expression a face shows, never what the person feels. Refused
    (InputError): an unknown name, a network of another architecture, a classifier of batches;
    (WeightsError): a damaged file.

    >>> import numpy as np
    >>> reader = expression_reader()
    >>> reader.classes
    ('angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral')
    >>> reader(np.zeros((48, 64, 3), np.uint8), ())
    ()
    """
    if is_path(name):
        return own_reader(Path(name), engine=engine)
    loaded: ExpressionReader = registry.load(name, "expression", engine=engine, models=models)
    return loaded


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One picture with the expressions of its faces, or why it could not be read."""

    name: str  # path or address as given
    picture: Picture | None
    faces: tuple[Face, ...] = ()
    expressions: tuple[Expression, ...] = ()  # one a face
    error: InputError | None = None
    note: str = ""  # what was done to the picture, where it matters


def read_pictures(names: Iterable[str], finder: Finder, reader: ExpressionReader) -> Iterator[Shown]:
    """Each picture with the expressions of its faces, in the order of the names, a core a picture.

    finder, reader: arranged for several threads (`Analyzer.parallel`). A picture that cannot be
    read comes with its error and the rest goes on. A few are held at a time, however long the list.
    """

    def read(name: str) -> Shown:
        try:
            picture = images.load(name)
        except InputError as error:
            return Shown(name, None, error=error)
        faces = finder.detect(picture.image)
        return Shown(name, picture, faces, reader(picture.image, faces), note=_note(name, picture.image))

    yield from in_order(read, names)


def _note(name: str, image: Image) -> str:
    """What was done to a picture; empty where nothing was that matters."""
    notes = [CLEAR] if _transparent(name) else []
    few = image[::4, ::4].astype(np.int16)
    if not (few.max(axis=2) - few.min(axis=2)).any():
        notes.append(GREY)
    return "; ".join(notes)


def _transparent(name: str) -> bool:
    """Whether a file holds transparency, by its header."""
    try:
        with Pictures.open(name) as opened:
            return "A" in opened.getbands() or "transparency" in opened.info
    except (OSError, ValueError, Pictures.DecompressionBombError):
        return False  # an address, or a format that Pillow alone does not read
