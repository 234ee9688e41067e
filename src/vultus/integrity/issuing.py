"""Issuing a document photo: one face, cut to a format, marked, with a manifest, signed; in this order.

The mark changes pixels and the manifest changes bytes, so the signature comes last and stands over both.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from pathlib import Path

from vultus.errors import ConflictError, InputError
from vultus.integrity import marks
from vultus.integrity.canonical import parse
from vultus.integrity.crop import Detector, Format, Portrait, head, one_face, portrait
from vultus.integrity.keys import SigningKey
from vultus.integrity.manifest import Manifest, embed_manifest, read_manifest
from vultus.integrity.pixels import Exact, decode, encode
from vultus.integrity.secret import MarkKey, checked_doc_id, new_doc_id
from vultus.integrity.signing import sign
from vultus.integrity.testmaterial import is_test_material
from vultus.types import Image

__all__ = ["DOC_ID", "Issued", "checked_target", "issue", "refuse_marked", "vsig_path"]

DOC_ID = "vultus:doc-id"  # text chunk of the PNG
_LOSSY = {".jpg", ".jpeg", ".jpe", ".jp2", ".j2k", ".webp", ".heic", ".avif", ".gif"}


@dataclass(frozen=True, slots=True, eq=False)
class Issued:
    """A photo that was issued: the file, and the signature that goes beside it."""

    png: bytes
    vsig: bytes
    doc_id: str
    image: Image  # as it stands in the PNG
    unmarked: Image  # what it was before the mark
    portrait: Portrait | None  # None: the picture kept its own frame
    mark: str | None
    manifest: Manifest


def checked_target(path: Path) -> Path:
    """A path that a marked picture can be written to; anything but PNG is refused (InputError)."""
    suffix = path.suffix.lower()
    if suffix == ".png":
        return path
    why = f"{suffix} loses pixels, and with them the mark" if suffix in _LOSSY else f"got {suffix or 'no ending'}"
    raise InputError(f"{path}: expected a name ending in .png; {why}")


def vsig_path(path: Path) -> Path:
    """Where the signature of a file lies.

    >>> vsig_path(Path("out/photo.png")).name
    'photo.png.vsig'
    """
    return path.with_name(f"{path.name}.vsig")


def issue(
    image: Image,
    detector: Detector,
    key: SigningKey,
    *,
    version: str,
    mark_key: MarkKey | None = None,
    mark: str = marks.DEFAULT,
    doc_id: str | None = None,
    format: Format | None = None,
    manifest: bool = True,
    title: str = "document photo",
    created: datetime | None = None,
    expires: datetime | None = None,
) -> Issued:
    """Make a document photo of an upright picture (H, W, 3) with one face.

    version: of vultus, for the manifest. mark_key: None leaves the mark away. format: None keeps the picture's
    own frame. doc_id: a new one where none is given.
    Refused: no face (NoFaceError), several (TooManyFacesError), a picture that does not fill the format, a bad
    document number (InputError), a package that is missing (MissingExtraError).
    """
    doc_id = new_doc_id() if doc_id is None else checked_doc_id(doc_id)
    face = one_face(image, detector)
    cut = None if format is None else portrait(image, head(image, face, detector), format)
    plain = image if cut is None else cut.image
    marked = plain if mark_key is None else marks.load(mark).embed(plain, mark_key, doc_id)
    name = None if mark_key is None else mark
    png = encode(marked, {"Software": f"vultus {version}", DOC_ID: doc_id})
    if manifest:
        png = embed_manifest(png, key, doc_id, title=title, version=version, mark=name)
    told = read_manifest(png, "PNG") if manifest else Manifest("absent")
    vsig = sign(
        decode(png), key, doc_id, created=created, expires=expires, mark=name, manifest=told.label if manifest else None
    )
    return Issued(png, vsig, doc_id, marked, plain, cut, name, told)


def refuse_marked(picture: Exact, data: bytes, vsig: bytes | None, key: MarkKey, doc_id: str | None) -> None:
    """Refuse a picture that carries any mark of this key already (ConflictError), and test material (InputError).

    A mark is found by its document number only. It is looked for under the one that is asked for now and
    those that stand in the file, in its manifest and in the signature beside it; where all of these were
    taken away, a marked picture cannot be told from any other.
    """
    if is_test_material(picture):
        raise InputError("expected a photograph, got a morph that vultus made as test material")
    if min(picture.image.shape[:2]) < 8:
        return
    for number, mark in product(doc_ids(picture, data, vsig, doc_id), marks.names()):
        if marks.load(mark).inspect(picture.image, key, number).state != "absent":
            raise ConflictError(
                f"the photo carries the mark of this key already, as document {number}; issue from the original"
            )


def doc_ids(picture: Exact, data: bytes, vsig: bytes | None, given: str | None) -> tuple[str, ...]:
    """Document numbers that a picture may have, the given one first; what is in the file may be forged."""
    found = [given, picture.texts.get(DOC_ID), read_manifest(data, picture.format).doc_id]
    if vsig is not None:
        with suppress(InputError):  # a broken signature is told where it is checked
            found.append(parse(vsig).get("doc_id"))
    good = []
    for number in found:
        try:
            good.append(checked_doc_id(number) if isinstance(number, str) else "")
        except InputError:
            continue
    return tuple(dict.fromkeys(number for number in good if number))
