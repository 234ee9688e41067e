from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vultus.errors import InputError
from vultus.nets.mmda.alignment import orthonormal_prompts
from vultus.nets.mmda.network import MMDA
from vultus.nets.mmda.options import Options
from vultus.nets.mmda.pretraining import pretrain
from vultus.nets.mmda.tower import SmallTower
from vultus.nets.mmda.training import Arrays, Training, fit, load, predict, save, scaled

OPTIONS = Options(size=16, fusion_heads=2, prompts=2, adapter_widths=(4, 4), key_sets=3)


def network() -> MMDA:
    torch.manual_seed(0)
    tower = SmallTower(size=16, patch=8, width=32, layers=2, heads=2, hidden=32).requires_grad_(False)
    return MMDA(OPTIONS, tower, orthonormal_prompts(2, 2, 32))


def samples(count: int, seed: int = 0) -> Arrays:
    """Live samples are brighter in depth; two domains."""
    rng = np.random.default_rng(seed)
    live = np.arange(count) % 2 == 0
    pixels = rng.integers(60, 120, (count, 3, 16, 16, 3)).astype(np.uint8)
    pixels[live, 1] += 90
    return Arrays(pixels, live, np.arange(count) // 2 % 2)


def test_nothing_to_train_on() -> None:
    empty = Arrays(np.zeros((0, 3, 16, 16, 3), np.uint8), np.zeros(0, bool), np.zeros(0, np.int64))
    with pytest.raises(InputError, match="got 0 of 0 live"):
        fit(network(), empty, Training(epochs=1))
    assert predict(network(), empty).shape == (0,)
    some = samples(4)
    with pytest.raises(InputError, match="got 4 of 4 live"):
        fit(network(), Arrays(some.pixels, np.ones(4, bool), some.domains), Training(epochs=1))


def test_levels_are_scaled_as_published() -> None:
    found = scaled(np.array([0, 255], np.uint8).reshape(2, 1, 1, 1, 1))
    assert found.flatten().tolist() == [-127.5 / 128, 127.5 / 128]
    picture = np.zeros((1, 3, 4, 5, 3), np.uint8)
    picture[0, 2, 1, 3, 0] = 255
    assert float(scaled(picture)[0, 2, 0, 1, 3]) > 0.9


def test_it_learns_what_is_there_and_nothing_from_shuffled_labels() -> None:
    train, test = samples(96), samples(64, 1)
    ready = network()
    told: list[int] = []
    losses = fit(ready, train, Training(epochs=6, batch=16, rate=3e-3), told=lambda epoch, loss: told.append(epoch))
    assert told == list(range(6))
    assert losses[-1] < losses[0]
    scores = predict(ready, test)
    assert scores[test.live].min() > scores[~test.live].max()
    assert ((scores >= 0) & (scores <= 1)).all()
    without = predict(ready, test, modalities=(True, False, True))
    assert not np.allclose(scores, without)


def test_a_run_that_was_stopped_ends_as_it_would_have(tmp_path: Path) -> None:
    train, rest = samples(32), Training(epochs=4, batch=8, rate=1e-3, drop=0.3)
    whole, stopped, again = network(), network(), network()
    losses = fit(whole, train, rest)
    file = tmp_path / "last.checkpoint"

    class Stop(Exception):
        pass

    def stop(epoch: int, loss: float) -> None:
        if epoch == 1:
            raise Stop

    with pytest.raises(Stop):
        fit(stopped, train, rest, checkpoint=file, told=stop)
    epochs: list[int] = []
    assert fit(again, train, rest, checkpoint=file, told=lambda epoch, loss: epochs.append(epoch)) == losses
    assert epochs == [2, 3]
    np.testing.assert_array_equal(predict(again, train), predict(whole, train))


def test_a_checkpoint_holds_no_tower_and_fits_its_options_only(tmp_path: Path) -> None:
    ready, file = network(), tmp_path / "one"
    fit(ready, samples(16), Training(epochs=1, batch=8))
    save(file, ready)
    held = torch.load(file, weights_only=True)
    assert not [name for name in held["state"] if name.startswith("tower.")]
    other = network()
    load(file, other)
    np.testing.assert_array_equal(predict(other, samples(8)), predict(ready, samples(8)))
    tower = SmallTower(size=16, patch=8, width=32, layers=2, heads=2, hidden=32)
    unlike = MMDA(
        Options(size=16, fusion_heads=2, prompts=2, adapter_widths=(5, 4)), tower, orthonormal_prompts(2, 2, 32)
    )
    with pytest.raises(InputError, match="checkpoint of these options"):
        load(file, unlike)


def test_one_domain_trains_with_a_warning() -> None:
    some = samples(16)
    with pytest.warns(UserWarning, match="one source domain only"):
        fit(network(), Arrays(some.pixels, some.live, np.zeros(16, np.int64)), Training(epochs=1, batch=8))


def test_pretraining_lowers_the_error_of_hidden_patches_and_leaves_the_tower_frozen() -> None:
    rng = np.random.default_rng(0)
    ramps = rng.uniform(-1, 1, (96, 3, 1, 1)) + np.linspace(-0.3, 0.3, 16)[None, None, None] * np.ones((1, 1, 16, 1))
    pictures = torch.tensor(ramps, dtype=torch.float32)
    torch.manual_seed(0)
    tower, losses = SmallTower(size=16, patch=4, width=32, layers=2, heads=2, hidden=64), []
    last = pretrain(tower, pictures, epochs=12, batch=32, rate=1e-2, told=lambda epoch, loss: losses.append(loss))
    assert last == losses[-1] < 0.5 * losses[0]
    assert not any(each.requires_grad for each in tower.parameters())
    with pytest.raises(ValueError, match="patches of 5"):
        SmallTower(size=16, patch=5)
    cut = tower.cut(torch.arange(768.0).reshape(1, 3, 16, 16))
    assert cut[0, 5].reshape(3, 4, 4)[1].tolist() == torch.arange(768.0).reshape(3, 16, 16)[1, 4:8, 4:8].tolist()
