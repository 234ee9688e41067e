"""Networks that hide a pattern of bits in a photograph, and networks that show it again.

Two methods, made differently so that what is learned about one can be tried on the other:
`Blind` makes its residual of the secret alone (Zhang et al., *UDH: Universal Deep Hiding*,
NeurIPS 2020), `Seeing` of secret and photograph together with dense layers (after Zhang et
al., *SteganoGAN*, 2019, and Baluja, *Hiding Images in Plain Sight*, NIPS 2017). Each has a
reveal network of its own. Nothing here is their code.

Pictures and secrets are (B, 3, H, W) in 0..1, sides multiples of 8; residuals are bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from vultus.errors import InputError

__all__ = ["METHODS", "Blind", "Residual", "Reveal", "RevealWide", "Seeing", "pair", "rounded", "upsampled"]

METHODS = ("blind", "seeing")
BOUND = 8 / 255  # of the residual, either way
BLOCK = 8  # pixels a side that show one bit of a channel


def rounded(pictures: Tensor) -> Tensor:
    """Clipped to 0..1 and rounded to 8 bits; the gradient passes straight through the rounding."""
    clipped = pictures.clamp(0, 1)
    levels = torch.round(clipped * 255) / 255
    return clipped + (levels - clipped).detach()


def upsampled(bits: Tensor) -> Tensor:
    """Bits (B, 3, h, w) as squares of 8 pixels, (B, 3, 8 h, 8 w)."""
    return bits.repeat_interleave(BLOCK, 2).repeat_interleave(BLOCK, 3)


class _Step(nn.Sequential):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """What is added to a photograph: its hidden form is `rounded(cover + residual)`."""

    def forward(self, cover: Tensor, secret: Tensor) -> Tensor:
        """The residual (B, 3, H, W), within ±8/255. Refused (InputError): sides that 8 does not divide."""
        if cover.shape != secret.shape or cover.shape[2] % BLOCK or cover.shape[3] % BLOCK:
            raise InputError(
                f"expected cover and secret of one shape with sides that 8 divides, got {tuple(cover.shape)} "
                f"and {tuple(secret.shape)}"
            )
        return torch.tanh(self.drawn(cover, secret)) * BOUND

    def drawn(self, cover: Tensor, secret: Tensor) -> Tensor:
        """The residual before its bound."""
        raise NotImplementedError


class Blind(Residual):
    """A U-Net of four levels that sees the secret alone, so that the residual is the same in every photograph."""

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 128)) -> None:
        super().__init__()
        levels = list(pairwise(widths))
        self.enter = _Step(3, widths[0])
        self.down = nn.ModuleList(_Step(above, below, stride=2) for above, below in levels)
        self.up = nn.ModuleList(_Step(below + above, above) for above, below in reversed(levels))
        self.leave = nn.Conv2d(widths[0], 3, 1)

    def drawn(self, cover: Tensor, secret: Tensor) -> Tensor:
        levels = [self.enter(secret - 0.5)]
        for step in self.down:
            levels.append(step(levels[-1]))
        found = levels.pop()
        for step in self.up:
            found = nn.functional.interpolate(found, scale_factor=2.0, mode="nearest")
            found = step(torch.cat([found, levels.pop()], 1))
        drawn: Tensor = self.leave(found)
        return drawn


class Seeing(Residual):
    """Dense layers that see photograph and secret, so that the residual can lie where it is seen least."""

    def __init__(self, width: int = 32, layers: int = 4) -> None:
        super().__init__()
        self.steps = nn.ModuleList(_Step(6 + width * number, width) for number in range(layers))
        self.leave = nn.Conv2d(6 + width * layers, 3, 1)

    def drawn(self, cover: Tensor, secret: Tensor) -> Tensor:
        held = torch.cat([cover - 0.5, secret - 0.5], 1)
        for step in self.steps:
            held = torch.cat([held, step(held)], 1)
        drawn: Tensor = self.leave(held)
        return drawn


class Reveal(nn.Module):
    """Six convolutions of width 32: hidden form (B, 3, H, W) to logits of the secret's pixels."""

    def __init__(self, width: int = 32, layers: int = 6) -> None:
        super().__init__()
        steps = [_Step(3 if number == 0 else width, width) for number in range(layers - 1)]
        self.steps = nn.Sequential(*steps, nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, pictures: Tensor) -> Tensor:
        found: Tensor = self.steps(pictures - 0.5)
        return found


class RevealWide(nn.Module):
    """The other method's: dilated convolutions with residual connections, which see 31 pixels across."""

    def __init__(self, width: int = 24, dilations: Sequence[int] = (1, 2, 4, 4, 2)) -> None:
        super().__init__()
        self.enter = _Step(3, width)
        self.steps = nn.ModuleList(_Step(width, width, dilation=each) for each in dilations)
        self.leave = nn.Conv2d(width, 3, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        held = self.enter(pictures - 0.5)
        for step in self.steps:
            held = held + step(held)
        found: Tensor = self.leave(held)
        return found


def pair(method: str) -> tuple[Residual, nn.Module]:
    """The hiding and the revealing network of a method. Refused (InputError): a name that is none."""
    if method == "blind":
        return Blind(), Reveal()
    if method == "seeing":
        return Seeing(), RevealWide()
    raise InputError(f"expected a method out of {', '.join(METHODS)}, got {method!r}")
