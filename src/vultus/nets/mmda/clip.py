"""CLIP's image tower and text directions, through transformers: a folder on the disk, or a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from vultus.errors import InputError, MissingExtraError

__all__ = ["PROMPTS", "ClipTower", "load"]

# Four a class (choice): the study does not print its prompts.
PROMPTS: tuple[tuple[str, ...], tuple[str, ...]] = (
    (
        "a photo of a fake face",
        "a printed photo of a face shown to the camera",
        "a face replayed on a screen",
        "a person who wears a mask of a face",
    ),
    (
        "a photo of a real face",
        "a live person in front of the camera",
        "a genuine human face with depth",
        "a bona fide face",
    ),
)
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # CLIP's own


class ClipTower(nn.Module):
    """A frozen CLIP vision transformer, layer by layer.

    recipe_scale: True leaves (x - 127.5) / 128 as it is, as published for MMDA; False gives
    the tower the scale that CLIP was trained with.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, model: Any, *, recipe_scale: bool = True) -> None:
        super().__init__()
        vision = model.config.vision_config
        self.width, self.layers = int(vision.hidden_size), int(vision.num_hidden_layers)
        self.features, self.size = int(model.config.projection_dim), int(vision.image_size)
        self.vision, self.projection = model.vision_model, model.visual_projection
        self.recipe_scale = recipe_scale
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None])
        self.requires_grad_(False)
        self.eval()

    def embed(self, pictures: Tensor) -> Tensor:
        if not self.recipe_scale:
            pictures = ((pictures * 128 + 127.5) / 255 - self.mean) / self.deviation
        return cast(Tensor, self.vision.pre_layrnorm(self.vision.embeddings(pictures)))

    def layer(self, place: int, tokens: Tensor) -> Tensor:
        found = self.vision.encoder.layers[place](tokens, None)
        return cast(Tensor, found[0] if isinstance(found, tuple) else found)

    def finish(self, tokens: Tensor) -> Tensor:
        return cast(Tensor, self.vision.post_layernorm(tokens))

    def project(self, tokens: Tensor) -> Tensor:
        return cast(Tensor, self.projection(tokens))


def load(
    place: str,
    prompts: Sequence[Sequence[str]] = PROMPTS,
    *,
    recipe_scale: bool = True,
    offline: bool = False,
) -> tuple[ClipTower, Tensor]:
    """The image tower, and the directions (2, K, F) of the prompts: attack, live.

    place: a folder with CLIP's config, weights (safetensors) and tokenizer, or a name such as
    openai/clip-vit-base-patch16. offline: do not ask the hub. Refused: transformers not
    installed (MissingExtraError), a place where there is no CLIP, classes with prompts of
    unequal number (InputError).
    """
    try:
        from transformers import CLIPModel, CLIPTokenizer
    except ImportError as error:
        raise MissingExtraError("CLIP needs transformers: pip install 'vultus[train]'") from error
    if len(prompts) != 2 or len({len(each) for each in prompts}) != 1 or not prompts[0]:
        raise InputError(f"expected as many prompts of attacks as of live faces, got {[len(each) for each in prompts]}")
    try:
        # Never a pickle: what is no safetensors file is refused.
        model: Any = CLIPModel.from_pretrained(place, local_files_only=offline, use_safetensors=True)
        tokenizer: Any = CLIPTokenizer.from_pretrained(place, local_files_only=offline)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"expected a CLIP model with safetensors weights and its tokenizer at {place}: {reason}; give a folder"
        ) from error
    model.eval()
    flat = [text for each in prompts for text in each]
    tokens = tokenizer(flat, padding=True, return_tensors="pt")
    with torch.no_grad():
        found = model.get_text_features(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
    directions = found if isinstance(found, Tensor) else found.pooler_output
    tower = ClipTower(model, recipe_scale=recipe_scale)
    return tower, directions.reshape(2, len(prompts[0]), -1)
