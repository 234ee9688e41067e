"""The reader that ships: seven expressions, a small network trained here on FER2013.

Trained by recipes/expression.py, which wrote the card beside the weights (weights/fer2013.json):
data, figures on the test, what was left out of training, licence.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from vultus.errors import InputError, WeightsError
from vultus.models.expression.network import Network, facts_of
from vultus.registry import register
from vultus.runtime import EngineOptions
from vultus.types import ModelCard

__all__ = ["CARD", "Fer2013"]


CARD = ModelCard(
    name="fer2013",
    task="expression",
    summary="Seven expressions that a face shows, never what the person feels; a research estimate.",
    code_licence="Apache-2.0",
    weights_licence="research data (FER2013): see weights/fer2013.json",
    origin="The vultus authors; trained on FER2013 (Goodfellow et al., ICONIP 2013)",
    input_size_wh=(48, 48),
    packaged="models/expression/weights/fer2013.onnx",
    measured="accuracy 66.1% [64.5%, 67.6%] (2371/3589) on the test of FER2013 (public test)",
)


@register(CARD)
class Fer2013(Network):
    """Angry, disgust, fear, happy, sad, surprise, neutral; probabilities calibrated on FER2013."""

    def __init__(self, card: ModelCard, *, engine: EngineOptions | None = None, models: Path | None = None) -> None:
        """models: not used, the weights lie in the package. Refused (WeightsError): a damaged installation."""
        folder = files(__package__) / "weights"
        try:
            with as_file(folder / "fer2013.onnx") as path, as_file(folder / "fer2013.json") as facts:
                super().__init__(path, facts_of(facts), card, engine)
        except (InputError, OSError) as error:
            raise WeightsError(
                f"the expression reader {card.name} is damaged ({error}); install vultus again"
            ) from error
