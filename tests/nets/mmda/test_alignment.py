from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cosine_similarity

from vultus.nets.mmda.alignment import alignment_loss, orthonormal_prompts, subspace_logits

SCALE = 1 / 0.07


def test_nothing_to_align() -> None:
    assert subspace_logits(torch.zeros(0, 8), torch.randn(2, 4, 8), SCALE).shape == (0, 2)


def test_one_prompt_is_a_softmax_of_scaled_cosines() -> None:
    torch.manual_seed(0)
    features, prompts = torch.randn(5, 8), torch.randn(2, 1, 8)
    cosines = torch.stack([cosine_similarity(features, each[0][None]) for each in prompts], dim=1)
    expected = (SCALE * cosines).softmax(1)
    torch.testing.assert_close(subspace_logits(features, prompts, SCALE).softmax(1), expected)
    labels = torch.tensor([0, 1, 1, 0, 1])
    by_hand = -expected[torch.arange(5), labels].log().mean()
    torch.testing.assert_close(alignment_loss(features[None], labels, prompts, SCALE), by_hand)


def test_equal_prompts_are_as_one_and_their_order_means_nothing() -> None:
    torch.manual_seed(1)
    features, prompts = torch.randn(5, 8), torch.randn(2, 4, 8)
    one = subspace_logits(features, prompts[:, :1], SCALE)
    torch.testing.assert_close(subspace_logits(features, prompts[:, :1].expand(2, 4, 8), SCALE), one)
    mixed = torch.stack([prompts[0, [2, 0, 3, 1]], prompts[1, [3, 2, 1, 0]]])
    torch.testing.assert_close(subspace_logits(features, mixed, SCALE), subspace_logits(features, prompts, SCALE))


def test_the_sum_over_prompts_is_pytorchs() -> None:
    torch.manual_seed(2)
    features, prompts = torch.randn(6, 8, dtype=torch.float64, requires_grad=True), torch.randn(2, 4, 8).double()
    cosines = cosine_similarity(features[:, None, None], prompts[None], dim=-1)
    expected = torch.logsumexp(300 * cosines, dim=-1) - torch.log(torch.tensor(4.0, dtype=torch.float64))
    found = subspace_logits(features, prompts, 300)
    torch.testing.assert_close(found, expected)
    (mine,) = torch.autograd.grad(found.sum(), features, retain_graph=True)
    (theirs,) = torch.autograd.grad(expected.sum(), features)
    torch.testing.assert_close(mine, theirs)


def test_frozen_prompts_stand_at_right_angles() -> None:
    found = orthonormal_prompts(2, 4, 96).flatten(0, 1)
    torch.testing.assert_close(found @ found.T, torch.eye(8), atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="at most 6 prompts"):
        orthonormal_prompts(2, 4, 6)
