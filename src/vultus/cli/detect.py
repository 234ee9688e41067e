"""`vultus detect`: the faces in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vultus.cli import options
from vultus.cli.output import no, print_json, progress, table, warn
from vultus.errors import InputError

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("detect")(detect)


def detect(
    sources: Annotated[list[str], typer.Argument(metavar="IMAGE…", help="Pictures, folders or web addresses.")],
    json: options.JsonOption = False,
    draw: options.DrawOption = None,
    crops: options.CropsOption = None,
    gate: options.GateOption = "low",
    smallest: options.SmallestOption = 16.0,
    detector: options.DetectorOption = "yunet",
    models: options.ModelsOption = None,
    engine: options.EngineOption = "openvino",
    precision: options.PrecisionOption = "auto",
) -> None:
    """Find the faces in pictures: one line a face, with box, points, quality and why it might not do.

    Ends with status 1 when no picture holds a face.
    """
    from vultus.bulk import pictures, read_pictures
    from vultus.cli.drawings import Drawings
    from vultus.models.quality import gate as refused_by

    analyzer = options.make_analyzer(
        detector=detector, models=models, engine=engine, precision=precision, smallest=smallest, late=True
    )
    drawings = Drawings(draw, crops)
    waiting = list(pictures(sources))
    rows, found, failed = [], 0, 0
    with progress("looking for faces", len(waiting), quiet=json) as advance:
        for seen in read_pictures(waiting, analyzer.parallel(), embed=False):
            advance()
            if seen.error is not None:
                failed += 1
                warn(str(seen.error))
                continue
            for number, reading in enumerate(seen.readings, 1):
                found += 1
                refusals = refused_by(reading.quality, gate)  # type: ignore[arg-type]
                if json:
                    print_json(
                        {
                            "source": seen.name,
                            "face": number,
                            "box": reading.face.box,
                            "landmarks": reading.face.landmarks.round(1),
                            "score": reading.face.score,
                            "rotation": reading.face.rotation,
                            "quality": reading.quality,
                            "refusals": refusals,
                        }
                    )
                rows.append(
                    (
                        Path(seen.name).name,
                        str(number),
                        " ".join(map(str, reading.face.box.round())),
                        f"{reading.face.score:.2f}",
                        f"{reading.quality.score:.2f}",
                        ", ".join(map(str, refusals)) or "good",
                    )
                )
            drawings.faces(seen)
    if not json and rows:
        table(None, ("picture", "face#", "box", "score#", "quality#", "passes the gate"), rows)
    drawings.tell()
    if failed == len(waiting):
        raise InputError("no picture could be read; the reasons stand above")
    if not json and not found:
        warn(f"no face in {len(waiting)} pictures")
    no(not found)
