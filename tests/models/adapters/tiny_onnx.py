"""ONNX files of the tiny networks, written node by node."""

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper


def weights_of(network):
    return {name: value.numpy() for name, value in network.state_dict().items()}


def classifier(network, *, batch="n", kind=TensorProto.FLOAT, extra=(), outputs=None):
    """The file of a ``Classifier``; ``extra`` nodes are put behind its output "scores"."""
    held = [numpy_helper.from_array(value, name) for name, value in weights_of(network).items()]
    held.append(numpy_helper.from_array(torch.tensor(network.scale).numpy(), "scale"))
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["pixels", "features.weight", "features.bias"], ["maps"], strides=[2, 2]),
        helper.make_node("Relu", ["maps"], ["rectified"]),
        helper.make_node("GlobalAveragePool", ["rectified"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Mul", ["flat", "scale"], ["spread"]),
        helper.make_node("Gemm", ["spread", "head.weight", "head.bias"], ["scores"], transB=1),
    ]
    shape = [batch, network.features.in_channels, 32, 32]
    images = helper.make_tensor_value_info("images", kind, shape)
    outputs = outputs or [
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, network.head.out_features])
    ]
    return _model([*nodes, *extra], images, outputs, held)


def segmenter(network):
    held = [numpy_helper.from_array(value, name) for name, value in weights_of(network).items()]
    nodes = [
        helper.make_node("Conv", ["images", "features.weight", "features.bias"], ["maps"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["maps"], ["rectified"]),
        helper.make_node("Conv", ["rectified", "head.weight", "head.bias"], ["mask"]),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 32, 32])
    output = helper.make_tensor_value_info(
        "mask", TensorProto.FLOAT, ["n", network.head.out_channels, 32, 32]
    )
    return _model(nodes, images, [output], held)


def channels_last(model, batch="n"):
    """The same model with an input [n, H, W, C], as Keras exports it."""
    (images,) = model.graph.input
    _, channels, height, width = (dim.dim_value for dim in images.type.tensor_type.shape.dim)
    turned = helper.make_tensor_value_info(
        "film", images.type.tensor_type.elem_type, [batch, height, width, channels]
    )
    turn = helper.make_node("Transpose", ["film"], ["images"], perm=[0, 3, 1, 2])
    return _model([turn, *model.graph.node], turned, list(model.graph.output), list(model.graph.initializer))


def noted(model, **notes):
    helper.set_model_props(model, notes)
    return model


def _model(nodes, images, outputs, held):
    graph = helper.make_graph(nodes, "tiny", [images], outputs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model
