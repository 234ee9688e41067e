from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

torch = pytest.importorskip("torch")

from vultus import weights  # noqa: E402
from vultus.errors import InputError, WeightsError  # noqa: E402
from vultus.nets.mobilenet import IMAGENET, MobileNetV2, load_imagenet  # noqa: E402


def parameters(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_layers_that_there_are_not_are_refused() -> None:
    with pytest.raises(InputError, match="0 to 18"):
        MobileNetV2(19)


def test_size_and_strides_are_the_paper_s() -> None:
    """3,504,872 parameters with the classifier of 1,281,000, as the paper and torchvision count them."""
    assert parameters(MobileNetV2()) + 1_281_000 == 3_504_872
    for last, channels, stride in ((6, 32, 8), (13, 96, 16), (17, 320, 32), (18, 1280, 32)):
        net = MobileNetV2(last).eval()
        assert net.channels == channels
        assert net(torch.zeros(1, 3, 64, 96)).shape == (1, channels, 64 // stride, 96 // stride)


def test_a_dictionary_that_lacks_something_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"features\.0\.0\.weight and \d+ more lack"):
        load_imagenet(MobileNetV2(3), {})


@pytest.mark.weights
def test_with_imagenet_s_weights_a_cat_is_a_cat() -> None:
    try:
        state = torch.load(weights.fetch(IMAGENET), weights_only=True)
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")
    net = MobileNetV2().eval()
    load_imagenet(net, state)
    picture = cv2.resize(data.chelsea()[:, 75:375], (224, 224), interpolation=cv2.INTER_AREA)
    values = (picture / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    with torch.inference_mode():
        features = net(torch.from_numpy(values).permute(2, 0, 1)[None].float()).mean((2, 3))
        logits = features @ state["classifier.1.weight"].T + state["classifier.1.bias"]
    assert int(logits.argmax()) in range(281, 286)  # ImageNet's five domestic cats
