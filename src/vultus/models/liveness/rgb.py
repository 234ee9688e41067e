"""The default attack detector: one RGB picture, two views of the face, one small network.

Trained by recipes/liveness.py; the figures, the data and what is not covered stand in the
card beside the weights (weights/rgb.json).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from vultus.errors import WeightsError
from vultus.models.liveness.views import room, views
from vultus.registry import register
from vultus.runtime import EngineOptions, Feed, fp32_unless_named, session
from vultus.types import Face, Image, Liveness, LivenessPoint, ModelCard, Rate, Signal

__all__ = ["CARD", "RgbLiveness", "unanswerable"]

SMALLEST = 48.0  # pixels: shorter side of a face; under it skin and paper look alike
ROOM = 1.3  # the picture must show this much around a face, in longer sides of its box
INSIDE = 0.9  # share of the face's box within the picture
COLOUR = 3.0  # mean spread of the channels; under it the picture is grey, and colour is half the evidence


@cache
def _facts() -> dict[str, Any]:
    """The card's figures, written by the recipe."""
    try:
        facts: dict[str, Any] = json.loads((files(__package__) / "weights" / "rgb.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"the card of the attack detector cannot be read ({error}); install vultus again") from error
    return facts


CARD = ModelCard(
    name="rgb",
    task="liveness",
    summary="Print, screen and paper-mask attacks in one RGB picture.",
    code_licence="Apache-2.0",
    weights_licence="research data (NUAA, LFW, Face Research Lab London Set): see weights/rgb.json",
    origin="The vultus authors; MobileNetV2 trunk (Sandler et al., CVPR 2018), ImageNet weights of torchvision (BSD-3)",
    input_size_wh=(224, 112),
    packaged="models/liveness/weights/rgb.onnx",
)


def unanswerable(image: Image, face: Face) -> str:
    """Why a face of a picture cannot be judged; empty where it can."""
    height, width = image.shape[:2]
    box = face.box
    if not math.isfinite(box.area) or box.area <= 0:
        return "the face has no extent"
    side = min(box.width, box.height)
    if side < SMALLEST:
        return f"the face is {side:.0f} pixels wide, {SMALLEST:.0f} are needed; come closer"
    if box.clip((width, height)).area / box.area < INSIDE:
        return "the face reaches beyond the picture's edge; move into the middle"
    if room(box, (width, height)) < ROOM:
        return "the face fills the whole picture and nothing around it can be seen; step back"
    x1, y1, x2, y2 = box.clip((width, height)).round()
    piece = image[y1:y2, x1:x2].astype(np.int16)
    if float((piece.max(axis=2) - piece.min(axis=2)).mean()) < COLOUR:
        return "the picture is grey, and colour is half of the evidence; use a colour picture"
    return ""


@register(CARD)
class RgbLiveness:
    """P(bona fide) of each face, calibrated at equal shares of bona fide and attack."""

    def __init__(
        self,
        card: ModelCard,
        *,
        engine: EngineOptions | None = None,
        models: Path | None = None,
    ) -> None:
        """models: not used, the weights lie in the package. Refused (WeightsError): a damaged installation.

        Precision "auto" is fp32 here: 0.6 ms dearer, and the answer is the same on every CPU.
        """
        self.card = card
        facts = _facts()
        point = facts["point"]
        rates = {name: Rate(*point[name]) if point[name] is not None else None for name in ("apcer", "bpcer")}
        self.point = LivenessPoint(
            threshold=point["threshold"],
            criterion=point["criterion"],
            data=point["data"],
            date=point["date"],
            model=f"{card.name} {facts['sha256'][:16]}",
            **rates,
        )
        with as_file(files(__package__) / "weights" / "rgb.onnx") as path:
            self._session = session(path, Feed("pictures"), fp32_unless_named(engine))

    def __call__(self, image: Image, faces: Sequence[Face]) -> tuple[Liveness, ...]:
        """One answer a face; the faces run one by one, so that none depends on the others."""
        return tuple(self._answer(image, face) for face in faces)

    def _answer(self, image: Image, face: Face) -> Liveness:
        if reason := unanswerable(image, face):
            signal = Signal("passive", math.nan, "P(bona fide)", "nothing", reason)
            return Liveness(math.nan, self.point, (signal,), reason)
        (scores,) = self._session.run(views(image, face.box)[None])
        score = float(scores.reshape(-1)[0])
        live = score >= self.point.threshold
        reason = "skin and surroundings look " + ("present in person" if live else "like a picture, screen or mask")
        signal = Signal("passive", score, "P(bona fide)", "bona fide" if live else "attack", reason)
        return Liveness(score, self.point, (signal,))
