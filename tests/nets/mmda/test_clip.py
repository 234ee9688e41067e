"""The real loading path of transformers, on a CLIP of a few thousand numbers that a test writes to the disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from vultus.errors import InputError
from vultus.nets.mmda import clip
from vultus.nets.mmda.network import MMDA
from vultus.nets.mmda.options import Options

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Config, safetensors and a tokenizer of single letters, as a download would lie there."""
    place = tmp_path_factory.mktemp("clip")
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = [*letters, *(each + "</w>" for each in letters), "<|startoftext|>", "<|endoftext|>"]
    (place / "vocab.json").write_text(json.dumps({word: at for at, word in enumerate(words)}))
    (place / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(str(place / "vocab.json"), str(place / "merges.txt"))
    tokenizer.save_pretrained(place)
    end = len(words) - 1
    text = {
        "vocab_size": len(words), "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "max_position_embeddings": 77, "bos_token_id": end - 1, "eos_token_id": end,
        "pad_token_id": end,
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4, "num_attention_heads": 2,
        "image_size": 32, "patch_size": 16,
    }  # fmt: skip
    torch.manual_seed(0)
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    transformers.CLIPModel(config).save_pretrained(place)
    return place


def test_no_clip_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a CLIP model with safetensors"):
        clip.load(str(tmp_path), offline=True)
    with pytest.raises(InputError, match="as many prompts of attacks"):
        clip.load(str(tmp_path), [["one"], ["one", "two"]])


def test_layer_by_layer_is_what_transformers_gives(folder: Path) -> None:
    tower, prompts = clip.load(str(folder), offline=True)
    assert (tower.width, tower.layers, tower.features, tower.size) == (32, 4, 24, 32)
    assert prompts.shape == (2, 4, 24)
    model = transformers.CLIPModel.from_pretrained(folder).eval()
    pictures = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        tokens = tower.embed(pictures)
        for place in range(4):
            tokens = tower.layer(place, tokens)
        mine = tower.project(tower.finish(tokens)[:, 0])
        theirs = model.get_image_features(pixel_values=pictures)
        theirs = theirs if isinstance(theirs, torch.Tensor) else theirs.pooler_output
    torch.testing.assert_close(mine, theirs)
    assert tokens.shape == (3, 5, 32)
    assert not any(each.requires_grad for each in tower.parameters())


def test_clips_own_scale_is_an_option(folder: Path) -> None:
    tower, _ = clip.load(str(folder), offline=True, recipe_scale=False)
    levels = torch.full((1, 3, 32, 32), 127.5)
    own = (levels / 255 - torch.tensor(clip.MEAN)[:, None, None]) / torch.tensor(clip.DEVIATION)[:, None, None]
    published, _ = clip.load(str(folder), offline=True)
    torch.testing.assert_close(tower.embed((levels - 127.5) / 128), published.embed(own))


def test_prompts_differ_and_the_network_trains_on_them(folder: Path) -> None:
    tower, prompts = clip.load(str(folder), offline=True)
    assert len({tuple(each.tolist()) for each in prompts.flatten(0, 1)}) == 8
    network = MMDA(Options(size=32, fusion_heads=2, adapter_widths=(8,) * 4), tower, prompts).train()
    assert not tower.training
    planes, labels = torch.randn(4, 3, 3, 32, 32), torch.tensor([0, 1, 1, 0])
    network.loss(planes, labels, torch.tensor([0, 0, 1, 1])).backward()
    ends = [network.adapters[0].up.grad, network.to_text.weight.grad]
    assert all(each is not None and each.abs().sum() > 0 for each in ends)
