"""A simulated multi-domain set of live faces and attacks in RGB, depth and infrared.

Everything here is drawn by formulas; no figure from it says anything about real cameras. It
holds what a study of domain generalisation must be able to switch: a live cue (depth: an
ellipsoid with a nose against a tilted or bent sheet; infrared: eye glints and skin falloff
against a flat sheet with a hot spot), noise that all samples of a domain share, and a tint of
the RGB plane that agrees with the label in the sources and contradicts it in the target. RGB
shows live faces and attacks alike but for the tint. People differ between domains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError

__all__ = ["DOMAINS", "MODALITIES", "SimulatedDomain", "Simulation", "clean", "domain"]

DOMAINS = ("A", "B", "C", "D")
MODALITIES = ("rgb", "depth", "ir")
Planes = NDArray[np.float32]  # (n, 3, S, S, 3): the modalities in the order of MODALITIES, levels 0..255


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is drawn; the same values and the same NumPy give the same bytes.

    amplitude: of the noise of a domain, in deviations of the plane it falls on; 0 is none.
    noise: "additive" is one fixed pattern a domain and modality; "sensor" is gain, blur, rows
    that drop out and coarse levels, which no subtraction undoes.
    live_cue: False draws depth and infrared without regard to the label, so that the tint is
    all there is.
    """

    samples: int = 600  # a domain, half of them live
    people: int = 60  # a domain
    size: int = 48  # pixels a side
    amplitude: float = 1.0
    noise: Literal["additive", "sensor"] = "additive"
    source_tint: float = 0.9  # share of source samples whose tint agrees with the label
    target_tint: float = 0.1  # the same of the target
    live_cue: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedDomain:
    """The samples of one domain, in no order that tells anything."""

    name: str
    planes: NDArray[np.uint8]  # (n, 3, S, S, 3): RGB, depth (nearer is brighter), infrared
    live: NDArray[np.bool_]  # (n,)
    people: NDArray[np.str_]  # (n,), "A-07"
    tint: NDArray[np.bool_]  # (n,), warm


def domain(name: str, simulation: Simulation, *, target: bool = False) -> SimulatedDomain:
    """Draw a domain. target: with the tint of the target, not of the sources.

    Refused (InputError): an unknown domain, an odd number of samples, fewer samples than
    people, a picture below 16 pixels, a share outside 0 to 1, an amplitude below 0.

    >>> drawn = domain("A", Simulation(samples=4, people=2))
    >>> drawn.planes.shape, int(drawn.live.sum())
    ((4, 3, 48, 48, 3), 2)
    """
    planes, live, people, tint = clean(name, simulation, target=target)
    if simulation.amplitude:
        spread = _deviations(planes)
        planes = (_additive if simulation.noise == "additive" else _sensor)(planes, spread, name, simulation)
    return SimulatedDomain(name, np.clip(np.rint(planes), 0, 255).astype(np.uint8), live, people, tint)


