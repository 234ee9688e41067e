"""`vultus cluster`: which of many unknown faces are one person's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vultus.cli import options
from vultus.cli.output import console, counted, no, point_line, print_json, progress, table, warn

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("cluster")(cluster)


@options.choosing
def cluster(
    sources: Annotated[list[str], typer.Argument(metavar="FOLDER…", help="Folders or pictures.")],
    fmr: Annotated[
        float,
        typer.Option("--fmr", help="Groups are cut where pairs of different people pass at this rate."),
    ] = 1e-4,
    gate: options.GateOption = "low",
    json: options.JsonOption = False,
    draw: options.DrawOption = None,
    crops: options.CropsOption = None,
    smallest: options.SmallestOption = 16.0,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """Group the faces of pictures by person, without names: one line a face, null where it is alone.

    Two faces of one picture are never one person. The groups do not depend on the order of
    the files. `--draw DIR` writes a contact sheet a group. Ends with status 1 when there is
    no group.
    """
    import numpy as np

    from vultus.bulk import pictures, read_pictures
    from vultus.cli.drawings import Drawings
    from vultus.gallery.cluster import cluster as group
    from vultus.models.quality import gate as refused_by
    from vultus.operating import table_for

    analyzer = chosen.analyzer(smallest=smallest)
    point = table_for(analyzer.contract).verify(fmr)
    waiting = list(pictures(sources))
    drawings = Drawings(None, crops)
    faces, photos, keys = [], [], []
    unusable = 0
    with progress("reading faces", len(waiting), quiet=json) as advance:
        for seen in read_pictures(waiting, analyzer.parallel()):
            advance()
            if seen.error is not None or seen.picture is None:
                warn(str(seen.error))
                continue
            for number, reading in enumerate(seen.readings, 1):
                if refused_by(reading.quality, gate):  # type: ignore[arg-type]
                    unusable += 1
                    continue
                faces.append((seen.name, number, reading))
                photos.append(seen.picture.sha256)
                keys.append(f"{seen.picture.sha256} {number}")
            drawings.faces(seen)
    vectors = np.array([reading.embedding for _, _, reading in faces], dtype=np.float32)
    vectors = vectors.reshape(len(faces), analyzer.contract.dimension)
    labels = group(vectors, point.threshold, photo=photos, keys=keys)
    rows = []
    for (name, number, reading), label in zip(faces, labels.tolist(), strict=True):
        own = None if label < 0 else label + 1
        if json:
            print_json({"source": name, "face": number, "box": reading.face.box, "cluster": own})
        rows.append((own, name, number))
    groups = sorted({own for own, _, _ in rows if own is not None})
    if not json:
        _tell(rows, groups, unusable)
        console().print(f"[dim]cut at {point_line(point)}[/]", soft_wrap=True)
    if draw is not None:
        _sheets(draw, faces, labels.tolist(), groups)
    no(not groups)


def _tell(rows: list[tuple[int | None, str, int]], groups: list[int], unusable: int) -> None:
    listed = []
    for number in groups:
        members = [f"{name} ({face})" for own, name, face in rows if own == number]
        shown = ", ".join(members[:4]) + (f", … {len(members) - 4} more" if len(members) > 4 else "")
        listed.append((str(number), str(len(members)), shown))
    if listed:
        table(None, ("cluster#", "faces#", "pictures (face)"), listed)
    alone = sum(own is None for own, _, _ in rows)
    console().print(
        f"{counted(len(rows), 'face')}: {counted(len(groups), 'cluster')}, {alone} alone, {unusable} not usable",
        soft_wrap=True,
    )


def _sheets(folder: Path, faces: list, labels: list[int], groups: list[int]) -> None:  # type: ignore[type-arg]
    from vultus.cli.output import counted, error_console
    from vultus.draw import sheet
    from vultus.images import write

    for number in groups:
        members = [face for face, label in zip(faces, labels, strict=True) if label == number - 1]
        crops = [reading.aligned for _, _, reading in members]
        write(folder / f"cluster{number}.jpg", sheet(crops, [Path(name).stem for name, _, _ in members]))
    error_console().print(f"wrote {counted(len(groups), 'contact sheet')} to {folder}", soft_wrap=True)
