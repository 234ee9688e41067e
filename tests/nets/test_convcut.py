from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from vultus.errors import InputError  # noqa: E402
from vultus.nets.convcut import CUTS, ConvCut, CutTrunk, Head, layer_at  # noqa: E402
from vultus.nets.convnext import ConvNeXt  # noqa: E402
from vultus.nets.leak import accuracy, batch_attention, dependence, simulated  # noqa: E402

SMALL: dict[str, Any] = {"depths": (1, 1, 2, 1), "widths": (8, 16, 24, 32)}
SMALL_CUT = -2 - 8 - 7  # the LN of the last block of the third stage


def size(module: Any) -> int:
    """As Keras counts: weights, and a batch norm's statistics."""
    statistics = [each for name, each in module.named_buffers() if name.endswith(("running_mean", "running_var"))]
    return sum(each.numel() for each in [*module.parameters(), *statistics])


def test_no_pictures_no_logits() -> None:
    assert ConvCut(cut=SMALL_CUT, **SMALL).eval()(torch.zeros(0, 3, 112, 112)).shape == (0, 7)


def test_the_six_cuts_are_the_six_layers() -> None:
    assert [layer_at(each) for each in CUTS] == [
        (14, "pointwise2"), (22, "norm"), (23, "norm"), (24, "norm"), (26, "norm"), (26, "identity"),
    ]  # fmt: skip
    assert (layer_at(-27), layer_at(-242)) == ((26, "add"), (0, "depthwise"))
    for wrong in (-26, -243, 0, 5):
        with pytest.raises(InputError, match="from -242 to -27"):
            layer_at(wrong)


def test_parameters_as_counted() -> None:
    with torch.device("meta"):
        net = ConvCut(head="batch")
        assert (size(net.trunk), size(net.head), size(net)) == (51_640_448, 215_432, 51_855_880)
        parts = [size(each) for each in net.head.details]
        assert parts == [139_520, 66_816]
        rest = net.head.norm, net.head.dense, net.head.batch_norm, net.head.out
        assert [size(each) for each in rest] == [512, 8_224, 128, 231]
        assert net.head.scale is not None
        assert net.head.scale.numel() == 1
        assert size(ConvCut(head="token").head) == 218_471


def test_shapes_of_every_cut() -> None:
    with torch.device("meta"):
        x = torch.zeros(1, 3, 224, 224)
        for cut in CUTS:
            trunk = CutTrunk(cut)
            assert trunk.channels == 512
            assert trunk(x).shape == (1, 512, 14, 14)
        maps = torch.zeros(2, 512, 14, 14)
        head = Head(512)
        assert head.details[0](maps).shape == (2, 256, 4, 4)
        assert head.details(maps).shape == (2, 256, 2, 2)
        assert Head(512, tokens=16).details(maps).shape == (2, 256, 4, 4)


@pytest.mark.parametrize("position", range(8))
def test_a_cut_is_the_whole_network_up_to_there(position: int) -> None:
    torch.manual_seed(position)
    net = ConvNeXt(classes=2, **SMALL).eval()
    trunk = CutTrunk(-2 - 8 - 8 + position, **SMALL)
    trunk.load(net.state_dict())
    seen: dict[str, Any] = {}
    block = net.stages[2][1]
    for name in ("depthwise", "norm", "pointwise1", "pointwise2"):
        getattr(block, name).register_forward_hook(lambda _, __, out, name=name: seen.__setitem__(name, out))
    x = torch.rand(1, 3, 64, 64) * 255
    with torch.no_grad():
        net((x - trunk.mean) / trunk.deviation)
        at = trunk(x)
        seen["gelu"] = torch.nn.functional.gelu(seen["pointwise1"])
        seen["scale"] = seen["identity"] = seen["pointwise2"] * block.scale
        name = layer_at(-18 + position, SMALL["depths"])[1]
        if name == "add":
            expected = net.stages[2](net.downs[2](net.stages[1](net.downs[1](net.stages[0](net.downs[0](
                (x - trunk.mean) / trunk.deviation))))))  # fmt: skip
        else:
            expected = seen[name] if name == "depthwise" else seen[name].permute(0, 3, 1, 2)
        torch.testing.assert_close(at, expected)


