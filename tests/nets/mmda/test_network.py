from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from vultus.errors import InputError
from vultus.nets.mmda.adapters import Adapter
from vultus.nets.mmda.alignment import orthonormal_prompts
from vultus.nets.mmda.exporting import onnx
from vultus.nets.mmda.network import MMDA, groups, trainable
from vultus.nets.mmda.options import VARIANTS, Options, clip, small, variant
from vultus.nets.mmda.sizing import matched
from vultus.nets.mmda.tower import SmallTower
from vultus.nets.mmda.training import scaled
from vultus.runtime import EngineOptions, Feed, session


def tower() -> SmallTower:
    torch.manual_seed(0)
    return SmallTower(size=16, patch=8, width=32, layers=4, heads=2, hidden=32).requires_grad_(False).eval()


def network(name: str = "none", *, own: SmallTower | None = None, **changes: Any) -> MMDA:
    base = own or tower()
    chosen: Options = replace(small(), size=16, fusion_heads=2, prompts=2, **{"adapter_widths": (4,) * 4, **changes})
    prompts = orthonormal_prompts(2, 2, base.features)
    target = trainable(MMDA(chosen, base, prompts))
    torch.manual_seed(1)
    made = MMDA(matched(variant(chosen, name), target, base, prompts) if name != "none" else chosen, base, prompts)
    with torch.no_grad():
        for each in made.adapters.parameters():
            each.normal_(std=0.3)
    return made


