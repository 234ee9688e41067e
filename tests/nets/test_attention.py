from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from vultus.errors import InputError  # noqa: E402
from vultus.nets.attention import KINDS, Attention, SqueezeExcitation, TripletAttention, TripSE  # noqa: E402
from vultus.nets.attention.excitation import AXES  # noqa: E402
from vultus.nets.convnext import convnext_atto, convnext_tiny  # noqa: E402

FIXTURE = {  # sum, sum of squares, y[0,0,0], y[1,2,3], y[3,2,4]
    "se": (17.440455, 14.604437, 0.876320, -0.062981, 0.129172),
    "ta": (16.306598, 12.458595, 0.641258, -0.085554, 0.087504),
    "tripse1": (8.581288, 3.455177, 0.374485, -0.038000, 0.051357),
    "tripse2": (8.814885, 3.725727, 0.429749, -0.031856, 0.061481),
    "tripse3": (8.941275, 3.832844, 0.418903, -0.032929, 0.057908),
    "tripse4": (9.586493, 4.562244, 0.486657, -0.030086, 0.069073),
}


def fixture_input() -> Any:
    return (0.5 + torch.sin(1 + torch.arange(60, dtype=torch.float64))).reshape(1, 4, 3, 5)


def filled(module: Any) -> Any:
    """The specification's weights, in double precision, at initial statistics."""
    module = module.double().eval()
    with torch.no_grad():
        for each in module.modules():
            if isinstance(each, SqueezeExcitation):
                each.reduce.weight.copy_(torch.cos(torch.arange(8, dtype=torch.float64)).reshape(2, 4))
                each.expand.weight.copy_(torch.sin(1 + torch.arange(8, dtype=torch.float64)).reshape(4, 2))
            if isinstance(each, TripletAttention):
                for b, branch in enumerate(each.branches):
                    k = torch.arange(98, dtype=torch.float64)
                    branch.conv.weight.copy_((0.05 * torch.cos(b + k)).reshape(1, 2, 7, 7))
    return module


def made(kind: str, channels: int = 4, reduction: int = 2, **more: Any) -> Any:
    return Attention(kind, reduction=reduction, **more).at(channels)  # type: ignore[arg-type]


def test_an_empty_batch_stays_empty() -> None:
    for kind in KINDS[1:]:
        assert made(kind).eval()(torch.zeros(0, 4, 8, 8)).shape == (0, 4, 8, 8)


def test_the_input_of_the_fixture() -> None:
    x = fixture_input()
    assert float(x.sum()) == pytest.approx(31.634529, abs=5e-7)
    assert float((x * x).sum()) == pytest.approx(46.587782, abs=5e-7)


@pytest.mark.parametrize("kind", FIXTURE)
def test_the_fixture_to_its_last_digit(kind: str) -> None:
    y = filled(made(kind, shared_se=True))(fixture_input())[0].detach()
    found = (y.sum(), (y * y).sum(), y[0, 0, 0], y[1, 2, 3], y[3, 2, 4])
    assert [float(each) for each in found] == pytest.approx(FIXTURE[kind], abs=6e-7)


def test_the_gate_and_the_sums_of_the_fixture() -> None:
    gate = filled(made("se")).gate(fixture_input()).detach().flatten().tolist()
    assert gate == pytest.approx([0.653253, 0.384888, 0.439511, 0.661777], abs=6e-7)
    for kind, total in (("ta", 48.919794), ("tripse1", 27.893672)):
        y = filled(made(kind, shared_se=True, fusion="sum"))(fixture_input())
        assert float(y.detach().sum()) == pytest.approx(total, abs=6e-7)


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))


