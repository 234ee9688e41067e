"""Every choice that the network leaves open, by name, with our default."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from vultus.errors import InputError

__all__ = ["MODALITIES", "VARIANTS", "Options", "Variant", "clip", "small", "variant"]

MODALITIES = ("rgb", "depth", "ir")

Fusion = Literal["differential", "attention", "concat", "cross", "late"]
Variant = Literal["none", "md2a", "rs2", "udsa", "concat", "lambda0", "cross", "vit"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the network is made of; docs/concepts/mmda.md says of each value whether it is published.

    fusion: "differential" is MD2A; "attention" the same block without the noise branch and
    with heads twice as wide; "concat" and "cross" are the plain baselines, "late" the mean of
    the modalities. mates: whose tokens make the noise keys K' in training. test_keys: what
    stands in for the mate at test.
    """

    size: int = 224  # pixels a side
    fusion: Fusion = "differential"
    fusion_heads: int = 12
    lambda_fixed: float | None = None  # None: learned
    lambda_depth: int = 0  # the depth in lambda_init
    mates: Literal["same-domain", "self"] = "same-domain"
    test_keys: Literal["centroids", "off"] = "centroids"
    key_sets: int = 8
    pool: Literal["mean", "class-tokens"] = "mean"
    rs2: bool = True
    prompts: int = 4  # a class
    temperature: float = 0.07
    alignment: float = 0.5  # weight of L_align
    align: Literal["modalities+fused", "fused"] = "modalities+fused"
    udsa: bool = True
    adapter_widths: tuple[int, ...] = (8,) * 12  # one a layer
    adapter_scale: float = 0.1
    adapters: Literal["own", "shared"] = "own"  # one set a modality, or one for all
    first_pass: Literal["gradient", "detached"] = "gradient"

    def __post_init__(self) -> None:
        """Refused (InputError): no adapter or head, a width, share or temperature that cannot be."""
        wrong = {
            "size": self.size < 16,
            "fusion_heads": self.fusion_heads < 1,
            "lambda_fixed": self.lambda_fixed is not None and not 0 <= self.lambda_fixed <= 1,
            "key_sets": self.key_sets < 1,
            "prompts": self.prompts < 1,
            "temperature": self.temperature <= 0,
            "alignment": self.alignment < 0,
            "adapter_widths": not self.adapter_widths or min(self.adapter_widths) < 1,
        }
        for name, bad in wrong.items():
            if bad:
                raise InputError(f"expected {name} as docs/concepts/mmda.md has it, got {getattr(self, name)!r}")

    def as_dict(self) -> dict[str, Any]:
        """For a checkpoint or a card."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def clip(layers: int = 12) -> Options:
    """The published scale: CLIP ViT-B/16 towers."""
    return Options(adapter_widths=(8,) * layers)


def small() -> Options:
    """The configuration that trains on two cores: 48 pixels, 4 layers, 4 heads."""
    return Options(size=48, fusion_heads=4, adapter_widths=(8,) * 4, first_pass="detached")


# What each ablation or baseline changes. "none" takes nothing away.
CHANGES: dict[Variant, dict[str, Any]] = {
    "none": {},
    "md2a": {"fusion": "attention"},
    "lambda0": {"lambda_fixed": 0.0},
    "rs2": {"rs2": False},
    "udsa": {"udsa": False},
    "concat": {"fusion": "concat", "rs2": False, "udsa": False},
    "cross": {"fusion": "cross", "rs2": False, "udsa": False},
    "vit": {"fusion": "late", "rs2": False, "udsa": False},
}
VARIANTS: tuple[Variant, ...] = tuple(CHANGES)


def variant(options: Options, name: str) -> Options:
    """The options without one part, or of a baseline; sizes are evened out by `sizing.matched`.

    >>> variant(small(), "udsa").udsa
    False
    """
    for known, changes in CHANGES.items():
        if known == name:
            return replace(options, **changes)
    raise InputError(f"expected a variant out of {', '.join(VARIANTS)}, got {name!r}")
