"""Faces in video: frames, shots, tracks, and one decision a track."""

from vultus.video.follow import Analyzer, Glimpse, Progress, default_stride, tracks
from vultus.video.frame import Frame, Info, Recording
from vultus.video.identity import Decision, ProvisionalName, named, pooled, resolve
from vultus.video.live import Live, Reconnect
from vultus.video.ongoing import Following
from vultus.video.shot import CUT, cuts, difference, shots
from vultus.video.sources import Source, frames, is_stream, open_video
from vultus.video.track import Route, Sighting, Track

__all__ = [
    "CUT",
    "Analyzer",
    "Decision",
    "Following",
    "Frame",
    "Glimpse",
    "Info",
    "Live",
    "Progress",
    "ProvisionalName",
    "Reconnect",
    "Recording",
    "Route",
    "Sighting",
    "Source",
    "Track",
    "cuts",
    "default_stride",
    "difference",
    "frames",
    "is_stream",
    "named",
    "open_video",
    "pooled",
    "resolve",
    "shots",
    "tracks",
]
