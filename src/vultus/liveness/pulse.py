"""The pulse in the skin's colour: two published readings that must agree.

Blood under the skin changes its colour by a part in a hundred or less with each beat.
POS (Wang et al., IEEE TBME 64(7), 2017) and CHROM (de Haan and Jeanne, IEEE TBME 60(10),
2013) each cancel what light and movement do to all three channels. A pulse is spoken of
only where one line stands out of the band, both readings and separate parts of the face
show it, and the head keeps still. Strong compression wipes it out of genuine video, so its
absence says nothing; a replay of a good film may carry it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK, eye_distance
from vultus.types import Image, Signal

__all__ = ["Pulse", "Skin", "chrom", "pos", "pulse", "pulse_signal", "skin"]

BAND = (0.7, 4.0)  # Hz: 42 to 240 beats a minute
SHORTEST = 6.0  # seconds
SLOWEST = 10.0  # frames a second
FASTEST = 30.0  # to which faster video is brought
GAP = 0.5  # seconds without the face that break the reading
WINDOW = 1.6  # seconds, POS's own
NEAR = 0.1  # Hz: what still counts as the line
CLEAR_DB = 3.0  # signal over the rest of the band (see tests for the false alarms)
AGREE = 6.0  # beats a minute between readings
MOVES = 0.5  # of the eye distance: a head that moves further changes light and skin under the outline
SWAY = 0.4  # share of the movement's power at the pulse's frequency
REGIONS = (FOREHEAD, RIGHT_CHEEK, LEFT_CHEEK)

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """The colour of a face's skin in one frame."""

    time: float  # seconds
    colour: Array  # (3, 3): forehead, right and left cheek by R, G, B, means 0 to 255
    place: tuple[float, float]  # of the face, in eye distances


@dataclass(frozen=True, slots=True)
class Pulse:
    """A reading of the pulse, or why there is none."""

    bpm: float  # NaN where nothing is said
    snr: float  # dB, line and its octave over the rest of the band; NaN where not measured
    seconds: float
    rate: float  # frames a second
    nothing: str = ""  # why nothing is said; empty where a pulse is


def skin(image: Image, mesh: Mesh, time: float) -> Skin:
    """Mean colours of three parts of the face in a picture (H, W, 3); NaN for a part outside it."""
    colour = np.full((len(REGIONS), 3), np.nan)
    for row, region in enumerate(REGIONS):
        outline = cv2.convexHull(np.round(mesh.points[list(region), :2]).astype(np.int32))
        x, y, width, height = cv2.boundingRect(outline)
        x1, y1 = max(x, 0), max(y, 0)
        part = image[y1 : max(y + height, 0), x1 : max(x + width, 0)]
        if part.shape[0] < 2 or part.shape[1] < 2:
            continue
        mask = np.zeros(part.shape[:2], dtype=np.uint8)
        cv2.fillConvexPoly(mask, outline - np.array([x1, y1], dtype=np.int32), 1)
        if mask.any():
            colour[row] = cv2.mean(part, mask)[:3]
    unit = max(eye_distance(mesh), 1e-6)
    centre = mesh.points[:, :2].mean(axis=0) / unit
    return Skin(time, colour, (float(centre[0]), float(centre[1])))


def pulse(samples: Sequence[Skin]) -> Pulse:
    """Read the pulse from a track, in order of time; says why where it cannot be read."""
    usable = [sample for sample in samples if np.isfinite(sample.colour).all()]
    times = np.array([sample.time for sample in usable])
    seconds = float(times[-1] - times[0]) if len(times) else 0.0
    rate = (len(times) - 1) / seconds if seconds > 0 else 0.0
    if seconds < SHORTEST or rate < SLOWEST * 0.98:
        why = f"{seconds:.1f} s of skin at {rate:.0f} frames a second; {SHORTEST:g} s at {SLOWEST:g} are needed"
        return Pulse(math.nan, math.nan, seconds, rate, why)
    if (gap := float(np.diff(times).max())) > GAP:
        return Pulse(math.nan, math.nan, seconds, rate, f"the face is away for {gap:.1f} s in between")
    places = np.array([sample.place for sample in usable])
    if (moved := float(np.ptp(np.percentile(places, [2, 98], axis=0), axis=0).max())) > MOVES:
        return Pulse(math.nan, math.nan, seconds, rate, f"the head moves by {moved:.1f} eye distances")
    fps = min(rate, FASTEST)
    colours = _even(times, np.stack([sample.colour for sample in usable]).reshape(len(usable), -1), fps)
    colours = colours.reshape(len(colours), len(REGIONS), 3)
    if colours.min() < 1:
        return Pulse(math.nan, math.nan, seconds, rate, "the skin is black in places: too dark, or no colours")
    return _judge(colours, _even(times, places, fps), fps, seconds, rate)


def pulse_signal(found: Pulse) -> Signal:
    """What the pulse says: "bona fide" where one is seen, else "nothing"."""
    if found.nothing:
        return Signal("pulse", math.nan, "beats a minute", "nothing", found.nothing)
    reason = (
        f"{found.bpm:.0f} beats a minute in the skin's colour, {found.snr:.1f} dB over the rest, seen by two methods "
        "and on several parts of the face; a good film of a face may show it too"
    )
    return Signal("pulse", found.bpm, "beats a minute", "bona fide", reason)


