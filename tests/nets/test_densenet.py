from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from vultus.errors import InputError  # noqa: E402
from vultus.nets.attention import KINDS, Attention  # noqa: E402
from vultus.nets.densenet import DenseNet, densenet121, densenet_mini  # noqa: E402


def parameters(net: Any) -> int:
    return sum(each.numel() for each in net.parameters())


def test_no_pictures_no_logits() -> None:
    assert densenet_mini().eval()(torch.zeros(0, 1, 48, 48)).shape == (0, 7)


def test_size_is_the_published_one() -> None:
    with torch.device("meta"):
        net = densenet121()
    assert parameters(net) == 7_978_856
    names = set(net.state_dict())
    assert {"features.denseblock3.denselayer24.conv2.weight", "features.transition2.norm.bias"} <= names
    assert {"features.norm5.running_mean", "classifier.weight"} <= names
    assert len(names) == 727  # torchvision's dictionary has as many


@pytest.mark.parametrize("place", ["block", "stage"])
@pytest.mark.parametrize("kind", KINDS)
def test_attention_at_both_places(kind: Any, place: Any) -> None:
    net = DenseNet(
        classes=3,
        growth=8,
        depths=(2, 1),
        stem=16,
        large=False,
        inputs=1,
        attention=Attention(kind, place, reduction=4),
    ).eval()
    x = torch.randn(3, 1, 16, 16)
    torch.testing.assert_close(torch.cat([net(each[None]) for each in x]), net(x), atol=1e-5, rtol=0)
    plain = DenseNet(classes=3, growth=8, depths=(2, 1), stem=16, large=False, inputs=1)
    extra = parameters(net) - parameters(plain)
    places = {"block": 3, "stage": 2}[place]
    assert extra == (300 * places if kind == "ta" else extra)
    assert (extra == 0) == (kind == "none")


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="dense blocks and a growth"):
        DenseNet(classes=2, depths=())
