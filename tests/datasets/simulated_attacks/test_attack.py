"""What is simulated: the marks of each instrument are really there, and the face is where it is said to be."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vultus.analyzer import Analyzer
from vultus.datasets.simulated_attacks import KINDS, Camera, Presentation, capture, paper, screen, simulate, species
from vultus.errors import InputError
from vultus.geometry import iou
from vultus.types import Box, Face, Image


@pytest.fixture(scope="module")
def portrait(astronaut: Image) -> Image:
    return np.ascontiguousarray(astronaut[:320, 64:384])


@pytest.fixture(scope="module")
def room() -> Image:
    return np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)


def face_at(box: Box) -> Face:
    x, y = box.centre
    w, h = box.width, box.height
    shares = np.array([[-0.2, -0.12], [0.2, -0.12], [0, 0.1], [-0.15, 0.27], [0.15, 0.27]])
    return Face(box, (shares * (w, h) + (x, y)).astype(np.float32), 0.9)


def made(kind: str, portrait: Image, room: Image, seed: int = 0) -> Presentation:
    face = face_at(Box(110, 40, 180, 130))
    return simulate(
        portrait, face, kind, np.random.default_rng(seed), room=room, victim=(portrait[:, ::-1].copy(), face)
    )


def test_kinds_belong_to_three_species() -> None:
    assert {species(kind) for kind in KINDS} == {"print", "replay", "mask"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_has_the_form_of_the_picture_and_the_seed_decides_it(kind: str, portrait: Image, room: Image) -> None:
    before = portrait.copy()
    one, same, other = (made(kind, portrait, room, seed) for seed in (0, 0, 1))
    assert one.scene.shape == portrait.shape
    assert one.scene.dtype == np.uint8
    assert np.array_equal(one.scene, same.scene)
    assert one.box == same.box
    assert not np.array_equal(one.scene, other.scene)
    assert np.array_equal(portrait, before)


def test_an_unknown_kind_and_a_mask_without_wearer_are_refused(portrait: Image, room: Image) -> None:
    face = face_at(Box(110, 40, 180, 130))
    with pytest.raises(InputError, match="silicone"):
        simulate(portrait, face, "silicone", np.random.default_rng(0), room=room)
    with pytest.raises(InputError, match="wears the mask"):
        simulate(portrait, face, "mask-paper", np.random.default_rng(0), room=room)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("mask-paper", "print-curl")])
@pytest.mark.parametrize("seed", range(3))
def test_the_box_is_where_the_face_went(kind: str, seed: int, room: Image) -> None:
    """A bright disc stands for the face: its centre in the scene is the box's, its size the box's."""
    plain = np.full((320, 320, 3), 90, np.uint8)
    box = Box(130, 90, 190, 150)
    cv2.circle(plain, (160, 120), 30, (250, 30, 30), -1)
    found = simulate(plain, face_at(box), kind, np.random.default_rng(seed), room=np.full_like(room, 90))
    channels = found.scene.astype(int)
    red = (channels[..., 0] - channels[..., 1] > 40).astype(np.uint8)
    _, _, stats, centres = cv2.connectedComponentsWithStats(cv2.morphologyEx(red, cv2.MORPH_CLOSE, np.ones((5, 5))))
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    assert centres[largest] == pytest.approx(found.box.centre, abs=3.5)
    x, y, w, h = stats[largest, :4]
    seen = np.array([[x, y, x + w, y + h]], np.float64)
    said = np.array([[found.box.x1, found.box.y1, found.box.x2, found.box.y2]])
    assert iou(seen, said)[0, 0] > 0.75


@pytest.mark.weights
@pytest.mark.parametrize("kind", KINDS)
def test_the_attacked_face_is_still_found(kind: str, portrait: Image, room: Image, analyzer: Analyzer) -> None:
    (face,) = analyzer.detect(portrait)
    flipped = portrait[:, ::-1].copy()
    wearer = (flipped, analyzer.detect(flipped)[0])
    hits = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        scene = simulate(portrait, face, kind, rng, room=room, victim=wearer)
        found = analyzer.detect(capture(scene.scene, Camera(), rng))
        boxes = np.array([[f.box.x1, f.box.y1, f.box.x2, f.box.y2] for f in found]).reshape(-1, 4)
        said = np.array([[scene.box.x1, scene.box.y1, scene.box.x2, scene.box.y2]])
        hits += bool(len(boxes)) and float(iou(boxes, said).max()) > 0.5
    assert hits >= 3


def test_halftone_dots_stand_at_the_screen_s_own_frequency() -> None:
    grey = np.full((256, 256, 3), 120, np.uint8)
    flat = paper.inked(grey, np.random.default_rng(3), period=None).astype(float).mean(2)
    dots = paper.inked(grey, np.random.default_rng(3), period=3.0).astype(float).mean(2)

    def peak(picture: np.ndarray) -> float:
        power = np.abs(np.fft.fft2(picture - picture.mean()))
        frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
        band = (frequency > 1 / 3.3) & (frequency < 1 / 2.7)  # about the period of 3 pixels
        return float(power[band].max())

    assert peak(dots) > 10 * peak(flat)


def test_ink_is_not_black_and_paper_not_white() -> None:
    page = np.zeros((64, 64, 3), np.uint8)
    page[:, 32:] = 255
    for seed in range(5):
        ink = paper.inked(page, np.random.default_rng(seed), period=None)
        assert ink[:, :24].mean() > 8
        assert ink[:, 40:].mean() < 253


def test_a_screen_shows_each_colour_in_its_own_stripe() -> None:
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 255
    shown = screen.displayed(red, np.random.default_rng(1), 1.0).astype(float)[..., 0]
    stripes = np.array([shown[:, i :: screen.FINE].mean() for i in range(screen.FINE)])
    rows = np.array([shown[i :: screen.FINE].mean() for i in range(screen.FINE)])
    assert max(stripes.max() / stripes.min(), rows.max() / rows.min()) > 1.2
    assert shown.shape == (48, 48)


def test_a_screen_seen_through_a_lens_makes_moire(portrait: Image, room: Image) -> None:
    """A uniform grey on a screen is no longer uniform when it is sampled again, and paper's is."""
    grey = np.full((320, 320, 3), 150, np.uint8)
    face = face_at(Box(110, 40, 180, 130))

    def ripple(kind: str, seed: int) -> float:
        scene = simulate(grey, face, kind, np.random.default_rng(seed), room=grey).scene[80:240, 80:240]
        smooth = cv2.GaussianBlur(scene, (0, 0), 6).astype(float)
        return float((scene - smooth).std())

    screens = np.median([ripple("replay-close", seed) for seed in range(8)])
    assert screens > 1.0