def planes(count: int, seed: int = 2) -> torch.Tensor:
    return torch.randn(count, 3, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def fitted(name: str = "none") -> MMDA:
    found = network(name).eval()
    found.fit_keys(iter([planes(12, 5)]))
    return found


def test_no_samples_and_no_modality() -> None:
    ready = fitted()
    assert ready(planes(0)).shape == (0, 2)
    with pytest.raises(InputError, match="sample 1 has none"):
        list(groups(torch.tensor([[True, True, True], [False, False, False]]), planes(2)))
    with pytest.raises(InputError, match="call fit_keys on source samples first"):
        network().eval()(planes(2))


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains_what_it_should_at_one_size(name: str) -> None:
    whole, less = network(), network(name)
    assert abs(trainable(less) - trainable(whole)) <= 0.02 * trainable(whole)
    frozen = {key: value.clone() for key, value in less.tower.state_dict().items()}
    moved = [each for key, each in less.named_parameters() if not key.startswith("tower.")]
    optimiser = torch.optim.Adam(moved, lr=0.1)
    labels, domains = torch.tensor([0, 1, 0, 1, 1, 0]), torch.tensor([0, 0, 0, 1, 1, 1])
    less.train()
    first = less.loss(planes(6), labels, domains)
    first.backward()
    without = [key for key, each in less.named_parameters() if not key.startswith("tower.") and each.grad is None]
    assert without == (["fusion.mix.lambdas"] if name == "lambda0" else [])
    optimiser.step()
    assert all(torch.equal(frozen[key], value) for key, value in less.tower.state_dict().items())
    assert float(less.loss(planes(6), labels, domains).detach()) != float(first.detach())


@pytest.mark.parametrize("name", ["md2a", "lambda0", "rs2", "udsa", "concat", "cross", "vit"])
def test_each_part_can_be_switched_off_and_matters(name: str) -> None:
    """The same weights but for the part: outputs differ, so the switch does something."""
    ready, without = fitted(), fitted(name)
    assert without.options != ready.options
    assert not torch.allclose(ready(planes(3)), without(planes(3)), atol=1e-4)


def test_u_is_two_passes_with_the_skips_of_the_formula() -> None:
    """By hand: the input of layer l < L/2 of the second pass gains the first pass's adapter output of L-1-l."""
    own = network()
    given, which = planes(2).transpose(0, 1), torch.arange(3)
    with torch.no_grad():
        start = own.tower.embed(given.flatten(0, 1)).view(3, 2, -1, 32)

        def through(skips: list[torch.Tensor]) -> tuple[torch.Tensor, list[torch.Tensor]]:
            tokens, kept = start, []
            for place in range(4):
                if skips and place < 2:
                    tokens = tokens + skips[3 - place]
                tokens = own.tower.layer(place, tokens.flatten(0, 1)).view_as(tokens)
                kept.append(own.adapters[place](tokens, which))
                tokens = tokens + kept[-1]
            return tokens, kept

        expected = own.tower.finish(through(through([])[1])[0])
        torch.testing.assert_close(own.tokens(given, which), expected)
        single = network(udsa=False)
        torch.testing.assert_close(single.tokens(given, which), own.tower.finish(through([])[0]))


def test_a_plain_adapter_of_clip_has_13064_numbers() -> None:
    one = Adapter(768, 8, 1, 0.1)
    assert sum(each.numel() for each in one.parameters()) == 13_064
    assert not one(torch.randn(1, 2, 3, 768), torch.tensor([0])).any()  # starts as nothing


def test_what_is_missing_is_dropped_not_filled() -> None:
    ready, given = fitted(), planes(4)
    present = torch.tensor([[True, True, True], [True, False, True], [True, False, True], [False, True, False]])
    changed = given.clone()
    changed[~present] = 7.0  # nobody may look there
    found = ready(given, present)
    assert torch.equal(found, ready(changed, present))
    dropped = ready.group(given[1:3][:, [0, 2]].transpose(0, 1), torch.tensor([0, 2]))[0]
    torch.testing.assert_close(found[1:3], dropped)
    filled = given.clone()
    filled[~present] = 0.0
    assert not torch.allclose(found[1:], ready(filled)[1:], atol=1e-4)
    assert torch.equal(ready(given, torch.ones(4, 3, dtype=torch.bool)), ready(given))


@pytest.mark.parametrize("name", ["none", "md2a", "concat", "cross", "vit"])
def test_an_answer_does_not_depend_on_the_rest_of_the_batch(name: str) -> None:
    ready = fitted(name)
    first, second = planes(4, 2), planes(4, 3)
    second[1] = first[1]
    domains = torch.tensor([0, 0, 1, 1])
    with torch.no_grad():
        found = ready(first)
        assert torch.equal(found[1], ready(second)[1])
        assert torch.equal(found, ready(first, domains=domains))  # the domain is no input at test
        torch.testing.assert_close(found[1:2], ready(first[1:2]))


def test_mates_have_the_same_modalities_and_domain() -> None:
    """Training output of a sample changes with its mate and with nobody else."""
    own = network().train()
    given, domains = planes(4), torch.tensor([0, 0, 1, 2])
    present = torch.tensor([[True, True, True], [True, True, True], [True, True, True], [True, False, True]])
    with torch.no_grad():
        before = own(given, present, domains)
        strangers = given.clone()
        strangers[2:] += 1.0
        assert torch.equal(before[:2], own(strangers, present, domains)[:2])
        mate = given.clone()
        mate[1] += 1.0
        assert not torch.allclose(before[0], own(mate, present, domains)[0])
        torch.testing.assert_close(before[2], network(lambda_fixed=0.0).train()(given, present, domains)[2])


def test_onnx_gives_what_pytorch_gives_with_any_modalities(tmp_path: Path) -> None:
    ready = fitted()
    path = tmp_path / "small.onnx"
    path.write_bytes(onnx(ready))
    assert not ready.training
    levels = torch.randint(1, 256, (3, 16, 16, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8).numpy()
    subsets = [(1, 1, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    for engine in ("openvino", "onnxruntime"):
        loaded = session(path, Feed("pictures"), EngineOptions(engine=engine, precision="fp32"))
        for there in subsets:
            given = levels * torch.tensor(there, dtype=torch.uint8)[:, None, None, None].numpy()
            with torch.no_grad():
                expected = ready(scaled(levels[None]), torch.tensor([there]).bool()).softmax(1)[0, 1]
            assert float(loaded.run(given)[0][0]) == pytest.approx(float(expected), abs=2e-5)
    with pytest.raises(InputError, match="fit_keys"):
        onnx(network())


def test_options_and_sizes_that_cannot_be() -> None:
    assert clip().adapter_widths == (8,) * 12
    assert clip().size == 224
    for wrong in ({"temperature": 0.0}, {"lambda_fixed": 1.5}, {"adapter_widths": ()}, {"prompts": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            Options(**wrong)
    with pytest.raises(InputError, match="expected a variant out of none, md2a"):
        variant(small(), "dropout")
    own = tower()
    with pytest.raises(InputError, match="at most 100 trained numbers"):
        matched(network().options, 100, own, network().prompts)
    with pytest.raises(InputError, match="each of the tower's 4 layers"):
        network(own=own, adapter_widths=(8,) * 3)
