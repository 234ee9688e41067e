"""The network as ONNX: three planes of levels in, P(live) out; a plane of zeros is a modality that is missing."""

from __future__ import annotations

import io
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from vultus.errors import InputError
from vultus.nets.mmda.network import CLASSES, MMDA
from vultus.nets.mmda.options import MODALITIES

__all__ = ["INPUT", "OUTPUT", "Deployed", "onnx"]

OPSET = 17
INPUT, OUTPUT = "pictures", "p_live"


class Deployed(nn.Module):
    """One sample: scaled planes (M, 3, S, S) of the modalities `which` (M,) to P(live) (1,)."""

    def __init__(self, network: MMDA) -> None:
        super().__init__()
        self.network = network

    def forward(self, planes: Tensor, which: Tensor) -> Tensor:
        logits = self.network.group(planes[:, None], which)[0]
        return logits.reshape(1, CLASSES).softmax(dim=-1)[:, 1]


def onnx(network: MMDA) -> bytes:
    """The file, key sets inside: input `pictures` (3, 3, S, S), levels 0..255 of RGB, depth, infrared.

    A plane that is 0 throughout is missing, and its tokens are not made. Refused (InputError):
    a network whose key sets were not stored.
    """
    import onnx as format
    from onnx import compose

    network.eval()
    if not getattr(network, "fitted", torch.tensor(True)):
        raise InputError("expected a network with stored key sets, call fit_keys first")
    size, made = network.options.size, io.BytesIO()
    with warnings.catch_warnings():
        # The newer exporter wants onnxscript; what the tracer warns of are sizes that are fixed here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Deployed(network).eval(),
            (torch.zeros(len(MODALITIES), 3, size, size), torch.arange(len(MODALITIES))),
            made,  # type: ignore[arg-type]
            input_names=["planes", "which"],
            output_names=[OUTPUT],
            dynamic_axes={"planes": {0: "modalities"}, "which": {0: "modalities"}},
            opset_version=OPSET,
            dynamo=False,
        )
    inner = format.load_from_string(made.getvalue())
    door = _door(size, inner.ir_version)
    whole = compose.merge_models(door, inner, [("planes", "planes"), ("which", "which")])
    format.checker.check_model(whole)
    found: bytes = whole.SerializeToString()
    return found


def _door(size: int, ir_version: int) -> Any:
    """The part before the network: which planes are there, and their levels as (x - 127.5) / 128."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    constants = {
        "none": np.array(0, np.float32), "half": np.array(127.5, np.float32), "step": np.array(128, np.float32),
        "only": np.array([0], np.int64),
    }  # fmt: skip
    nodes = [
        helper.make_node("ReduceMax", [INPUT], ["brightest"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Greater", ["brightest", "none"], ["there"]),
        helper.make_node("NonZero", ["there"], ["places"]),
        helper.make_node("Squeeze", ["places", "only"], ["which"]),
        helper.make_node("Gather", [INPUT, "which"], ["kept"], axis=0),
        helper.make_node("Sub", ["kept", "half"], ["centred"]),
        helper.make_node("Div", ["centred", "step"], ["planes"]),
    ]
    shape = [len(MODALITIES), 3, size, size]
    graph = helper.make_graph(
        nodes,
        "door",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("planes", TensorProto.FLOAT, ["modalities", *shape[1:]]),
            helper.make_tensor_value_info("which", TensorProto.INT64, ["modalities"]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=ir_version)
