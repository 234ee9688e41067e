"""Checking a document photo: the signature first, then the manifest, then the mark; one verdict from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vultus.integrity import marks
from vultus.integrity.issuing import doc_ids
from vultus.integrity.manifest import Manifest, read_manifest
from vultus.integrity.marks import Inspection
from vultus.integrity.pixels import Exact, decode
from vultus.integrity.secret import MarkKey
from vultus.integrity.signing import Signed, Trust, verify
from vultus.integrity.testmaterial import is_test_material

__all__ = ["Checked", "check"]

NOT_DETERMINED = "not determined"
LOOKS_ALIKE = 12  # of 255 bits: over what compression to 15 kB does; see docs/concepts/document-integrity.md


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """What is known of a picture file."""

    intact: bool
    verdict: str  # one line
    evidence: tuple[str, ...]  # what each layer says
    picture: Exact
    signed: Signed | None  # None: no key to check with was given
    manifest: Manifest
    mark: Inspection | None  # None: not looked for
    doc_id: str  # under which the mark was looked for, or that was signed; empty where none is known
    test_material: bool

    @property
    def manipulation(self) -> str:
        """Kind of manipulation, where the mark can tell; "intact" where nothing was done."""
        return (self.mark.family if self.mark is not None else "") or NOT_DETERMINED

    @property
    def manipulation_probability(self) -> float | None:
        """How probable that kind is, by what the mark shows; None where it is not determined."""
        return None if self.mark is None or not self.mark.family else self.mark.scores[self.mark.family]


def check(
    data: bytes,
    vsig: bytes | None,
    *,
    trust: Trust | None = None,
    mark_key: MarkKey | None = None,
    doc_id: str | None = None,
    mark: str | None = None,
    now: datetime | None = None,
) -> Checked:
    """Say whether a picture file is the one that was issued.

    data: the file. vsig: content of the signature file, None where there is none. trust: keys that count;
    None leaves the signature unread. mark_key: None leaves the mark unread. doc_id: which document it must be;
    where it is not given, any that is signed counts, or else any that the file names and the mark fits. mark: name
    of the one to look for where no signature names it; None looks for all, the default one first.
    Refused: no picture or a broken one (ImageFormatError), one over the limits (ImageTooLargeError).
    """
    picture = decode(data, convert=True)
    signed = None if trust is None else verify(picture, vsig, trust, now=now)
    statement = None if signed is None else signed.statement
    manifest = read_manifest(data, picture.format)
    seen, number = None, statement.doc_id if statement is not None else doc_id or ""
    other = statement is not None and doc_id is not None and doc_id != statement.doc_id
    if mark_key is not None and not (statement is not None and statement.mark is None):
        numbers = (number,) if number else doc_ids(picture, data, vsig, None)
        signed_mark = None if statement is None else statement.mark
        seen, number = _inspected(picture, mark_key, numbers, _names(signed_mark or mark))
    test = is_test_material(picture)
    intact, verdict = _verdict(picture, vsig, signed, seen, test)
    if intact and other:
        intact, verdict = False, f"intact, and another document: it was issued as {number}, not as {doc_id}"
    why = _why_no_mark(picture, signed, mark_key, number)
    evidence = (*_of_signature(signed, picture), *_of_manifest(manifest, signed), *_of_mark(picture, seen, why, number))
    return Checked(intact, verdict, evidence, picture, signed, manifest, seen, number, test)


def _names(one: str | None) -> tuple[str, ...]:
    """Marks to look for: the one that is named, where it is known here, or all."""
    if one is not None:
        return (one,) if one in marks.names() else ()
    return (marks.DEFAULT, *(name for name in marks.names() if name != marks.DEFAULT))


def _inspected(
    picture: Exact, key: MarkKey, numbers: tuple[str, ...], names: tuple[str, ...]
) -> tuple[Inspection | None, str]:
    """What the first mark under the first document number shows that fits at all; else the first of both."""
    if not numbers or not names or min(picture.image.shape[:2]) < 8:
        return None, numbers[0] if numbers else ""
    first: Inspection | None = None
    for name in names:
        for number in numbers:
            seen = marks.load(name).inspect(picture.image, key, number)
            if seen.state != "absent":
                return seen, number
            first = first or seen
    return first, numbers[0]


def _verdict(
    picture: Exact, vsig: bytes | None, signed: Signed | None, mark: Inspection | None, test: bool
) -> tuple[bool, str]:
    if test:
        return False, "test material made by vultus, not an issued photo"
    if signed is None or (signed.level == "unsigned" and vsig is None and mark is not None):
        return _by_mark(picture, mark, "no signature" if signed is not None else "signature not checked")
    if signed.level == "unsigned":
        return False, f"unsigned: {signed.reason}"
    if signed.level == "changed":
        return False, f"changed: {_extent(picture, signed, mark)}"
    if signed.problems:
        return False, f"signed, and not accepted: {signed.problems[0].words}"
    if mark is not None and mark.state != "intact":
        return False, "pixels identical, and the mark does not fit: it was issued with another mark key"
    if signed.level == "file":
        return True, "intact: the file is the one that was issued"
    return True, "intact: pixels identical, container re-written"


def _by_mark(picture: Exact, mark: Inspection | None, before: str) -> tuple[bool, str]:
    if mark is None:
        return False, f"not known: {before}, and no mark that could be looked for"
    if mark.state == "intact" and not mark.exact:
        return False, f"not known: {before}; the mark {mark.mark} shows no change, and it alone decides nothing"
    if mark.state == "intact":
        return True, f"intact by its mark: {before}; every block is as whoever holds the mark key marked it"
    if mark.state == "touched":
        kind = f"; {_kind(mark)}" if mark.scores else ""
        return False, f"changed: {mark.wrong:,} of {mark.blocks:,} blocks{kind}; {before}"
    return False, f"not known: {before}, and no trace of a mark{_lossy(picture)}"


def _extent(picture: Exact, signed: Signed, mark: Inspection | None) -> str:
    """How much of a picture with a good signature over other pixels was touched."""
    if mark is not None and mark.state == "touched":
        return f"{mark.wrong:,} of {mark.blocks:,} blocks; {_kind(mark)}"
    if mark is not None and mark.state == "intact" and not mark.exact:
        return f"too little for the mark {mark.mark} to show, or outside of its blocks"
    if mark is not None and mark.state == "intact":
        return "outside of all blocks: only in the strip at the edge that no block covers"
    near = signed.distance is not None and signed.distance <= LOOKS_ALIKE
    alike = "as a whole it still looks like the one that was signed" if near else "it does not look like the one signed"
    kind = f"; {_kind(mark)}" if mark is not None and mark.scores else ""
    return f"{signed.reason}; {alike}{kind}{_lossy(picture)}"


def _kind(mark: Inspection) -> str:
    """The kind of manipulation, as probable as what the mark shows makes it."""
    if not mark.family:
        return f"kind of manipulation {NOT_DETERMINED}"
    return f"probably {mark.family} ({mark.scores[mark.family]:.2f})"


def _lossy(picture: Exact) -> str:
    return "" if picture.lossless else f"; {picture.format} loses pixels, and no mark survives that"


def _of_signature(signed: Signed | None, picture: Exact) -> list[str]:
    if signed is None:
        return ["signature: not checked, no key was named"]
    lines = [f"signature: {signed.level}: {signed.reason}"]
    if signed.statement is not None and signed.key is not None:
        name = f" ({signed.key.name})" if signed.key.name else ""
        made = signed.statement
        lines.append(f"signed: {made.created} as document {made.doc_id} by the key {made.key_id}{name}, {made.alg}")
        lines.extend(f"problem: {problem.code}: {problem.words}" for problem in signed.problems)
        if picture.orientation != made.orientation:
            lines.append(
                f"orientation: EXIF {picture.orientation}, signed with {made.orientation}: programs show it turned"
            )
        if signed.level == "changed":
            lines.append(f"look: {signed.distance} of 255 bits differ from the picture that was signed")
    return lines


def _of_manifest(manifest: Manifest, signed: Signed | None) -> list[str]:
    statement = None if signed is None else signed.statement
    if manifest.state == "not read":
        return ["manifest: not read, c2pa-python is not installed"]
    if manifest.state == "absent":
        if statement is not None and statement.manifest is not None:
            return ["manifest: stripped: the file was issued with a C2PA manifest and has none now"]
        return ["manifest: none"]
    if manifest.state == "unreadable":
        return [f"manifest: unreadable ({', '.join(manifest.problems)})"]
    by = f"{manifest.name}, {manifest.issuer}" if manifest.issuer else manifest.name
    lines = [f"manifest: {manifest.state}, signed by {by} ({manifest.alg})"]
    if not manifest.trusted and not manifest.self_issued:
        lines.append("manifest: its certificates end in no root that was named")
    if manifest.problems:
        lines.append(f"manifest: {', '.join(manifest.problems)}")
    if statement is not None and statement.manifest not in (None, manifest.label):
        lines.append("manifest: another one than the file was issued with")
    return lines


def _why_no_mark(picture: Exact, signed: Signed | None, key: MarkKey | None, number: str) -> str:
    """Why the mark was not looked for, where it was not."""
    name = None if signed is None or signed.statement is None else signed.statement.mark
    if key is None:
        return "no mark key was named"
    if not number:
        return "no document number is known"
    if signed is not None and signed.statement is not None and name is None:
        return "the photo was issued without one"
    if name is not None and name not in marks.names():
        return f"this vultus does not know the mark {name!r:.40}"
    return f"{picture.image.shape[1]} x {picture.image.shape[0]} pixels hold none"


def _of_mark(picture: Exact, mark: Inspection | None, why: str, number: str) -> list[str]:
    if mark is None:
        return [f"mark: not looked for, {why}"]
    words = {
        "intact": f"all {mark.blocks:,} blocks are as they were marked",
        "touched": f"{mark.wrong:,} of {mark.blocks:,} blocks are not as they were marked",
        "absent": "no block fits: another key or document number, never marked, or changed as a whole",
    }[mark.state]
    lines = [f"mark: {mark.state}: {words} ({mark.mark}, document {number})"]
    if mark.bits is not None:
        lines.append(_of_bits(mark.bits, mark.luck))
    if any(mark.outside):
        right, bottom = mark.outside
        lines.append(
            f"mark: says nothing of {right} px at the right and {bottom} px at the bottom, which no block covers"
        )
    if mark.scores and mark.state != "intact":
        lines.extend(_of_kinds(mark))
    if mark.state == "absent" and not picture.lossless:
        lines.append(f"mark: {picture.format} loses pixels, and no mark survives that; the signature decides")
    return lines


def _of_bits(bits: tuple[int, int], luck: float) -> str:
    right, count = bits
    chance = f"{luck:.2g}" if luck > 1e-12 else "less than 1e-12"
    return f"mark: {right:,} of {count:,} hidden bits are read; as many agree by chance with probability {chance}"


def _of_kinds(mark: Inspection) -> list[str]:
    """The kinds that what the mark shows makes probable, and how far that can be relied on."""
    told = sorted(mark.scores.items(), key=lambda pair: -pair[1])[:3]
    shown = ", ".join(f"{name} {value:.2f}" for name, value in told)
    if mark.state == "absent":
        return [
            f"kind: {NOT_DETERMINED}: nothing of the mark is left, and a photo that never had one may look the same; "
            f"the picture itself looks most like: {shown}"
        ]
    return [f"kind: {mark.family or NOT_DETERMINED}; by what the mark shows: {shown}"]
