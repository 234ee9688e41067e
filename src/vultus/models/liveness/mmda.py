"""mmda-small: attack detection from RGB, depth and infrared; a demonstration, not for access control.

Trained by recipes/mmda.py on simulated domains only, so that its answers on real faces say
nothing about them; it shows that the method runs, and how missing modalities are told. What
it is stands in the card beside the weights (weights/mmda-small.json).
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.registry import register
from vultus.runtime import EngineOptions, Feed, Session, fp32_unless_named, session
from vultus.types import Face, Image, Liveness, LivenessPoint, ModelCard, Rate, Signal

__all__ = ["CARD", "LABEL", "MODALITIES", "MmdaSmall", "Plane", "facts", "planes", "point", "score"]

Plane = NDArray[Any]  # (H, W), (H, W, 1) or (H, W, 3)

MODALITIES = ("rgb", "depth", "ir")
LABEL = "demonstration, not for access control"
SHAPES = 0.01  # modalities are aligned: their width by height may differ by this share

CARD = ModelCard(
    name="mmda-small",
    task="liveness",
    summary=f"RGB, depth and infrared, any subset; trained on simulated data: {LABEL}",
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    origin="The vultus authors, after Ma et al., Denoising and Alignment, arXiv 2505.09484 (no code published)",
    input_size_wh=(48, 48),
    packaged="models/liveness/weights/mmda-small.onnx",
    details={"modalities": MODALITIES},
)

_lock = threading.Lock()
_sessions: dict[EngineOptions, Session] = {}


@cache
def facts() -> dict[str, Any]:
    """The card's figures, as the recipe wrote them."""
    found: dict[str, Any] = json.loads((files(__package__) / "weights" / "mmda-small.json").read_text("utf-8"))
    return found


@cache
def point() -> LivenessPoint:
    """The threshold of the card, from simulated validation people."""
    held = facts()["point"]
    return LivenessPoint(
        threshold=held["threshold"],
        criterion=held["criterion"],
        apcer=Rate(*held["apcer"]),
        bpcer=Rate(*held["bpcer"]),
        data=held["data"],
        date=held["date"],
        model=f"{CARD.name} {facts()['sha256'][:16]} ({LABEL})",
    )


@register(CARD)
class MmdaSmall:
    """The multimodal detector under the name that the registry knows.

    Of a colour picture alone it gives no answer, since on simulated people it was right half
    the time (AUC .474); `vultus.liveness.multimodal.check` takes the further pictures.
    """

    def __init__(self, card: ModelCard, *, engine: EngineOptions | None = None, models: Path | None = None) -> None:
        """models: not used, the weights lie in the package."""
        self.card = card
        self.point = point()
        self._engine = engine

    def __call__(self, image: Image, faces: Sequence[Face]) -> tuple[Liveness, ...]:
        """One abstention a face."""
        reason = "no depth and no infrared was given, and colour alone tells this detector nothing"
        signal = Signal("multimodal", math.nan, "P(bona fide)", "nothing", reason)
        return tuple(Liveness(math.nan, self.point, (signal,), reason) for _ in faces)

    def score(self, rgb: Image | None, depth: Plane | None, ir: Plane | None, depth_scale: float | None) -> Liveness:
        """As the function `score`."""
        return score(rgb, depth, ir, depth_scale=depth_scale, engine=self._engine)


def score(
    rgb: Image | None = None,
    depth: Plane | None = None,
    ir: Plane | None = None,
    *,
    depth_scale: float | None = None,
    engine: EngineOptions | None = None,
) -> Liveness:
    """P(bona fide) of one aligned face crop in one to three modalities.

    rgb: (H, W, 3) uint8. depth: uint8 levels, nearer is brighter, as cameras' pictures have
    them; uint16 or float32 distances in units of `depth_scale` metres (the card's where it is
    None), 0 where the sensor saw nothing. ir: uint8 or uint16. A modality that is not given is
    left out of the network, not filled with zeros, and the answer's signals say so. Precision
    "auto" is fp32 here, so that the answer is the same on every CPU. Refused (InputError): nothing
    given, shapes that differ by more than 1 %, depth of three channels that differ, constant or
    not finite depth, distances without a scale.
    """
    pictures = planes(rgb, depth, ir, depth_scale=depth_scale)
    chosen = fp32_unless_named(engine)
    with _lock:
        if chosen not in _sessions:
            with as_file(files(__package__) / "weights" / "mmda-small.onnx") as path:
                _sessions[chosen] = session(path, Feed("pictures"), chosen)
        loaded = _sessions[chosen]
    found = float(loaded.run(pictures)[0].reshape(-1)[0])
    given = {"rgb": rgb, "depth": depth, "ir": ir}
    used = [name for name in MODALITIES if given[name] is not None]
    lost = [name for name in MODALITIES if given[name] is None]
    live = found >= point().threshold
    warning = f"; {', '.join(lost)} missing, and the threshold was set with all three" if lost else ""
    signals = [
        Signal(
            "multimodal", found, "P(bona fide)", "bona fide" if live else "attack",
            f"{LABEL}: {CARD.name}, trained on simulated data, from {', '.join(used)}{warning}",
        ),
        *(Signal(name, math.nan, "P(bona fide)", "nothing", f"no {name} was given") for name in lost),
    ]  # fmt: skip
    return Liveness(found, point(), tuple(signals))


