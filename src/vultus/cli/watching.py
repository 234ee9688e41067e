"""Annotated videos and the faces of tracks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from vultus.bulk import TrackChecked, TrackFound
from vultus.cli.drawings import file_name, live_mark
from vultus.cli.output import error_console, progress
from vultus.draw import Mark, VideoWriter
from vultus.errors import InputError
from vultus.images import write
from vultus.video import is_stream, open_video

__all__ = ["annotate_video", "camera", "mark_checked", "mark_found", "write_faces"]

Marker = Callable[[int], Mark | None]  # a frame to what is drawn for one track, None outside it


def camera(name: str) -> str | int:
    """The source that a name means: `camera:1` is the second camera.

    >>> camera("camera:1"), camera("door.mp4")
    (1, 'door.mp4')
    """
    found = re.fullmatch(r"camera:(\d+)", name)
    return int(found[1]) if found else name


def annotate_video(source: str | int, found: Sequence[Marker], path: Path, *, quiet: bool) -> None:
    """Read the video once more and write it with a box and a word on every tracked face.

    found: one for each track. Refused (InputError): a live stream, which cannot be read twice.
    """
    if isinstance(source, int) or is_stream(source):
        raise InputError("an annotated video needs a file: a live stream cannot be read twice; record it first")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_video(source) as video, ExitStack() as stack:
        advance = stack.enter_context(progress(f"writing {path}", video.info.frames, quiet=quiet))
        out: VideoWriter | None = None
        begun = 0.0
        for frame in video:
            image = frame.image()
            if out is None:
                size_wh = (image.shape[1], image.shape[0])
                out = stack.enter_context(VideoWriter(path, size_wh, video.info.rate or 25.0))
                begun = frame.time
            marks = [mark(frame.index) for mark in found]
            out.write(image, [mark for mark in marks if mark is not None], time=frame.time - begun)
            advance()
    error_console().print(f"wrote {path}", soft_wrap=True)


def write_faces(found: Sequence[TrackFound], folder: Path, prefix: str) -> None:
    """The best face of each track as a picture."""
    for item in found:
        crop = item.track.best.reading.aligned
        if crop is not None:
            name = file_name(item.person.person or item.person.status)
            write(folder / f"{prefix}.track{item.track.id}.{name}.png", crop)


def mark_found(found: TrackFound) -> Marker:
    """What is drawn for a track with a name or none."""
    person = found.person
    attack = any(refusal.code == "NOT_LIVE" for refusal in person.refusals)

    def mark(frame: int) -> Mark | None:
        box = found.track.box(frame)
        if box is None:
            return None
        if person.status == "match":
            return Mark(box, person.person or "", "match", person.score)
        if attack:
            return Mark(box, "attack", "attack")
        return Mark(box, person.status, "rejected" if person.status == "rejected" else "unknown")

    return mark


def mark_checked(found: TrackChecked) -> Marker:
    """What is drawn for a track with the answer of attack detection."""

    def mark(frame: int) -> Mark | None:
        box = found.track.box(frame)
        return None if box is None else live_mark(box, found.liveness)

    return mark
