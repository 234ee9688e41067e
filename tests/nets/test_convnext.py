from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from vultus.errors import InputError, WeightsError  # noqa: E402
from vultus.nets.attention import KINDS, Attention  # noqa: E402
from vultus.nets.convcut import CutTrunk  # noqa: E402
from vultus.nets.convnext import (  # noqa: E402
    ConvNeXt,
    convnext_atto,
    convnext_base,
    convnext_tiny,
    fetch,
    load,
    renamed,
)

SMALL: dict[str, Any] = {"depths": (1, 2, 3, 1), "widths": (8, 16, 24, 32)}


def parameters(net: Any) -> int:
    return sum(each.numel() for each in net.parameters())


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A small model as transformers writes it, and the model."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.ConvNextConfig(
        depths=list(SMALL["depths"]), hidden_sizes=list(SMALL["widths"]), num_labels=5, layer_norm_eps=1e-6,
        layer_scale_init_value=0.5, initializer_range=0.2,
    )  # fmt: skip
    model = transformers.ConvNextForImageClassification(config).eval()
    folder = tmp_path_factory.mktemp("convnext")
    model.save_pretrained(folder)
    return folder, model


def test_no_pictures_no_logits() -> None:
    assert ConvNeXt(classes=3, **SMALL).eval()(torch.zeros(0, 3, 32, 32)).shape == (0, 3)


def test_sizes_are_the_published_ones() -> None:
    with torch.device("meta"):
        assert parameters(convnext_base()) == 88_591_464
        assert parameters(convnext_tiny()) == 28_589_128
        assert parameters(convnext_atto()) == 3_695_520


def test_weights_of_transformers_from_a_folder_give_its_answers(stored: tuple[Path, Any]) -> None:
    folder, model = stored
    net = ConvNeXt(classes=5, **SMALL).eval()
    assert load(net, fetch(str(folder), offline=True)) == ()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(net(x), model(x).logits, atol=1e-4, rtol=1e-4)


def test_another_head_and_attention_are_left_as_they_are(stored: tuple[Path, Any]) -> None:
    net = ConvNeXt(classes=7, attention=Attention("tripse4", "stage", reduction=4), **SMALL)
    left = load(net, fetch(str(stored[0]), offline=True))
    assert {name for name in left if not name.startswith("afters.")} == {"head.weight", "head.bias"}
    net = ConvNeXt(classes=5, attention=Attention("se", reduction=4), **SMALL)
    left = load(net, fetch(str(stored[0]), offline=True))
    assert left
    assert all(".attention." in name for name in left)


@pytest.mark.parametrize("changed", [{"depths": (1, 2, 4, 1)}, {"depths": (1, 2, 2, 1)}, {"widths": (8, 16, 24, 40)}])
def test_weights_of_another_size_are_refused(stored: tuple[Path, Any], changed: dict[str, Any]) -> None:
    net = ConvNeXt(classes=5, **{**SMALL, **changed})
    with pytest.raises(WeightsError, match="the same depths and widths"):
        load(net, fetch(str(stored[0]), offline=True))


def test_places_without_convnext_are_refused(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    with pytest.raises(InputError, match="give a folder"):
        fetch(str(tmp_path), offline=True)
    transformers.ResNetConfig().save_pretrained(tmp_path)
    with pytest.raises(InputError, match="got a resnet"):
        fetch(str(tmp_path), offline=True)
    with pytest.raises(WeightsError, match=r"got layer1\.0\.conv1"):
        renamed({"layer1.0.conv1.weight": torch.zeros(1)})


def test_the_trunk_of_conv_cut_is_filled_from_the_whole(stored: tuple[Path, Any]) -> None:
    state = fetch(str(stored[0]), offline=True)
    trunk = CutTrunk(-2 - 8 - 8 - 7, **SMALL)  # block 1 of three, its LN
    trunk.load(state)
    net = ConvNeXt(classes=5, **SMALL)
    load(net, state)
    x = torch.rand(1, 3, 64, 64) * 255
    with torch.no_grad():
        inner = net.downs[1](net.stages[0](net.downs[0]((x - trunk.mean) / trunk.deviation)))
        inner = net.stages[2][0](net.downs[2](net.stages[1](inner)))
        block = net.stages[2][1]
        expected = block.norm(block.depthwise(inner).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        torch.testing.assert_close(trunk(x), expected)
    with pytest.raises(WeightsError, match="of these widths"):
        CutTrunk(-25, depths=SMALL["depths"], widths=(8, 16, 32, 32)).load(state)


@pytest.mark.parametrize("place", ["block", "stage"])
@pytest.mark.parametrize("kind", KINDS)
def test_attention_at_both_places(kind: Any, place: Any) -> None:
    torch.manual_seed(0)
    net = ConvNeXt(classes=3, attention=Attention(kind, place, reduction=4), drop_path=0.5, patch=2, inputs=1, **SMALL)
    x = torch.randn(3, 1, 32, 32)
    net(x).sum().backward()
    net.eval()
    torch.testing.assert_close(torch.cat([net(each[None]) for each in x]), net(x), atol=1e-5, rtol=0)


def test_widths_without_depths_are_refused() -> None:
    with pytest.raises(InputError, match="a depth for each width"):
        ConvNeXt(classes=2, depths=(1,), widths=(8, 16))
