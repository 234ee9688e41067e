"""`vultus enroll`: take people into a gallery."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.output import console, counted, no, print_json, progress, table, warn
from vultus.errors import InputError

if TYPE_CHECKING:
    from vultus.bulk import FolderEnrolment

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("enroll")(enroll)
    app.command("enrol", hidden=True)(enroll)


@options.choosing
def enroll(
    sources: Annotated[
        list[str], typer.Argument(metavar="FOLDER | IMAGE…", help="A folder with a sub-folder a person, or pictures.")
    ],
    name: Annotated[str | None, typer.Option("--name", help="The person that all the pictures show.")] = None,
    gallery: options.GalleryOption = Path("gallery"),
    faces: options.FacesOption = "main",
    gate: options.GateOption = "medium",
    force: Annotated[bool, typer.Option("--force", help="Enrol faces that look like somebody else too.")] = False,
    require_live: Annotated[
        bool,
        typer.Option(
            "--require-live",
            help="Refuse a picture whose face is taken for a print, screen or mask, or cannot be judged (not_live).",
        ),
    ] = False,
    keep: Annotated[
        str | None,
        typer.Option("--keep", help="For a new gallery: aligned (keep face crops, so that models can change) or none."),
    ] = None,
    json: options.JsonOption = False,
    crops: options.CropsOption = None,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """Enrol people: every picture of FOLDER/NAME/, or the pictures named with --name.

    What cannot be used is listed with its reason and the rest goes on. Stopping is safe at
    any time, and a second run passes over what is unchanged. Ends with status 1 when there
    was something to enrol and nothing could be.
    """
    from vultus.bulk import pictures
    from vultus.bulk.enrolling import Plan, enroll_planned, plan
    from vultus.gallery import Gallery
    from vultus.gallery.names import normal

    if keep not in (None, "aligned", "none"):
        raise InputError(f"expected --keep aligned or none, got {keep!r}")
    if name is None and len(sources) != 1:
        raise InputError("expected one folder, or pictures of one person with --name")
    if name is not None and any(Path(source).is_dir() and _holds_people(Path(source)) for source in sources):
        raise InputError(
            "expected pictures of one person with --name, got a folder with sub-folders; leave --name out, or name the "
            "person's own folder"
        )
    if name is None:
        planned = plan(Path(sources[0]))
    else:
        planned = Plan(tuple((normal(name), source) for source in pictures(sources)))
    if not planned:
        raise InputError(f"no picture found in {', '.join(sources)}")
    analyzer = chosen.analyzer()
    with Gallery.open(gallery, analyzer=analyzer, keep=keep) as known:  # type: ignore[arg-type]
        work = enroll_planned(
            known,
            analyzer.parallel(),
            planned,
            faces=faces,
            gate=gate,  # type: ignore[arg-type]
            force=force,
            require_live=require_live,
        )
        tally = _Tally()
        try:
            with progress("enrolling", len(planned), quiet=json) as advance:
                for done in work:
                    advance()
                    tally.take(done)
        finally:
            if json:
                print_json(tally.report(len(known.people())))
            else:
                _tell(tally, gallery, len(known.people()))
        if crops is not None:
            _write_crops(known, tally.templates, crops)
    no(not tally.templates and not tally.unchanged)


def _holds_people(folder: Path) -> bool:
    """Whether a folder has sub-folders, as a folder of several people has."""
    return any(path.is_dir() and not path.name.startswith(".") for path in folder.iterdir())


class _Tally:
    """What became of everything so far."""

    def __init__(self) -> None:
        self.templates: list[tuple[str, str]] = []  # id, person
        self.unchanged: list[str] = []
        self.refused: list[dict[str, object]] = []
        self.notes: list[dict[str, str]] = []

    def take(self, done: FolderEnrolment) -> None:
        self.templates += [(template.id, template.person) for template in done.enrolment.added]
        self.unchanged += done.enrolment.unchanged
        for refused in done.enrolment.refused:
            self.refused.append(
                {"source": refused.source, "name": done.name or None, "code": refused.code, "reason": refused.reason}
            )
        self.notes += [{"source": note.source, "note": note.text} for note in done.enrolment.notes]

    def report(self, people: int) -> dict[str, object]:
        """The JSON contract: enrolled, people, refused; and what else happened."""
        return {
            "enrolled": len(self.templates),
            "people": people,
            "unchanged": len(self.unchanged),
            "refused": self.refused,
            "notes": self.notes,
        }


def _tell(tally: _Tally, gallery: Path, people: int) -> None:
    for note in tally.notes:
        warn(f"{note['source']}: {note['note']}")
    if tally.refused:
        table(
            "not enrolled", ("picture", "why"), ((str(item["source"]), str(item["reason"])) for item in tally.refused)
        )
    console().print(
        f"{counted(len(tally.templates), 'face')} enrolled, {len(tally.unchanged)} unchanged, "
        f"{len(tally.refused)} refused; {gallery} now knows {counted(people, 'person', 'people')}",
        soft_wrap=True,
    )


def _write_crops(known: object, templates: list[tuple[str, str]], folder: Path) -> None:
    from vultus.cli.drawings import file_name
    from vultus.gallery import Gallery
    from vultus.images import write

    assert isinstance(known, Gallery)
    for identity, person in templates:
        crop = known.crop(identity)
        if crop is not None:
            write(folder / f"{file_name(person)}.{identity[:8]}.png", crop)