def oracle(kind: str, module: Any, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The blocks once more, in NumPy, with the tensor turned as the paper turns it; statistics as trained."""
    weights = {name: each.numpy() for name, each in module.state_dict().items()}

    def excitation(prefix: str, rows: NDArray[np.float64], dim: int) -> NDArray[np.float64]:
        others = tuple(d for d in (1, 2, 3) if d != dim)
        hidden = np.maximum(np.einsum("bc,hc->bh", rows.mean(axis=others), weights[prefix + "reduce.weight"]), 0)
        logit = np.einsum("bh,ch->bc", hidden, weights[prefix + "expand.weight"])
        shape = [len(rows), 1, 1, 1]
        shape[dim] = rows.shape[dim]
        return logit.reshape(shape)

    def spatial(prefix: str, b: int, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        turn = ((0, 2, 1, 3), (0, 3, 2, 1), (0, 1, 2, 3))[b]
        turned = rows.transpose(turn)
        pooled = np.stack([turned.max(axis=1), turned.mean(axis=1)], axis=1)
        padded = np.pad(pooled, ((0, 0), (0, 0), (3, 3), (3, 3)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7), axis=(2, 3))
        name = f"{prefix}branches.{b}."
        out = np.einsum("bchwij,cij->bhw", windows, weights[name + "conv.weight"][0])
        spread = np.sqrt(weights[name + "norm.running_var"] + 1e-5)
        out = (out - weights[name + "norm.running_mean"]) / spread * weights[name + "norm.weight"]
        out = out + weights[name + "norm.bias"]
        return out[:, None].transpose(turn)  # each turn undoes itself

    if kind == "se":
        return x * sigmoid(excitation("", x, 1))
    own = "" if kind == "ta" else "triplet."
    parts = []
    for b in range(3):
        se = f"excitations.{b}."
        if kind in ("ta", "tripse1"):
            parts.append(x * sigmoid(spatial(own, b, x)))
        else:
            z = excitation(se, x, 1)
            if kind == "tripse2":
                lit = x * sigmoid(z)
                parts.append(lit * sigmoid(spatial(own, b, lit)))
            elif kind == "tripse3":
                parts.append(x * sigmoid(z) * sigmoid(spatial(own, b, x)))
            else:
                parts.append(x * sigmoid(spatial(own, b, x) + z))
    total = np.sum(parts, axis=0) / 3
    return total * sigmoid(excitation("final.", total, 1)) if kind in ("tripse1", "tripse4") else total


@settings(max_examples=6)
@given(seed=st.integers(0, 10_000), height=st.integers(2, 6), width=st.integers(2, 6))
@pytest.mark.parametrize("kind", KINDS[1:])
def test_numpy_agrees(kind: str, seed: int, height: int, width: int) -> None:
    torch.manual_seed(seed)
    module = made(kind, channels=6).double()
    module(torch.randn(8, 6, height, width, dtype=torch.float64))  # statistics that are not the initial ones
    module.eval()
    x = torch.randn(2, 6, height, width, dtype=torch.float64)
    with torch.no_grad():
        np.testing.assert_allclose(module(x).numpy(), oracle(kind, module, x.numpy()), atol=1e-6)


@pytest.mark.parametrize(("fusion", "times"), [("average", 1.0), ("sum", 3.0)])
@pytest.mark.parametrize("variant", [1, 2, 3])
def test_with_open_excitations_tripse_is_triplet_attention(variant: int, fusion: Any, times: float) -> None:
    module = filled(TripSE(variant, 4, reduction=2, fusion=fusion))
    plain = filled(TripletAttention())
    x = fixture_input()
    for each in module.modules():
        if isinstance(each, SqueezeExcitation):
            each.forward = lambda x: x  # type: ignore[method-assign]
            each.gate = torch.ones_like  # type: ignore[method-assign]
    torch.testing.assert_close(module(x), times * plain(x))


def test_with_open_maps_tripse1_is_squeeze_and_excitation() -> None:
    module, x = filled(TripSE(1, 4, reduction=2)), fixture_input()
    for branch in module.triplet.branches:
        branch.gate = torch.ones_like
    torch.testing.assert_close(module(x), filled(SqueezeExcitation(4, reduction=2))(x))


def test_with_silent_excitations_tripse4_is_se_of_triplet_attention() -> None:
    module, x = filled(TripSE(4, 4, reduction=2)), fixture_input()
    with torch.no_grad():
        for each in module.excitations:
            each.expand.weight.zero_()
    expected = filled(SqueezeExcitation(4, reduction=2))(filled(TripletAttention())(x))
    torch.testing.assert_close(module(x), expected)


@pytest.mark.parametrize("kind", KINDS[2:])
def test_a_turned_picture_under_turned_kernels_gives_the_turned_answer(kind: str) -> None:
    torch.manual_seed(1)
    module, turned = made(kind, shared_se=True).double().eval(), made(kind, shared_se=True).double().eval()
    turned.load_state_dict(module.state_dict())
    before = [b.conv.weight for b in (module if kind == "ta" else module.triplet).branches]
    after = [b.conv.weight for b in (turned if kind == "ta" else turned.triplet).branches]
    with torch.no_grad():
        for place, source in enumerate((1, 0, 2)):
            after[place].copy_(before[source].transpose(2, 3))
    x = torch.randn(2, 4, 5, 7, dtype=torch.float64)
    torch.testing.assert_close(turned(x.transpose(2, 3)), module(x).transpose(2, 3))


@pytest.mark.parametrize("options", [{}, {"shared_se": True}, {"bias": True}, {"se_axis": "permuted", "side": 8}])
@pytest.mark.parametrize("kind", KINDS[1:])
def test_gradients_reach_every_weight(kind: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    module = made(kind, channels=16, **options).double()
    x = torch.randn(4, 16, 8, 8, dtype=torch.float64, requires_grad=True)
    module(x).square().sum().backward()
    gradients = [(name, each.grad) for name, each in module.named_parameters()]
    assert gradients
    assert [name for name, each in gradients if each is None or not each.abs().sum() > 0] == []
    assert torch.autograd.gradcheck(module.eval(), (x[:1, :, :3, :3],)) if "side" not in options else True


def test_permuted_axes_squeeze_what_the_branch_pools() -> None:
    module = TripSE(2, 16, se_axis="permuted", size_hw=(6, 10))
    assert module.excitations is not None
    assert [(each.dim, each.expand.out_features) for each in module.excitations] == [(2, 6), (3, 10), (1, 16)]
    assert module(torch.zeros(1, 16, 6, 10)).shape == (1, 16, 6, 10)
    with pytest.raises(InputError, match="maps of"):
        module(torch.zeros(1, 16, 10, 6))
    assert sorted(AXES.values()) == [1, 2, 3]


def parameters(net: Any) -> int:
    return sum(each.numel() for each in net.parameters())


def test_three_hundred_parameters_a_module() -> None:
    assert parameters(TripletAttention()) == 300


@pytest.mark.parametrize(
    ("trunk", "place", "counts"),
    [
        (convnext_tiny, "stage", (1_200, 97_920, 99_120, 294_960, 294_960, 392_880)),
        (convnext_tiny, "block", (5_400, 404_352, 409_752, 1_218_456, 1_218_456, 1_622_808)),
        (convnext_atto, "stage", (1_200, 16_960, 18_160, 52_080, 52_080, 69_040)),
        (convnext_atto, "block", (3_600, 46_720, 50_320, 143_760, 143_760, 190_480)),
    ],
)
def test_parameters_that_the_blocks_add(trunk: Any, place: Any, counts: tuple[int, ...]) -> None:
    with torch.device("meta"):
        plain = parameters(trunk())
        kinds = ("ta", "se", "tripse1", "tripse2", "tripse3", "tripse4")
        assert tuple(parameters(trunk(attention=Attention(k, place))) - plain for k in kinds) == counts


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="attention out of none"):
        Attention("cbam")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="place block or stage"):
        Attention("se", "end")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="TripSE 1 to 4"):
        TripSE(5, 4)
    with pytest.raises(InputError, match="a size and own weights"):
        TripSE(2, 4, se_axis="permuted")
    with pytest.raises(InputError, match="a size and own weights"):
        TripSE(2, 4, se_axis="permuted", size_hw=(4, 4), shared_se=True)
    with pytest.raises(InputError, match="channel or permuted"):
        TripSE(2, 4, se_axis="both")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="average or sum"):
        TripletAttention(fusion="max")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="of one or more"):
        SqueezeExcitation(0)
    with pytest.raises(InputError, match="32 divides, got 48"):
        Attention("tripse2", se_axis="permuted", side=48).at(8, 32)
