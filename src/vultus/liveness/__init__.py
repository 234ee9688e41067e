"""Signs of life over a track of frames, and challenges that a person answers before the camera."""

from vultus.liveness.blink import Blinks, blink_signal, blinks
from vultus.liveness.challenge import Challenge, Challenges, Seen, Step, challenge_signal, observe
from vultus.liveness.plane import Relief, plane_signal, relief
from vultus.liveness.pulse import Pulse, Skin, pulse, pulse_signal, skin
from vultus.liveness.track import fuse, fused_score

__all__ = [
    "Blinks",
    "Challenge",
    "Challenges",
    "Pulse",
    "Relief",
    "Seen",
    "Skin",
    "Step",
    "blink_signal",
    "blinks",
    "challenge_signal",
    "fuse",
    "fused_score",
    "observe",
    "plane_signal",
    "pulse",
    "pulse_signal",
    "relief",
    "skin",
]
