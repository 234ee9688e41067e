"""Is the gallery whole? Every table, every vector, every crop, and the index against them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vultus.errors import GalleryError
from vultus.gallery import contracts, erasure, faces, people, seal_check, stored
from vultus.gallery.enrolment import Rules
from vultus.gallery.live import Live, Marks
from vultus.gallery.records import Records
from vultus.gallery.values import Check, Double, Finding

__all__ = ["check", "doubles"]

_MANY = 20  # findings of one kind that are listed; the rest is counted
_CHUNK = 20_000  # rows
_PAIRWISE = 50_000  # templates up to which all pairs are compared; 1.25 G products, some seconds
_MOST_DOUBLES = 50


def check(connection: Records, live: Live, rules: Rules | None) -> Check:
    """Look at everything, inside one read transaction."""
    findings = [*_database(connection), *_bounded(_vectors(connection))]
    if connection.seal is not None:
        findings += _bounded(seal_check.findings(connection, connection.seal))
    found: tuple[Double, ...] = ()
    try:
        live.refresh(connection)
    except GalleryError as error:
        findings.append(Finding("index_unreadable", str(error)))
    else:
        findings += _index(connection, live)
        found, skipped = doubles(connection, live, rules)
        findings += skipped
    crops, damaged = _crops(connection)
    findings += damaged
    findings += [Finding("erasure_pending", f"{one.person}: finish the erasure") for one in erasure.pending(connection)]
    (revision,) = connection.execute("SELECT revision FROM gallery").fetchone()
    (persons,) = connection.execute("SELECT count(*) FROM person").fetchone()
    (templates,) = connection.execute("SELECT count(*) FROM face").fetchone()
    return Check(revision, persons, templates, crops, tuple(findings), found)


def doubles(connection: Records, live: Live, rules: Rules | None) -> tuple[tuple[Double, ...], list[Finding]]:
    """Pairs of people whose templates look like one person's, most alike first, at most 50."""
    if live.empty:
        return (), []
    if rules is None or rules.table is None:
        return (), [Finding("doubles_unchecked", "no threshold is known for this recognition model", broken=False)]
    if len(live.index) > _PAIRWISE:
        reason = f"{len(live.index)} templates are more than the {_PAIRWISE} whose pairs are compared"
        return (), [Finding("doubles_unchecked", reason, broken=False)]
    threshold = rules.conflict(live)
    owners, matrix = live.matrix()
    best: dict[tuple[int, int], float] = {}
    for start in range(0, len(matrix), 1024):
        scores = matrix[start : start + 1024] @ matrix[start:].T
        rows, columns = np.nonzero(scores >= threshold)
        first, second = owners[start + rows], owners[start + columns]
        for one, other, score in zip(first.tolist(), second.tolist(), scores[rows, columns].tolist(), strict=True):
            if one != other:
                pair = (min(one, other), max(one, other))
                best[pair] = max(score, best.get(pair, -1.0))
    ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))[:_MOST_DOUBLES]
    names = people.labels(connection, {row for pair, _ in ranked for row in pair})
    return tuple(Double(names[one][0], names[other][0], score, threshold) for (one, other), score in ranked), []


def _database(connection: Records) -> list[Finding]:
    findings = [
        Finding("database_damaged", str(line))
        for (line,) in connection.execute(f"PRAGMA integrity_check({_MANY})")
        if line != "ok"
    ]
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check").fetchmany(_MANY):
        findings.append(Finding("reference_broken", f"row {row} of {table} names a missing {parent}"))
    return findings


def _vectors(connection: Records) -> Iterator[Finding]:
    """Every stored embedding: its size, its length, and that each face has one in the set in use."""
    dimensions = {}
    for row, key, body, dimension in connection.execute("SELECT id, key, body, dimension FROM contract"):
        dimensions[row] = dimension
        contract = contracts.read(body)
        if contract.id != key or contract.dimension != dimension:
            yield Finding("contract_damaged", f"{key} does not stand for its own fields")
    missing = connection.execute(
        """SELECT uuid FROM face WHERE NOT EXISTS
           (SELECT 1 FROM template WHERE face = face.id AND contract = (SELECT contract FROM gallery))"""
    )
    for (uuid,) in missing:
        yield Finding("vector_missing", f"face {uuid} has no embedding of the model in use")
    for row, dimension in dimensions.items():
        broken: list[Finding] = []
        for part in stored.vectors(connection, row, damaged=_collect("vector_damaged", broken)):
            for face, _, blob in part:
                if wrong := _wrong(blob, dimension):
                    yield Finding("vector_damaged", f"face {_uuid(connection, face)}: {wrong}")
        yield from broken


def _wrong(blob: bytes, dimension: int) -> str | None:
    """What is wrong with a stored vector."""
    if len(blob) != 4 * dimension:
        return f"{len(blob)} bytes, expected {4 * dimension}"
    vector = np.frombuffer(blob, dtype="<f4")
    with np.errstate(over="ignore", invalid="ignore"):
        length = float(np.sqrt(vector @ vector))
    return None if abs(length - 1) <= 1e-3 else f"length {length:.4g}, expected 1"


def _collect(code: str, into: list[Finding]) -> stored.Damaged:
    return lambda uuid, wrong: into.append(Finding(code, f"face {uuid}: {wrong}"))


def _uuid(connection: Records, face: int) -> str:
    return str(connection.execute("SELECT uuid FROM face WHERE id = ?", (face,)).fetchone()[0])


def _index(connection: Records, live: Live) -> list[Finding]:
    """What is searched against what is stored: the same faces, people and numbers."""
    if live.empty:
        (count,) = connection.execute(
            "SELECT count(*) FROM template WHERE contract = (SELECT contract FROM gallery)"
        ).fetchone()
        return [Finding("index_differs", f"{count} templates are stored, none is searched")] if count else []
    held = Marks.of(live.index)
    differing = seen = 0
    (contract,) = connection.execute("SELECT contract FROM gallery").fetchone()
    for part in stored.vectors(connection, contract, damaged=lambda uuid, wrong: None):
        seen += len(part)
        if part:
            differing += held.differing(*zip(*part, strict=True))
    differing += max(len(live.index) - seen, 0)
    if not differing:
        return []
    return [
        Finding(
            "index_differs", f"{differing} of {seen} templates; remove the snapshot file and open the gallery again"
        )
    ]


def _crops(connection: Records) -> tuple[int, list[Finding]]:
    """Decode every crop; how many there are, and those that are damaged."""
    (count,) = connection.execute("SELECT count(*) FROM crop").fetchone()
    findings: list[Finding] = []
    for part in stored.crops(connection, "ORDER BY crop.face", damaged=_collect("crop_damaged", findings)):
        for face, _, png in part:
            try:
                shape = faces.from_png(png).shape
            except GalleryError:
                shape = None
            if shape is None or not faces.is_crop(shape):
                reason = "not a picture" if shape is None else shape
                findings.append(Finding("crop_damaged", f"face {_uuid(connection, face)}: {reason}"))
    return count, _bounded(iter(findings))


def _bounded(findings: Iterator[Finding]) -> list[Finding]:
    """The first findings of each kind, and how many more there were."""
    kept: list[Finding] = []
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.code] = counts.get(finding.code, 0) + 1
        if counts[finding.code] <= _MANY:
            kept.append(finding)
    kept += [Finding(code, f"and {count - _MANY} more") for code, count in counts.items() if count > _MANY]
    return kept
