"""Kinds of layers: which types belong together, and the colour of each kind."""

from __future__ import annotations

FILLS = {
    "data": "#d5dfea",
    "convolution": "#b9d3f6",
    "inner product": "#d6c6f1",
    "recurrent": "#f3c4e0",
    "pooling": "#b5e2cd",
    "activation": "#fbd3bf",
    "normalisation": "#d5e7a8",
    "dropout": "#e6dccb",
    "join and split": "#ffe29b",
    "shape": "#d6d9dc",
    "arithmetic": "#c3e7e9",
    "detection": "#cfc7a9",
    "loss": "#f4aeb0",
    "measure": "#f7c9d3",
    "Python": "#ecd2a4",
    "other": "#e6e6e6",
    "output": "#ffffff",
}

_TYPES = {
    "data": "Data DummyData HDF5Data ImageData Input MemoryData Parameter WindowData AnnotatedData",
    "convolution": (
        "Convolution Deconvolution Im2col ConvolutionDepthwise DepthwiseConvolution LCCL"
    ),
    "inner product": "InnerProduct Embed",
    "recurrent": "ContinuationIndicator GRU LSTM LSTMUnit MGU RNN Recurrent",
    "pooling": "Pooling SPP ROIPooling PSROIPooling",
    "activation": (
        "AbsVal ApproximateBinaryClamping BNLL BinaryActivation Clip ELU FixedPoint Maxout PReLU "
        "ReLU ReLU6 Sigmoid Softmax Swish TanH TemperatureSoftmax Threshold"
    ),
    "normalisation": "BN BatchNorm Bias LRN MVN Normalize Scale",
    "dropout": "Dropout SpatialDropout StochasticDepth",
    "join and split": "Axpy ChannelScale Concat Eltwise Slice Split",
    "shape": (
        "BatchReindex Crop Filter Flatten Interp Permute Reorg Reshape ShuffleChannel "
        "SpatialTransformer Tile Upsample"
    ),
    "arithmetic": "Exp Gram Log Power Reduction",
    "detection": (
        "BoxAnnotatorOHEM DetectionOutput PriorBox Proposal YoloDetectionOutput "
        "Yolov3DetectionOutput"
    ),
    "loss": "SmoothL1LossOHEM SoftmaxWithLossOHEM Yolov3",
    "measure": "Accuracy ArgMax DetectionEvaluate HDF5Output Silence",
    "Python": "Python",
}
_KINDS = {type_: kind for kind, types in _TYPES.items() for type_ in types.split()}


def kind_of(type_: str) -> str:
    """The kind of a layer of ``type_``; what a fork of Caffe named goes by how its name ends."""
    if type_ in _KINDS:
        return _KINDS[type_]
    ends = {"Loss": "loss", "Data": "data", "Norm": "normalisation"}
    return next((kind for end, kind in ends.items() if type_.endswith(end)), "other")


def darker(colour: str, factor: float = 0.62) -> str:
    """``colour``, a ``#rrggbb``, mixed with black: the frame of what it fills."""
    return "#" + "".join(f"{int(int(colour[i : i + 2], 16) * factor):02x}" for i in (1, 3, 5))