def clean(
    name: str, simulation: Simulation, *, target: bool = False
) -> tuple[Planes, NDArray[np.bool_], NDArray[np.str_], NDArray[np.bool_]]:
    """The same before the noise of the domain falls on it: planes, live, people, tint."""
    _check(name, simulation)
    rng = _stream(name, simulation, 0)
    count, size = simulation.samples, simulation.size
    owner = np.arange(count) % simulation.people
    live = (np.arange(count) // simulation.people + owner) % 2 == 0
    live[np.flatnonzero(live)[count // 2 :]] = False
    live[np.flatnonzero(~live)[: max(count // 2 - int(live.sum()), 0)]] = True
    order = rng.permutation(count)
    owner, live = owner[order], live[order]
    agree = rng.random(count) < (simulation.target_tint if target else simulation.source_tint)
    warm = live == agree
    shown = live if simulation.live_cue else rng.random(count) < 0.5
    planes = np.empty((count, 3, size, size, 3), np.float32)
    for at in range(count):
        person = np.random.default_rng([simulation.seed, DOMAINS.index(name), 1, int(owner[at])])
        planes[at] = _draw(person, rng, live=bool(shown[at]), warm=bool(warm[at]), size=size)
    return planes, live, np.array([f"{name}-{each:02d}" for each in owner]), warm


def _check(name: str, simulation: Simulation) -> None:
    if name not in DOMAINS:
        raise InputError(f"expected a simulated domain out of {', '.join(DOMAINS)}, got {name!r}")
    if simulation.samples < 2 or simulation.samples % 2 or not 1 <= simulation.people <= simulation.samples:
        raise InputError(
            f"expected an even number of samples and at most as many people, got {simulation.samples} "
            f"samples of {simulation.people} people"
        )
    if simulation.size < 16:
        raise InputError(f"expected pictures of at least 16 pixels, got {simulation.size}")
    for share in (simulation.source_tint, simulation.target_tint):
        if not 0 <= share <= 1:
            raise InputError(f"expected a share of agreeing tints from 0 to 1, got {share}")
    if not 0 <= simulation.amplitude < np.inf:
        raise InputError(f"expected an amplitude of the noise of at least 0, got {simulation.amplitude}")


def _stream(name: str, simulation: Simulation, purpose: int) -> np.random.Generator:
    """Apart for samples and for noise, so that the amplitude changes nothing but the noise."""
    return np.random.default_rng([simulation.seed, DOMAINS.index(name), 2 + purpose])


def _draw(
    person: np.random.Generator, rng: np.random.Generator, *, live: bool, warm: bool, size: int
) -> NDArray[np.float32]:
    axes = person.uniform((0.52, 0.66), (0.66, 0.82))  # half width and height of the face, canvas from -1 to 1
    features = _Features(person.uniform(0.2, 0.3), person.uniform(-0.3, -0.15), person.uniform(0.3, 0.45))
    skin, hair, wall = person.uniform((120, 90, 75), (190, 140, 120)), person.uniform(30, 90), rng.uniform(70, 150, 3)
    centre = rng.uniform(-0.1, 0.1, 2)
    axes = axes * rng.uniform(0.9, 1.1)
    grid = np.linspace(-1, 1, size, dtype=np.float32)
    u, v = (grid[None, :] - centre[0]) / axes[0], (grid[:, None] - centre[1]) / axes[1]
    inside = _edge(1 - np.hypot(u, v))
    tilt = rng.uniform(-12, 12, 2)

    rgb = _rgb(u, v, inside, features, skin, hair, wall, rng)
    rgb *= np.array((1.04, 1.0, 0.96) if warm else (0.96, 1.0, 1.04), np.float32)
    dome = np.sqrt(np.clip(1 - u**2 - v**2, 0, None))
    if live:
        nose = np.exp(-((u / 0.16) ** 2) - ((v - 0.05) / 0.28) ** 2)
        depth = 118 + rng.uniform(20, 36) * dome + rng.uniform(6, 12) * nose + tilt[0] * u + tilt[1] * v
        body = inside
        glints = features.eyes(u - 0.03, v + 0.03, 0.05)
        ir = 95 + rng.uniform(15, 40) * dome - 40 * features.eyes(u, v, 0.12) + rng.uniform(50, 110) * glints
    else:
        sheet = _edge(np.minimum(1.25 - np.abs(u), 1.3 - np.abs(v)))
        body = inside if rng.random() < 0.5 else sheet  # half of the sheets are cut out along the face
        along = rng.uniform(0, np.pi)
        bend = (np.cos(along) * u + np.sin(along) * v) ** 2
        depth = 140 - rng.uniform(-4, 10) * bend + tilt[0] * u + tilt[1] * v
        spot = rng.uniform(-0.7, 0.7, 2)
        hot = np.exp(-(((u - spot[0]) ** 2 + (v - spot[1]) ** 2) / rng.uniform(0.1, 0.6)))
        ir = 108 + rng.uniform(5, 45) * hot - rng.uniform(0, 35) * features.eyes(u, v, 0.12)
    depth = np.where(body > 0.5, depth, 95 + 6 * u)
    ir = body * ir + (1 - body) * rng.uniform(50, 90)
    depth = depth + rng.normal(0, 4, depth.shape)
    ir = ir + rng.normal(0, 7, ir.shape)
    rgb = np.asarray(rgb + rng.normal(0, 6, rgb.shape), np.float32)
    return np.stack([rgb, np.repeat(depth[..., None], 3, -1), np.repeat(ir[..., None], 3, -1)]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Features:
    """Where the eyes and the mouth of a person lie, in half axes of the face."""

    apart: float
    eye_line: float
    mouth_line: float

    def eyes(self, u: NDArray[np.float32], v: NDArray[np.float32], width: float) -> NDArray[np.float32]:
        one = np.exp(-(((u - self.apart - 0.1) / width) ** 2) - ((v - self.eye_line) / width) ** 2)
        return np.asarray(one + np.exp(-(((u + self.apart + 0.1) / width) ** 2) - ((v - self.eye_line) / width) ** 2))


def _rgb(
    u: NDArray[np.float32],
    v: NDArray[np.float32],
    inside: NDArray[np.float32],
    features: _Features,
    skin: NDArray[np.float64],
    hair: float,
    wall: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    light = 1 + rng.uniform(-0.15, 0.15) * u + rng.uniform(-0.15, 0.15) * v
    top = _edge(-0.55 - v)[..., None] * inside[..., None]
    mouth = np.exp(-((u / 0.3) ** 2) - ((v - features.mouth_line) / 0.07) ** 2)[..., None]
    face = skin * (1 - 0.6 * features.eyes(u, v, 0.13)[..., None]) * (1 - mouth * np.array((0.1, 0.4, 0.4)))
    face = face * (1 - top) + hair * top
    whole = inside[..., None] * face * light[..., None] + (1 - inside[..., None]) * wall
    return np.asarray(whole, np.float32)


def _edge(signed: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.clip(signed * 12 + 0.5, 0, 1), np.float32)


def _deviations(planes: Planes) -> NDArray[np.float64]:
    """Deviation of each modality's pixels about the mean picture of the domain: what varies between samples, (3,)."""
    centred = planes - planes.mean(axis=0, keepdims=True)
    return np.asarray(np.sqrt((centred.astype(np.float64) ** 2).mean(axis=(0, 2, 3, 4))))


def _additive(planes: Planes, spread: NDArray[np.float64], name: str, simulation: Simulation) -> Planes:
    rng = _stream(name, simulation, 1)
    noisy = planes.copy()
    for modality in range(3):
        width = rng.uniform(0.6, 2.0)
        white = rng.normal(size=(*planes.shape[2:4], 3 if modality == 0 else 1))
        pattern = np.asarray(cv2.GaussianBlur(white, (0, 0), width)).reshape(white.shape)
        pattern = (pattern - pattern.mean()) / pattern.std()
        noisy[:, modality] += (simulation.amplitude * spread[modality] * pattern).astype(np.float32)
    return noisy


def _sensor(planes: Planes, spread: NDArray[np.float64], name: str, simulation: Simulation) -> Planes:
    rng = _stream(name, simulation, 1)
    a, size = simulation.amplitude, simulation.size
    noisy = planes.copy()
    for modality in range(3):
        gain, slope = 1 + a * rng.uniform(-0.15, 0.15), a * rng.uniform(-0.15, 0.15)
        vignette = gain * (1 + slope * np.linspace(-1, 1, size, dtype=np.float32))[None, :, None]
        blur, rate, step = a * rng.uniform(0.2, 0.6), a * rng.uniform(0.01, 0.05), 1 + a * rng.uniform(2, 8)
        for at in range(len(planes)):
            picture = cv2.GaussianBlur(noisy[at, modality] * vignette, (0, 0), blur)
            picture[rng.random(size) < rate] = 0
            noisy[at, modality] = np.rint(picture / step) * step
    return noisy
