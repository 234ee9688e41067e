from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from vultus.errors import InputError  # noqa: E402
from vultus.nets.attention import KINDS, Attention  # noqa: E402
from vultus.nets.resnet import ResNet, resnet18, resnet_mini  # noqa: E402


def parameters(net: Any) -> int:
    return sum(each.numel() for each in net.parameters())


def test_no_pictures_no_logits() -> None:
    assert resnet_mini().eval()(torch.zeros(0, 1, 48, 48)).shape == (0, 7)


def test_size_is_the_published_one() -> None:
    with torch.device("meta"):
        net = resnet18()
    assert parameters(net) == 11_689_512
    names = set(net.state_dict())
    assert {"conv1.weight", "layer2.0.downsample.0.weight", "layer4.1.bn2.running_var", "fc.bias"} <= names
    assert len(names) == 122  # torchvision's dictionary has as many


@pytest.mark.parametrize(("stem", "side"), [("imagenet", 2), ("half", 3), ("full", 6)])
def test_stems(stem: Any, side: int) -> None:
    net = ResNet(classes=3, widths=(8, 16, 24, 32), depths=(1, 1, 1, 1), stem=stem).eval()
    assert net.features(torch.zeros(1, 3, 48, 48)).shape == (1, 32, side, side)


@pytest.mark.parametrize("place", ["block", "stage"])
@pytest.mark.parametrize("kind", KINDS)
def test_attention_stands_in_every_block_or_behind_every_stage(kind: Any, place: Any) -> None:
    net = ResNet(classes=3, widths=(16, 32), depths=(2, 1), stem="half", inputs=1, attention=Attention(kind, place))
    type_ = type(Attention(kind).at(16))
    count = sum(isinstance(each, type_) for each in net.modules()) if kind != "none" else 0
    assert count >= {"block": 3, "stage": 2}[place] or kind == "none"
    net.eval()
    x = torch.randn(3, 1, 16, 16)
    torch.testing.assert_close(torch.cat([net(each[None]) for each in x]), net(x), atol=1e-5, rtol=0)


def test_every_block_learns_from_the_first_step() -> None:
    """Blocks that start as the identity, as is usual in deep networks, left a small one at the majority class."""
    torch.manual_seed(0)
    net = resnet_mini()
    torch.nn.functional.cross_entropy(net(torch.randn(8, 1, 48, 48)), torch.arange(8) % 7).backward()
    still = [name for name, each in net.named_parameters() if each.grad is None or not each.grad.abs().sum() > 0]
    assert still == []


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="a depth for each width"):
        ResNet(classes=2, widths=(8,), depths=(1, 1))
    with pytest.raises(InputError, match="imagenet, half or full"):
        ResNet(classes=2, stem="quarter")  # type: ignore[arg-type]
