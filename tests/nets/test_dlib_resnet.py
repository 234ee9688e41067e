from __future__ import annotations

import numpy as np
import pytest
import torch

from vultus.errors import InputError
from vultus.models.embed.dlib_resnet import SOURCE, DlibResNet, to_onnx
from vultus.nets import dlib_resnet
from vultus.runtime import EngineOptions
from vultus.types import Image
from vultus.weights import derived


def drawn(count: int, side: int) -> Image:
    """Smooth noise (count, side, side, 3)."""
    coarse = np.random.default_rng(3).integers(0, 256, (count, 10, 10, 3))
    return np.ascontiguousarray(
        np.repeat(np.repeat(coarse, -(-side // 10), 1), -(-side // 10), 2)[:, :side, :side], np.uint8
    )


def brought(pictures: Image) -> torch.Tensor:
    means = torch.tensor(dlib_resnet.MEANS).view(1, 3, 1, 1)
    return (torch.from_numpy(pictures.transpose(0, 3, 1, 2).astype(np.float32)) - means) / dlib_resnet.SCALE


def test_blocks_that_there_are_not() -> None:
    for blocks in (0, 15):
        with pytest.raises(InputError, match="1 to 14"):
            dlib_resnet.DlibResNet(classes=7, blocks=blocks)


@pytest.mark.parametrize(("blocks", "millions"), [(11, 2.04), (14, 5.58)])
def test_its_size(blocks: int, millions: float) -> None:
    net = dlib_resnet.DlibResNet(classes=7, blocks=blocks)
    assert sum(each.numel() for each in net.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
    assert sum(each.numel() for layer in net.depths() for each in layer) == sum(
        each.numel() for each in net.parameters()
    )
    assert len(net.depths()) == blocks + 2


@pytest.mark.parametrize("side", [86, 102, 134, 150])
def test_faces_of_several_sides_are_read(side: int) -> None:
    net = dlib_resnet.DlibResNet(classes=7, blocks=11).eval()
    assert net(torch.zeros(2, 3, side, side)).shape == (2, 7)


def test_filters_of_another_network_are_refused() -> None:
    net = dlib_resnet.DlibResNet(classes=7, blocks=11)
    other = [(np.zeros((8, 3, 7, 7), np.float32), np.zeros(8, np.float32))] * 29
    with pytest.raises(InputError, match="of another"):
        dlib_resnet.fill(net, other, torch.zeros(2, 3, 102, 102))


@pytest.mark.weights
def test_filled_it_is_dlibs_network() -> None:
    import onnx
    from onnx import numpy_helper

    model = derived(SOURCE, "network-v1", to_onnx).read_bytes()
    net = dlib_resnet.DlibResNet(classes=7)
    dlib_resnet.fill(net, dlib_resnet.filters(model), brought(drawn(16, 150)))
    net.eval()
    faces = drawn(3, 150)[:, ::-1].copy()
    graph = onnx.load_from_string(model).graph
    held = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    projection = held[graph.node[-1].input[1]]
    with torch.no_grad():
        found = net.features(brought(faces)).mean((2, 3)).numpy() @ projection
    expected = DlibResNet(engine=EngineOptions(precision="fp32"))(list(faces))
    assert float(np.abs(expected).max()) > 0.1
    np.testing.assert_allclose(found, expected, atol=2e-5)
