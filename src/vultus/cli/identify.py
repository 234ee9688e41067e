"""`vultus identify`: who is in these pictures, folders, videos, streams."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.output import (
    console,
    liveness_fields,
    liveness_line,
    no,
    point_line,
    print_json,
    progress,
    table,
    warn,
)
from vultus.errors import InputError, VultusError

if TYPE_CHECKING:
    from vultus.bulk import Found, TrackFound
    from vultus.cli.drawings import Drawings
    from vultus.gallery import Identification
    from vultus.gallery.normalising import Cohort
    from vultus.types import Liveness

__all__ = ["add_to"]


class Normalisation(StrEnum):
    """Whom scores are taken relative to."""

    NONE = "none"
    T = "t"
    S = "s"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("identify")(identify)


@options.choosing
def identify(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE…", help="Pictures, folders, videos, web addresses, rtsp://…, or camera:0."),
    ],
    gallery: options.GalleryOption = Path("gallery"),
    fpir: options.FpirOption = 0.01,
    faces: options.FacesOption = "all",
    gate: options.GateOption = "low",
    candidates: Annotated[int, typer.Option("--candidates", help="People to list for each face.", min=1)] = 5,
    allow_repeat: Annotated[
        bool, typer.Option("--allow-repeat", help="One person may be in a picture twice: mirrors, collages.")
    ] = False,
    normalise: Annotated[
        Normalisation,
        typer.Option(
            "--normalise",
            help="Decide by scores relative to other people: t, those of the gallery; s, those of --cohort (adaptive "
            "S-norm). Measured no gain, so it is off: against 20 people of LFW with a picture each, FNIR at FPIR 0.01 "
            "was 0.0021 without, 0.0212 with t, 0.0010 with s (difference -0.0010 [-0.0035, +0.0012]); see "
            "`vultus evaluate cohort`.",
        ),
    ] = Normalisation.NONE,
    cohort: Annotated[
        Path | None,
        typer.Option(
            "--cohort", help="For --normalise s: a gallery of other people, or an .npz of embeddings and contract."
        ),
    ] = None,
    require_live: Annotated[
        bool,
        typer.Option(
            "--require-live",
            help="Name only faces that are taken for living ones; others are listed without a name, with the reason.",
        ),
    ] = False,
    json: options.JsonOption = False,
    draw: options.DrawOption = None,
    crops: options.CropsOption = None,
    stride: Annotated[
        int | None, typer.Option("--stride", help="Video: frames from one detection to the next.", min=1)
    ] = None,
    smallest: options.SmallestOption = 16.0,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """Say of every face who it is, or that it is nobody whom the gallery knows.

    A line a face for pictures, a line a track for video. Below the threshold the answer is
    unknown, without a name. Ends with status 1 when nobody was recognised.
    """
    from vultus.bulk import is_video, pictures
    from vultus.cli.drawings import Drawings
    from vultus.gallery import Gallery

    names = list(pictures(sources, videos=True))
    stills = [name for name in names if not is_video(name)]
    videos = [name for name in names if is_video(name)]
    if not names:
        raise InputError(f"no picture or video found in {', '.join(sources)}")
    if videos and normalise is not Normalisation.NONE:
        raise InputError(
            f"expected pictures only with --normalise {normalise}, got the video {videos[0]}: what normalised scores "
            "of tracks stand for was not measured"
        )
    others = None if cohort is None else _cohort(cohort)
    analyzer = chosen.analyzer(smallest=smallest)
    with Gallery.open(gallery, analyzer=analyzer, create=False) as known:
        printer, drawings = _Printer(json), Drawings(draw, crops)
        asked: dict[str, Any]
        try:
            if stills:
                asked = {
                    "fpir": fpir,
                    "candidates": candidates,
                    "faces": faces,
                    "gate": gate,
                    "allow_repeat": allow_repeat,
                    "normalise": normalise.value,
                    "cohort": others,
                    "require_live": require_live,
                }
                _pictures(known, analyzer, stills, printer, drawings, asked)
            for name in videos:
                asked = {"fpir": fpir, "candidates": candidates, "require_live": require_live}
                _video(known, analyzer, name, printer, drawings, stride, asked)
        finally:
            printer.finish()
    if printer.failed == len(names):
        raise InputError("nothing could be read; the reasons stand above")
    no(not printer.named)


def _cohort(path: Path) -> Cohort:
    from vultus.gallery import Gallery
    from vultus.gallery.normalising import Cohort

    if not path.is_dir():
        return Cohort.load(path)
    with Gallery.open(path, create=False, read_only=True) as others:
        return others.cohort()


def _pictures(known: Any, analyzer: Any, names: list[str], printer: _Printer, drawings: Drawings, asked: Any) -> None:
    from vultus.bulk import identify_pictures

    with progress("identifying", len(names), quiet=printer.json) as advance:
        for found in identify_pictures(known, analyzer.parallel(), names, **asked):
            advance()
            printer.picture(found)
            drawings.people(found.seen, found.people)
    drawings.tell()


def _video(
    known: Any,
    analyzer: Any,
    name: str,
    printer: _Printer,
    drawings: Drawings,
    stride: int | None,
    asked: Any,
) -> None:
    from vultus.bulk import identify_video
    from vultus.cli.watching import annotate_video, camera, mark_found, write_faces
    from vultus.video import Following

    found: list[TrackFound] = []
    try:
        with progress(f"watching {name}", None, quiet=printer.json) as advance:
            work = identify_video(
                known,
                analyzer.for_video(),
                camera(name),
                following=Following(stride=stride),
                progress=lambda done, total: advance(to=done, total=total),
                **asked,
            )
            for track in work:
                printer.track(name, track)
                if drawings.pictures is not None or drawings.crops is not None:
                    found.append(track)
    except VultusError as error:
        if not isinstance(error, InputError):
            raise
        printer.failed += 1
        warn(str(error))
    if drawings.crops is not None:
        write_faces(found, drawings.crops, drawings.names.free(name))
    if found and (path := drawings.film(name)) is not None:
        annotate_video(camera(name), [mark_found(track) for track in found], path, quiet=printer.json)


class _Printer:
    """Lines as they come for programs, one table at the end for people."""

    def __init__(self, json: bool) -> None:
        self.json = json
        self.named = 0
        self.failed = 0
        self._rows: list[tuple[str, ...]] = []
        self._points: dict[str, None] = {}

    def picture(self, found: Found) -> None:
        seen = found.seen
        if seen.error is not None:
            self.failed += 1
            warn(str(seen.error))
            return
        if not found.people:
            self._rows.append((Path(seen.name).name, "", "no face", "", ""))
        for person in found.people:
            live = seen.liveness[person.ordinal] if seen.liveness else None
            self._answer(seen.name, person, {}, str(person.ordinal + 1), live)

    def track(self, name: str, found: TrackFound) -> None:
        track = found.track
        when = {
            "track": track.id,
            "start": track.start,
            "end": track.end,
            "frames": track.frames,
            "best_frame": track.best.frame,
        }
        self._answer(name, found.person, when, f"{track.start:.1f}-{track.end:.1f} s", found.liveness)

    def finish(self) -> None:
        if self.json or not self._rows:
            return
        table(None, ("source", "face", "who", "score#", "threshold#"), self._rows)
        for line in self._points:
            console().print(f"[dim]{line}[/]", soft_wrap=True)

    def _answer(
        self, source: str, person: Identification, when: dict[str, Any], label: str, live: Liveness | None
    ) -> None:
        point = person.operating
        self.named += person.status == "match"
        if point is not None:
            relative = (
                "" if person.normalised is None else f"; standard deviations ({point.fusion}), cosines in brackets"
            )
            self._points[point_line(point) + relative] = None
        if live is not None:
            self._points[liveness_line(live.point)] = None
        if self.json:
            print_json(
                {
                    "source": source,
                    "box": None if person.face is None else person.face.box,
                    "name": person.person,
                    "status": person.status,
                    "score": person.score,
                    "threshold": None if point is None else point.threshold,
                    "fpir": None if point is None else point.target,
                    "candidates": [{"name": item.person, "score": item.score} for item in person.candidates],
                    **when,
                    "quality": None if person.quality is None else person.quality.score,
                    "refusals": person.refusals,
                    "extrapolated": None if point is None else point.extrapolated,
                    "revision": person.revision,
                    **({} if person.normalised is None else {"normalised": person.normalised}),
                    **({} if live is None else liveness_fields(live)),
                }
            )
            return
        from vultus.analyzer import why_not_live

        words = {"match": f"[bold green]{person.person}[/]", "unknown": "unknown", "rejected": "not usable: "}
        shown = words.get(person.status, person.status)
        if person.status == "rejected":
            shown += ", ".join(map(str, person.refusals)) or "no good frame"
        if live is not None and not live.live:
            shown = why_not_live(live)
        score = "" if person.score is None else f"{person.score:.3f}"
        threshold = "" if point is None else f"{point.threshold:.3f}"
        if person.normalised is not None:
            score, threshold = f"{person.normalised:.2f} sd ({score})", f"{threshold} sd"
        self._rows.append((Path(source).name or source, label, shown, score, threshold))
