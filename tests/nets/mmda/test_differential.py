from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from vultus.nets.mmda import mates
from vultus.nets.mmda.centroids import centroids
from vultus.nets.mmda.differential import DifferentialAttention, differential, lambda_init

B, H, T, N = 3, 2, 7, 4


def parts(seed: int = 0, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    torch.manual_seed(seed)
    query, key, noise_query = (torch.randn(B, H, T, N, dtype=dtype) for _ in range(3))
    return [query, key, noise_query, torch.randn(1, B, H, T, N, dtype=dtype), torch.randn(B, H, T, 2 * N, dtype=dtype)]


def test_nobody_has_a_mate_in_an_empty_batch() -> None:
    with pytest.raises(RuntimeError):
        mates.draw(torch.zeros(0, dtype=torch.long))


def test_without_lambda_it_is_attention_on_the_first_halves() -> None:
    query, key, noise_query, noise_keys, value = parts()
    found = differential(query, key, noise_query, noise_keys, value, 0.0)
    torch.testing.assert_close(found, scaled_dot_product_attention(query, key, value), atol=1e-6, rtol=0)


def test_equal_halves_and_lambda_one_leave_nothing() -> None:
    query, key, _, _, value = parts()
    assert torch.equal(differential(query, key, query, key[None], value, 1.0), torch.zeros_like(value))


@pytest.mark.parametrize("weight", [0.0, 0.2, 0.7, 1.3])
def test_rows_of_the_combined_map_sum_to_one_less_lambda(weight: float) -> None:
    """With the unit matrix for V, the output is the map itself."""
    query, key, noise_query, noise_keys, _ = parts()
    whole = differential(query, key, noise_query, noise_keys, torch.eye(T).expand(B, H, T, T), weight)
    by_hand = (query @ key.mT / N**0.5).softmax(-1) - weight * (noise_query @ noise_keys[0].mT / N**0.5).softmax(-1)
    torch.testing.assert_close(whole, by_hand, atol=1e-6, rtol=0)
    torch.testing.assert_close(whole.sum(-1), torch.full((B, H, T), 1 - weight), atol=1e-6, rtol=0)


def test_gradients() -> None:
    given = [each.requires_grad_() for each in parts(dtype=torch.float64)]
    weight = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(differential, (*given, weight))


def test_where_lambda_starts() -> None:
    """Differential Transformer: 0.8 - 0.6 exp(-0.3 depth)."""
    expected = [0.2, 0.355509, 0.470713, 0.666122, 0.777870]
    assert [lambda_init(depth) for depth in (0, 1, 2, 5, 11)] == pytest.approx(expected, abs=1e-6)
    made = DifferentialAttention(16, 2, depth=2)
    with torch.no_grad():
        made.lambdas.zero_()
    assert made.weight().item() == pytest.approx(0.470713, abs=1e-6)
    assert DifferentialAttention(16, 2, fixed=0.4).weight().item() == pytest.approx(0.4)
    with pytest.raises(ValueError, match="two halves"):
        DifferentialAttention(18, 2)


def test_stored_sets_are_averaged_as_maps() -> None:
    query, key, noise_query, _, value = parts()
    sets = torch.randn(5, H, T, N)
    each = [differential(query, key, noise_query, one[None, None], value, 0.5) for one in sets]
    together = differential(query, key, noise_query, sets[:, None], value, 0.5)
    torch.testing.assert_close(together, torch.stack(each).mean(0))


def test_a_sample_alone_in_its_domain_has_the_noise_branch_off() -> None:
    torch.manual_seed(1)
    block, tokens = DifferentialAttention(16, 2), torch.randn(3, 5, 16)
    alone = block(tokens, (torch.tensor([1, 0, 2]), torch.tensor([True, True, False])))
    off = block(tokens)
    torch.testing.assert_close(alone[2], off[2])
    assert not torch.allclose(alone[0], off[0])


def test_mates_stay_in_their_domain_and_are_somebody_else() -> None:
    generator = torch.Generator().manual_seed(0)
    domains = torch.tensor([0, 0, 1, 2, 2, 2, 0, 3])
    draws = [mates.draw(domains, generator) for _ in range(300)]
    places = torch.stack([place for place, _ in draws])
    assert (domains[places] == domains).all()
    found = draws[0][1]
    assert found.tolist() == [True, True, False, True, True, True, True, False]
    own = places == torch.arange(len(domains))
    assert not own[:, found].any()
    assert own[:, ~found].all()
    shares = np.bincount(places[:, 0].numpy(), minlength=8)[[1, 6]] / 300
    assert shares == pytest.approx([0.5, 0.5], abs=0.1)  # evenly among the two others


def test_which_mate_it_is_changes_nothing_on_average() -> None:
    """Samples of a domain renamed among themselves: means over draws agree within 3 standard errors."""
    torch.manual_seed(2)
    block, tokens = DifferentialAttention(16, 2).eval(), torch.randn(6, 5, 16)
    domains, renamed = torch.tensor([0, 0, 0, 0, 1, 1]), torch.tensor([0, 3, 1, 2, 4, 5])

    def outputs(order: torch.Tensor, seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        drawn = [block(tokens[order], mates.draw(domains[order], generator))[0] for _ in range(400)]
        return torch.stack(drawn).flatten(1)

    with torch.no_grad():
        first, second = outputs(torch.arange(6), 0), outputs(renamed, 1)
    error = ((first.var(0) + second.var(0)) / 400).sqrt()
    gap = (first.mean(0) - second.mean(0)).abs()
    # 80 numbers that hang together (only three mates are possible): the root mean square stands for them all.
    assert float((gap / error.clamp_min(1e-9)).pow(2).mean().sqrt()) < 3


def test_centroids_find_what_was_planted() -> None:
    torch.manual_seed(3)
    planted = torch.randn(4, 2, 3) * 20
    keys = planted[torch.arange(200) % 4] + torch.randn(200, 2, 3) * 0.1
    found = centroids(keys, 4)
    nearest = torch.cdist(planted.flatten(1), found.flatten(1)).min(dim=1)
    assert sorted(nearest.indices.tolist()) == [0, 1, 2, 3]
    assert float(nearest.values.max()) < 0.2
    assert torch.equal(found, centroids(keys, 4))
    torch.testing.assert_close(centroids(torch.ones(9, 2), 3), torch.ones(3, 2))