def test_the_camera_leaves_a_plain_picture_and_adds_what_it_is_told() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    rng = np.random.default_rng(0)
    assert np.abs(capture(grey, Camera(quality=100), rng).astype(int) - 128).max() <= 1
    assert capture(grey, Camera(gain=1.2, quality=100), rng).mean() == pytest.approx(154, abs=1)
    noisy = cv2.cvtColor(capture(grey, Camera(read=0.05, quality=100), rng), cv2.COLOR_RGB2GRAY).astype(float)
    independent = 0.05 * 255 * np.hypot(np.hypot(0.299, 0.587), 0.114)  # JPEG halves colour, not light
    assert noisy.std() == pytest.approx(independent, rel=0.1)
    edge = np.zeros((64, 64, 3), np.uint8)
    edge[:, 32:] = 255
    blurred = capture(edge, Camera(blur=2.0, quality=100), rng).astype(float)[..., 0]
    assert (np.abs(np.diff(blurred, axis=1)).max()) < 80
    smeared = capture(edge, Camera(smear=7, smear_angle=0, quality=100), rng).astype(float)[..., 0]
    assert np.abs(np.diff(smeared, axis=1)).max() < 80


def test_drawn_cameras_stay_within_their_ranges() -> None:
    cameras = [Camera.draw(np.random.default_rng(seed)) for seed in range(200)]
    assert all(0.65 <= c.gain <= 1.3 and 55 <= c.quality < 98 and c.blur < 1.6 for c in cameras)
    assert 0 < sum(c.smear > 0 for c in cameras) < 80
