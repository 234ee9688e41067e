"""Is the gallery whole? Every table, every vector, every crop, and the index against them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import numpy as np

from vultus.errors import GalleryError
from vultus.gallery import erasure, faces, people
from vultus.gallery.enrolment import Rules
from vultus.gallery.live import Live, Marks
from vultus.gallery.values import Check, Double, Finding

__all__ = ["check", "doubles"]

_MANY = 20  # findings of one kind that are listed; the rest is counted
_CHUNK = 20_000  # rows
_PAIRWISE = 50_000  # templates up to which all pairs are compared; 1.25 G products, some seconds
_MOST_DOUBLES = 50


def check(connection: sqlite3.Connection, live: Live, rules: Rules | None) -> Check:
    """Look at everything, inside one read transaction."""
    findings = [*_database(connection), *_bounded(_vectors(connection))]
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
    findings += [Finding("erasure_pending", f"{person}: finish the erasure") for person in erasure.pending(connection)]
    (revision,) = connection.execute("SELECT revision FROM gallery").fetchone()
    (persons,) = connection.execute("SELECT count(*) FROM person").fetchone()
    (templates,) = connection.execute("SELECT count(*) FROM face").fetchone()
    return Check(revision, persons, templates, crops, tuple(findings), found)


def doubles(
    connection: sqlite3.Connection, live: Live, rules: Rules | None
) -> tuple[tuple[Double, ...], list[Finding]]:
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


def _database(connection: sqlite3.Connection) -> list[Finding]:
    findings = [
        Finding("database_damaged", str(line))
        for (line,) in connection.execute(f"PRAGMA integrity_check({_MANY})")
        if line != "ok"
    ]
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check").fetchmany(_MANY):
        findings.append(Finding("reference_broken", f"row {row} of {table} names a missing {parent}"))
    return findings


def _vectors(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Every stored embedding: its size, its length, and that each face has one in the set in use."""
    dimensions = {}
    for row, key, body, dimension in connection.execute("SELECT id, key, body, dimension FROM contract"):
        dimensions[row] = dimension
        contract = faces.read_contract(body)
        if contract.id != key or contract.dimension != dimension:
            yield Finding("contract_damaged", f"{key} does not stand for its own fields")
    missing = connection.execute(
        """SELECT uuid FROM face WHERE NOT EXISTS
           (SELECT 1 FROM template WHERE face = face.id AND contract = (SELECT contract FROM gallery))"""
    )
    for (uuid,) in missing:
        yield Finding("vector_missing", f"face {uuid} has no embedding of the model in use")
    rows = connection.execute("SELECT uuid, contract, vector FROM template JOIN face ON face.id = template.face")
    while part := rows.fetchmany(_CHUNK):
        for uuid, contract, blob in part:
            if len(blob) != 4 * dimensions[contract]:
                yield Finding("vector_damaged", f"face {uuid}: {len(blob)} bytes, expected {4 * dimensions[contract]}")
                continue
            vector = np.frombuffer(blob, dtype="<f4")
            with np.errstate(over="ignore", invalid="ignore"):
                length = float(np.sqrt(vector @ vector))
            if not abs(length - 1) <= 1e-3:
                yield Finding("vector_damaged", f"face {uuid}: length {length:.4g}, expected 1")


def _index(connection: sqlite3.Connection, live: Live) -> list[Finding]:
    """What is searched against what is stored: the same faces, people and numbers."""
    if live.empty:
        (stored,) = connection.execute(
            "SELECT count(*) FROM template WHERE contract = (SELECT contract FROM gallery)"
        ).fetchone()
        return [Finding("index_differs", f"{stored} templates are stored, none is searched")] if stored else []
    held = Marks.of(live.index)
    differing = seen = 0
    rows = connection.execute(
        """SELECT face, person, vector FROM template JOIN face ON face.id = template.face
           WHERE contract = (SELECT contract FROM gallery)"""
    )
    while part := rows.fetchmany(_CHUNK):
        seen += len(part)
        differing += held.differing(*zip(*part, strict=True))
    differing += max(len(live.index) - seen, 0)
    if not differing:
        return []
    return [
        Finding(
            "index_differs", f"{differing} of {seen} templates; remove the snapshot file and open the gallery again"
        )
    ]


def _crops(connection: sqlite3.Connection) -> tuple[int, list[Finding]]:
    """Decode every crop; how many there are, and those that are damaged."""
    count = 0
    findings = []
    rows = connection.execute("SELECT uuid, png FROM crop JOIN face ON face.id = crop.face")
    for uuid, png in rows:
        count += 1
        try:
            shape = faces.from_png(png).shape
        except GalleryError:
            shape = None
        if shape != (112, 112, 3):
            findings.append(Finding("crop_damaged", f"face {uuid}: {'not a picture' if shape is None else shape}"))
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