def test_padding_is_tensorflow_s() -> None:
    """14 pixels under windows of 4: one pixel of zeros on each side, none where 4 divides the side."""
    part = Head(1, classes=2).details[0]
    with torch.no_grad():
        part.depthwise.weight.fill_(1)
        counts = part.depthwise(torch.nn.functional.pad(torch.ones(1, 1, 14, 14), (1, 1, 1, 1)))
        part.pointwise.weight.fill_(1)
        part.pointwise.bias.zero_()
        torch.testing.assert_close(part(torch.ones(1, 1, 14, 14))[:, :1], counts)
        assert part(torch.ones(1, 1, 16, 16))[0, 0].unique().tolist() == [16]


@pytest.mark.parametrize("tokens", [4, 16])
@pytest.mark.parametrize("kind", ["token", "plain", "batch"])
def test_only_the_released_head_asks_the_neighbours(kind: Any, tokens: int) -> None:
    torch.manual_seed(0)
    net = ConvCut(cut=SMALL_CUT, head=kind, tokens=tokens, **SMALL).eval()
    labels = torch.arange(12) % 3
    x = torch.rand(12, 3, 112, 112) * 255
    assert net.per_image == (kind != "batch")
    assert (dependence(net, x, labels) < 1e-5) == (kind != "batch")


def test_attention_looks_at_more_than_one_token() -> None:
    """A sequence of one token would make attention the identity; here a token changes with the others."""
    torch.manual_seed(0)
    attention = Head(8).attention
    assert attention is not None
    tokens = torch.randn(1, 4, 32)
    other = tokens.clone()
    other[0, 3] += 5
    assert (attention(tokens)[0, 0] - attention(other)[0, 0]).abs().max() > 1e-3


def test_two_images_mix_by_hand() -> None:
    found = batch_attention(torch.eye(2)).flatten().tolist()
    assert found == pytest.approx([0.731059, 0.268941, 0.268941, 0.731059], abs=1e-6)
    one = torch.randn(1, 32)
    torch.testing.assert_close(batch_attention(one), one)


def test_the_leak_in_small() -> None:
    """Sorted batches flatter the released head, and no order does anything to a head of images."""
    small: dict[str, Any] = {"train": (100, 100, 60, 400), "test": (80, 80, 40, 300), "epochs": 6, "norm": 2.5}
    plain, mixed = simulated(None, **small), simulated(0.1, **small)
    assert len(set(plain.values())) == 1
    assert mixed["sorted"] > mixed["single"] + 0.02
    assert mixed["sorted"] > plain["sorted"]
    assert mixed["single"] < plain["single"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scale", "expected"),
    [(None, (94.07, 94.07, 94.07)), (0.05, (99.22, 81.10, 85.37)), (0.1, (99.54, 92.67, 90.94)),
     (0.2, (96.74, 94.36, 93.71)), (1.0, (94.20, 94.17, 94.17))],
)  # fmt: skip
def test_the_simulated_table(scale: float | None, expected: tuple[float, ...]) -> None:
    """Another draw of the means and images: within two points of the specification's."""
    assert [100 * each for each in simulated(scale).values()] == pytest.approx(expected, abs=2.0)


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="token, plain, batch"):
        Head(8, kind="none")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="4 or 16 tokens"):
        Head(8, tokens=1)
    net = torch.nn.Linear(2, 2)
    with pytest.raises(InputError, match="sorted, shuffled, single"):
        accuracy(net, torch.zeros(2, 2), torch.zeros(2), "mixed")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="two images"):
        dependence(net, torch.zeros(1, 2), torch.zeros(1))
