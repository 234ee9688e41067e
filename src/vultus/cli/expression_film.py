"""The video of `vultus expression --draw`: what was told, drawn in a second reading."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vultus.cli.output import error_console, progress
from vultus.cli.watching import camera
from vultus.draw import Bars, VideoWriter, annotate_bars
from vultus.errors import InputError
from vultus.expression import Look
from vultus.types import Box
from vultus.video import is_stream, open_video

__all__ = ["Kept", "draw_film"]

Faces = dict[int, Bars]  # by track


class Kept:
    """The looks of a video on the disk, so that memory does not grow with its length."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed on leaving
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._file.close()

    def add(self, look: Look) -> None:
        """Lay a look down."""
        answer = look.smoothed
        box = (look.box.x1, look.box.y1, look.box.x2, look.box.y2)
        self._file.write(json.dumps([look.frame, look.track, box, answer.scores, answer.abstained]) + "\n")
        self.count += 1

    def frames(self) -> Iterator[tuple[int, Faces]]:
        """The faces of each frame that was looked at, from the beginning."""
        self._file.seek(0)
        at, faces = -1, Faces()
        for line in self._file:
            frame, track, box, scores, abstained = json.loads(line)
            if frame != at:
                if faces:
                    yield at, faces
                at, faces = frame, Faces()
            faces[track] = Bars(Box(*box), scores, abstained)
        if faces:
            yield at, faces


def draw_film(name: str, kept: Kept, path: Path, *, quiet: bool) -> None:
    """Read a video once more and write it to `path`, with a frame and bars for every face.

    Refused (InputError): a live stream, which cannot be read twice.
    """
    source = camera(name)
    if isinstance(source, int) or is_stream(source):
        raise InputError("an annotated video needs a file: a live stream cannot be read twice; record it first")
    path.parent.mkdir(parents=True, exist_ok=True)
    between = _Between(kept.frames())
    with open_video(source) as video, ExitStack() as stack:
        advance = stack.enter_context(progress(f"writing {path}", video.info.frames, quiet=quiet))
        out: Any = None
        begun = 0.0
        for frame in video:
            image = frame.image()
            if out is None:
                size_wh = (image.shape[1], image.shape[0])
                out = stack.enter_context(VideoWriter(path, size_wh, video.info.rate or 25.0))
                begun = frame.time
            out.write(annotate_bars(image, between.at(frame.index)), time=frame.time - begun)
            advance()
    error_console().print(f"wrote {path}", soft_wrap=True)


class _Between:
    """The faces of frames in order: between two looks boxes move evenly, and what is told stays."""

    def __init__(self, looks: Iterator[tuple[int, Faces]]) -> None:
        self._looks = looks
        self._now: tuple[int, Faces] = (-1, {})
        self._next = next(looks, None)

    def at(self, frame: int) -> list[Bars]:
        while self._next is not None and self._next[0] <= frame:
            self._now, self._next = self._next, next(self._looks, None)
        start, faces = self._now
        if self._next is None:
            return list(faces.values()) if frame == start else []
        end, later = self._next
        share = (frame - start) / (end - start)
        both = [track for track in faces if track in later]
        if frame == start:
            return list(faces.values())
        return [
            Bars(_moved(faces[track].box, later[track].box, share), faces[track].values, faces[track].note)
            for track in both
        ]


def _moved(first: Box, last: Box, share: float) -> Box:
    def between(a: float, b: float) -> float:
        return a + share * (b - a)

    return Box(
        between(first.x1, last.x1), between(first.y1, last.y1), between(first.x2, last.x2), between(first.y2, last.y2)
    )