def pos(colour: Array, fps: float) -> Array:
    """Plane-orthogonal-to-skin: a pulse trace (T,) from colours (T, 3), R, G, B."""
    length = max(round(WINDOW * fps), 4)
    trace = np.zeros(len(colour))
    for start in range(len(colour) - length + 1):
        part = colour[start : start + length]
        scaled = part / part.mean(axis=0)
        first, second = scaled[:, 1] - scaled[:, 2], scaled[:, 1] + scaled[:, 2] - 2 * scaled[:, 0]
        wave = first + first.std() / max(float(second.std()), 1e-12) * second
        trace[start : start + length] += wave - wave.mean()
    return trace


def chrom(colour: Array, fps: float) -> Array:
    """Chrominance difference: a pulse trace (T,) from colours (T, 3), R, G, B."""
    red, green, blue = (colour / colour.mean(axis=0)).T
    first, second = (_band_pass(wave, fps) for wave in (3 * red - 2 * green, 1.5 * red + green - 1.5 * blue))
    return np.asarray(first - first.std() / max(float(second.std()), 1e-12) * second, dtype=np.float64)


def _judge(colours: Array, places: Array, fps: float, seconds: float, rate: float) -> Pulse:
    """A pulse where all readings of a track agree on one clear line."""
    whole = colours.mean(axis=1)
    bpm, snr = _line(pos(whole, fps), fps)
    if snr < CLEAR_DB:
        why = f"no line stands out of the colour's changes ({snr:.1f} dB, {CLEAR_DB:g} are needed)"
        return Pulse(math.nan, snr, seconds, rate, why)
    others = [_line(method(colour, fps), fps)[0] for method, colour in _readings(colours, whole)]
    agreeing = sum(abs(other - bpm) <= AGREE for other in others)
    if agreeing < len(others):
        return Pulse(math.nan, snr, seconds, rate, "the readings of two methods and three parts of the face differ")
    for axis in range(2):
        sway, share = _share(places[:, axis], fps, bpm / 60)
        if share > SWAY and sway > 0.005:
            return Pulse(math.nan, snr, seconds, rate, f"the head sways at the same {bpm:.0f} a minute")
    return Pulse(bpm, snr, seconds, rate)


def _readings(colours: Array, whole: Array) -> list[tuple[Callable[[Array, float], Array], Array]]:
    """The second method on the whole face, then the first on each part."""
    return [(chrom, whole), *((pos, colours[:, region]) for region in range(colours.shape[1]))]


def _even(times: Array, values: Array, fps: float) -> Array:
    """Values (T, k) at even times, by straight lines between the frames."""
    grid = np.arange(times[0], times[-1], 1 / fps)
    return np.stack([np.interp(grid, times, column) for column in values.T], axis=1)


def _band_pass(wave: Array, fps: float) -> Array:
    spectrum = np.fft.rfft(wave - wave.mean())
    frequency = np.fft.rfftfreq(len(wave), 1 / fps)
    spectrum[(frequency < BAND[0]) | (frequency > BAND[1])] = 0
    return np.asarray(np.fft.irfft(spectrum, len(wave)), dtype=np.float64)


def _spectrum(wave: Array, fps: float) -> tuple[Array, Array]:
    """Power in the band at a quarter beat's steps: frequencies (Hz) and powers."""
    size = 1 << math.ceil(math.log2(max(60 * fps * 4, len(wave))))
    steady = wave - np.polyval(np.polyfit(np.arange(len(wave)), wave, 1), np.arange(len(wave)))
    power = np.abs(np.fft.rfft(steady * np.hanning(len(wave)), size)) ** 2
    frequency = np.fft.rfftfreq(size, 1 / fps)
    band = (frequency >= BAND[0]) & (frequency <= BAND[1])
    return np.asarray(frequency[band], dtype=np.float64), np.asarray(power[band], dtype=np.float64)


def _line(wave: Array, fps: float) -> tuple[float, float]:
    """The strongest line in beats a minute, and its power over the rest of the band in dB."""
    frequency, power = _spectrum(wave, fps)
    peak = float(frequency[power.argmax()])
    reach = max(NEAR, 2 * fps / len(wave))  # the window's main lobe
    near = (np.abs(frequency - peak) <= reach) | (np.abs(frequency - 2 * peak) <= reach)
    rest = float(power[~near].sum())
    return 60 * peak, 10 * math.log10(max(float(power[near].sum()), 1e-30) / max(rest, 1e-30))


def _share(wave: Array, fps: float, at: float) -> tuple[float, float]:
    """How far a movement goes (standard deviation), and the share of its band power at one frequency."""
    frequency, power = _spectrum(wave, fps)
    near = np.abs(frequency - at) <= max(NEAR, 2 * fps / len(wave))
    return float(_band_pass(wave, fps).std()), float(power[near].sum() / max(float(power.sum()), 1e-30))
