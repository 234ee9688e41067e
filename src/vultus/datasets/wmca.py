"""Lists of presentations as WMCA has them: whose face, live or which attack, in which light.

Expected: a folder of recordings or pictures, and lists. WMCA's and HQ-WMCA's own protocols,
PROTOCOL-grandtest.csv and its like, have no header: the path without its ending, 0 for bona
fide or a number for an attack, a word for the kind (attack/Replay), and the part (train, dev,
eval); the file's name is client_session_presenter_type_pai. The order of the columns is taken
from programs of others that read them (unverified), so that `Columns` can say another. Lists
of one's own have a header, by default `file,client_id,type,split`, type being "bona fide"
or the species; text lists are parted by blanks. One light a list: `modality` says which.
Source: A. George et al., Biometric face presentation attack detection with multi-channel
convolutional neural network, TIFS 2020.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vultus.datasets import layout
from vultus.datasets.layout import BONA_FIDE, LabelledPicture, Missing, Part, Row
from vultus.errors import InputError, NotFoundError

__all__ = ["OWN", "WMCA", "Columns", "Presentation", "PresentationList", "missing", "missing_pictures", "read"]

LIVE_WORDS = frozenset(["0", "bonafide", "bona fide", "bona_fide", "bona-fide", "genuine", "live", "real"])
SUFFIXES = ("", ".hdf5", ".h5", ".png", ".jpg", ".jpeg", ".mp4", ".mov", ".avi")
NAME = re.compile(r"(\d+)_(\d+)_(\d+)_(\d+)_(\d+)")
PARTS = (Part("PROTOCOL-*.csv or *.csv or *.txt", "lay a list of presentations here, WMCA's or your own"),)


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a list says what; None: the list does not say it."""

    order: tuple[str, ...] | None  # of a list without a header; None: the list has one
    file: str = "file"
    client: str | None = "client_id"  # None: the first field of the file's name
    kind: str | None = "type"  # None: an attack's species is its number in `label`
    label: str | None = None  # 0 for bona fide, a number for an attack; None: `kind` tells
    split: str | None = "split"


OWN = Columns(None)
WMCA = Columns(("file", "label", "type", "split"), client=None, label="label")


@dataclass(frozen=True, slots=True)
class Presentation(LabelledPicture):
    """A face before the camera; the subject is whose face it is, of an attack the one it imitates."""

    session: str | None  # None: the file's name does not say
    presenter: str | None  # who wears or holds the attack; None: nobody, or not said
    attack_number: str | None  # the attack instrument, by the file's name

    @property
    def bona_fide(self) -> bool:
        return self.label == BONA_FIDE


@dataclass(frozen=True, slots=True)
class PresentationList:
    """The presentations of a list in its order, those that are missing among them."""

    file: Path
    presentations: tuple[Presentation, ...]
    missing: tuple[Path, ...]

    @property
    def species(self) -> tuple[str, ...]:
        """The kinds of attack, sorted."""
        return tuple(sorted({p.label for p in self.presentations if p.label is not None and not p.bona_fide}))


def missing(root: Path) -> tuple[Missing, ...]:
    """Whether there is a list; what it names: `missing_pictures`."""
    return layout.missing(root, PARTS)


def missing_pictures(
    file: Path, images: Path, columns: Columns = OWN, suffixes: Sequence[str] = SUFFIXES
) -> tuple[Missing, ...]:
    """What the folder lacks of the recordings that the list names."""
    if lacks := layout.missing(images, ()):
        return lacks
    return layout.listed(
        (p.source for p in read(file, images, columns, suffixes=suffixes).presentations), images, file.name
    )


def read(
    file: Path,
    images: Path,
    columns: Columns = OWN,
    *,
    modality: str = "VIS",
    suffixes: Sequence[str] = SUFFIXES,
) -> PresentationList:
    """Read a list of presentations against a folder; what is missing is told, not hidden.

    columns: `OWN`, `WMCA` or another. modality: the light or sensor that `images` holds.
    suffixes: endings that a listed path may lack. Refused: no folder, no such file
    (NotFoundError), another header, a row that cannot be read, an attack without a kind, a
    label against the kind, a recording twice, no rows (InputError).
    """
    if not images.is_dir():
        raise NotFoundError(f"expected the folder of the recordings of {file}, {images} is none")
    found: dict[Path, Presentation] = {}
    for row in _rows(file, columns):
        presentation = _presentation(row, images, columns, modality, suffixes)
        if presentation.source in found:
            raise row.refuse(columns.file, "each recording once")
        found[presentation.source] = presentation
    if not found:
        raise InputError(f"{file}: expected rows below the header, there are none")
    return PresentationList(file, tuple(found.values()), tuple(path for path in found if not path.is_file()))


def _rows(file: Path, columns: Columns) -> Iterator[Row]:
    if columns.kind is None and columns.label is None:
        raise InputError("expected a column of the kind or of the label, got Columns without both")
    delimiter = None if file.suffix.lower() in (".txt", ".lst", ".list") else ","
    if columns.order is not None:
        return layout.rows(file, columns.order, header=False, delimiter=delimiter)
    chosen = (columns.file, columns.client, columns.kind, columns.label, columns.split)
    return layout.rows(file, [name for name in chosen if name is not None], delimiter=delimiter)


def _presentation(row: Row, images: Path, columns: Columns, modality: str, suffixes: Sequence[str]) -> Presentation:
    listed = layout.inside(images, row, columns.file)
    name = NAME.fullmatch(listed.name.split(".")[0])
    if columns.client is not None:
        client = row.text(columns.client)
    elif name:
        client = name[1]
    else:
        raise row.refuse(columns.file, "a name of client_session_presenter_type_pai, as the list has no client")
    split = None if columns.split is None else row.text(columns.split)
    tried = (listed.with_name(listed.name + suffix) for suffix in suffixes)
    source = next((path for path in tried if path.is_file()), listed)
    session, presenter, number = (None, None, None) if name is None else (name[2], name[3], name[5])
    presenter = None if presenter is None or int(presenter) == 0 else presenter
    return Presentation(source, client, _label(row, columns), split, modality, session, presenter, number)


def _label(row: Row, columns: Columns) -> str:
    number = None if columns.label is None else row.whole(columns.label, 0)
    if columns.kind is None:
        return BONA_FIDE if number == 0 else f"attack {number}"
    word = row.text(columns.kind)
    head, _, tail = word.partition("/")
    kind = tail if head.lower() == "attack" and "/" in word else word
    live = head.lower() in LIVE_WORDS
    if columns.label is not None and (number == 0) != live:
        raise row.refuse(columns.label, f"{'0' if live else 'a number above 0'} for the type {word!r}")
    if not kind:
        raise row.refuse(columns.kind, "the kind of the attack behind attack/")
    return BONA_FIDE if live else kind