def planes(
    rgb: Image | None, depth: Plane | None, ir: Plane | None, *, depth_scale: float | None = None
) -> NDArray[np.uint8]:
    """The three planes of the network, (3, S, S, 3); a missing modality is 0. Refused: as `score`."""
    given = {
        name: np.asarray(each) for name, each in zip(MODALITIES, (rgb, depth, ir), strict=True) if each is not None
    }
    if not given:
        raise InputError("expected RGB, depth or infrared, got none of them")
    for name, values in given.items():
        if values.ndim not in (2, 3) or not values.size or (values.ndim == 3 and values.shape[2] not in (1, 3)):
            raise InputError(f"expected {name} as (H, W), (H, W, 1) or (H, W, 3), got {values.shape}")
    _aligned(given)
    size = int(facts()["size"])
    found = np.zeros((len(MODALITIES), size, size, 3), np.uint8)
    for place, name in enumerate(MODALITIES):
        if name in given:
            levels = {"rgb": _colour, "depth": _depth, "ir": _infrared}[name](given[name], depth_scale)
            drawn = np.rint(cv2.resize(levels, (size, size), interpolation=cv2.INTER_AREA))
            drawn = np.clip(drawn, 0, 255).astype(np.uint8)
            found[place] = drawn if drawn.ndim == 3 else drawn[..., None]
            if not found[place].any():  # a plane of zeros means missing, which a black picture is not
                found[place] = 1
    return found


def _aligned(given: dict[str, NDArray[Any]]) -> None:
    """Refuse (InputError) modalities of different sizes."""
    shapes = {name: values.shape[:2] for name, values in given.items()}
    sides = np.array(list(shapes.values()), dtype=np.float64)
    if (sides.max(axis=0) > (1 + SHAPES) * sides.min(axis=0)).any():
        told = ", ".join(f"{name} {width} x {height}" for name, (height, width) in shapes.items())
        raise InputError(f"expected aligned crops of one size within 1 %, got {told}; register the cameras first")


def _colour(values: NDArray[Any], scale: float | None) -> NDArray[np.float32]:
    if values.ndim != 3 or values.shape[2] != 3 or values.dtype != np.uint8:
        raise InputError(f"expected RGB as (H, W, 3) uint8, got {values.shape} {values.dtype}")
    return values.astype(np.float32)


def _infrared(values: NDArray[Any], scale: float | None) -> NDArray[np.float32]:
    grey = _one_channel(values, "ir").astype(np.float32)
    if values.dtype == np.uint8:
        return grey
    if values.dtype != np.uint16:
        raise InputError(f"expected infrared as uint8 or uint16, got {values.dtype}")
    return np.asarray(grey * (255 / max(float(grey.max()), 1.0)), np.float32)


def _depth(values: NDArray[Any], scale: float | None) -> NDArray[np.float32]:
    depth = _one_channel(values, "depth").astype(np.float32)
    if not np.isfinite(depth).all():
        raise InputError("expected finite depth, got NaN or infinity; write 0 where the sensor saw nothing")
    if depth.min() == depth.max():
        raise InputError(f"expected depth that varies, every pixel is {depth.min():g}; was the sensor covered?")
    if values.dtype == np.uint8:
        return depth
    metres = scale if scale is not None else facts().get("depth_scale")
    if metres is None or not 0 < metres < math.inf:
        raise InputError(f"depth is {values.dtype}: expected the metres of one unit as depth_scale, got {metres}")
    distance, seen = depth * np.float32(metres), depth > 0
    if not seen.any():
        raise InputError("expected distances above 0, the sensor saw nothing")
    height, width = depth.shape
    middle = distance[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None]
    near = float(np.median(middle[middle > 0])) if (middle > 0).any() else float(np.median(distance[seen]))
    levels = 127.5 + (near - distance) * (255 / float(facts()["depth_range"]))
    return np.asarray(np.where(seen, np.clip(levels, 0, 255), 0), np.float32)


def _one_channel(values: NDArray[Any], name: str) -> NDArray[Any]:
    if values.ndim == 2:
        return values
    if not (values == values[..., :1]).all():
        raise InputError(f"expected {name} in one channel, got three that differ")
    return np.asarray(values[..., 0])
