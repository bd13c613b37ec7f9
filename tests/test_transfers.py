"""What crosses the bus: a step on a device waits for nothing but its data and the displayed loss.

On the stand-in for CuPy, which counts. Every layer type and every solver runs on it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.device import Device
from minicaffe.layers import layer_classes
from minicaffe.net import Net
from minicaffe.proto import minicaffe_pb2 as pb
from minicaffe.proto.text import read_net
from minicaffe.solver import Solver
from minicaffe.solvers import rule_classes
from tests import fake_cuda, fake_cupy
from tests.data.annotated.records import numbered
from tests.data.databases import make_lmdb

GOLDEN = Path(__file__).parent / "golden"


def data(name):
    return (GOLDEN / "data" / f"{name}.prototxt").read_text()


OTHERS = {  # types that no net in golden/layers has
    "Data": data("data_lmdb"),
    "HDF5Data": data("hdf5_data"),
    "ImageData": data("image_data"),
    "WindowData": """layer { name: "it" type: "WindowData" top: "x" top: "t"
      transform_param { crop_size: 5 }
      window_data_param { source: "windows.txt" batch_size: 4 fg_threshold: 0.5 bg_threshold: 0.5
        fg_fraction: 0.5 } }""",
    "DummyData": """layer { name: "it" type: "DummyData" top: "x" dummy_data_param {
      shape { dim: 3 dim: 4 } data_filler { type: "gaussian" } } }""",
    "MemoryData": """layer { name: "it" type: "MemoryData" top: "x" top: "t" memory_data_param {
      batch_size: 2 channels: 3 height: 4 width: 5 } }""",
    "Parameter": """layer { name: "it" type: "Parameter" top: "x" param { lr_mult: 1 }
      parameter_param { shape { dim: 3 } } }
      layer { name: "loss" type: "Reduction" bottom: "x" top: "loss" loss_weight: 1 }""",
    "Silence": """layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 3 } } }
      layer { name: "it" type: "Silence" bottom: "x" }""",
    "HDF5Output": """layer { name: "in" type: "Input" top: "x" top: "t"
      input_param { shape { dim: 3 } } }
      layer { name: "it" type: "HDF5Output" bottom: "x" bottom: "t"
      hdf5_output_param { file_name: "FOLDER/out.h5" } }""",
    "Python": """layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 3 } } }
      layer { name: "it" type: "Python" bottom: "x" top: "y"
      python_param { module: "tests.doubling" layer: "Doubling" } }""",
    "ROIPooling": """layer { name: "in" type: "Input" top: "x" top: "r"
      input_param { shape { dim: 1 dim: 2 dim: 6 dim: 8 } shape { dim: 3 dim: 5 } } }
      layer { name: "it" type: "ROIPooling" bottom: "x" bottom: "r" top: "y"
      roi_pooling_param { pooled_h: 2 pooled_w: 3 } }""",
    "PSROIPooling": """layer { name: "in" type: "Input" top: "x" top: "r"
      input_param { shape { dim: 1 dim: 8 dim: 6 dim: 7 } shape { dim: 3 dim: 5 } } }
      layer { name: "it" type: "PSROIPooling" bottom: "x" bottom: "r" top: "y"
      psroi_pooling_param { output_dim: 2 group_size: 2 } }""",
    "BoxAnnotatorOHEM": """layer { name: "in" type: "Input" top: "r" top: "l" top: "t" top: "w"
      input_param { shape { dim: 3 dim: 5 } shape { dim: 3 } shape { dim: 3 }
      shape { dim: 3 dim: 8 } } }
      layer { name: "it" type: "BoxAnnotatorOHEM" bottom: "r" bottom: "l" bottom: "t" bottom: "w"
      top: "t1" top: "w1" box_annotator_ohem_param { roi_per_img: 2 } }""",
    "SmoothL1Loss": """layer { name: "in" type: "Input" top: "x" top: "t" top: "i" top: "o"
      input_param { shape { dim: 2 dim: 3 } } }
      layer { name: "it" type: "SmoothL1Loss" bottom: "x" bottom: "t" bottom: "i" bottom: "o"
      top: "loss" }""",
}
OTHERS |= {
    kind: f"""layer {{ name: "in" type: "Input" top: "x" top: "cont"
      input_param {{ shape {{ dim: 4 dim: 2 dim: 3 }} shape {{ dim: 4 dim: 2 }} }} }}
      layer {{ name: "it" type: "{kind}" bottom: "x" bottom: "cont" top: "y"
      recurrent_param {{ num_output: 5 }} }}"""
    for kind in ("GRU", "MGU")
}
OTHERS |= {
    kind: f"""layer {{ name: "in" type: "Input" top: "x"
      input_param {{ shape {{ dim: 2 dim: 3 dim: 4 dim: 5 }} }} }}
      layer {{ name: "it" type: "{kind}" bottom: "x" top: "y" {fields} }}"""
    for kind, fields in {
        "BN": "",
        "Normalize": "",
        "Permute": "permute_param { order: 0 order: 2 order: 3 order: 1 }",
        "ReLU6": "",
        "SpatialDropout": "",
        "Upsample": "upsample_param { scale: 2 }",
        "ApproximateBinaryClamping": "",
        "BinaryActivation": "",
        "ConvolutionDepthwise": "convolution_param { num_output: 6 kernel_size: 3 }",
        "DepthwiseConvolution": "convolution_param { num_output: 6 kernel_size: 3 }",
        "FixedPoint": "",
        "Gram": "",
        "GroupNorm": "group_norm_param { group_num: 3 }",
        "InstanceNorm": "",
        "Interp": "interp_param { height: 7 width: 3 }",
        "LCCL": "convolution_param { num_output: 3 kernel_size: 3 pad: 1 }",
        "LayerNorm": "",
        "Maxout": "maxout_param { pieces: 3 }",
        "ShuffleChannel": "shuffle_channel_param { group: 3 }",
        "StochasticDepth": "",
        "TemperatureSoftmax": "softmax_param { temperature: 3 }",
        "TotalVariationLoss": "",
    }.items()
}
OTHERS |= {
    kind: f"""layer {{ name: "in" type: "Input" top: "a" top: "b" top: "c"
      input_param {{ shape {{ {a} }} shape {{ {b} }} shape {{ {c} }} }} }}
      layer {{ name: "it" type: "{kind}" bottom: "a" bottom: "b" {more} top: "y" }}"""
    for kind, a, b, c, more in [
        ("Axpy", "dim: 2 dim: 3", *["dim: 2 dim: 3 dim: 4"] * 2, 'bottom: "c"'),
        ("ChannelScale", "dim: 2 dim: 3 dim: 4", "dim: 2 dim: 4", "dim: 1", ""),
        ("SpatialTransformer", "dim: 2 dim: 3 dim: 5 dim: 4", "dim: 2 dim: 6", "dim: 1", ""),
        ("FocalLoss", "dim: 4 dim: 5", "dim: 4", "dim: 1", ""),
        ("L1Loss", "dim: 4 dim: 5", "dim: 4 dim: 5", "dim: 1", ""),
        ("KLDivergenceLoss", "dim: 4 dim: 5", "dim: 4 dim: 5", "dim: 1", ""),
        ("DistillationLoss", "dim: 4 dim: 5", "dim: 4 dim: 5", "dim: 1", ""),
        ("TripletLoss", *["dim: 4 dim: 5"] * 3, 'bottom: "c"'),
    ]
}
OTHERS |= {
    kind: f"""layer {{ name: "in" type: "Input" top: "x" top: "t"
      input_param {{ shape {{ dim: 4 dim: 3 dim: 5 }} shape {{ dim: 3 dim: 2 }} }} }}
      layer {{ name: "it" type: "{kind}" bottom: "x" bottom: "t" top: "loss" }}"""
    for kind in ("CTCLoss", "CtcLoss")
}
OTHERS |= {
    "DenseImageData": """layer { name: "it" type: "DenseImageData" top: "x" top: "t"
      dense_image_data_param { source: "FOLDER/list.txt" batch_size: 2 } }""",
    "ContinuationIndicator": """layer { name: "it" type: "ContinuationIndicator" top: "y"
      continuation_indicator_param { time_step: 3 batch_size: 2 } }""",
    "SmoothL1LossOHEM": """layer { name: "in" type: "Input" top: "x" top: "t"
      input_param { shape { dim: 4 dim: 8 } } }
      layer { name: "it" type: "SmoothL1LossOHEM" bottom: "x" bottom: "t" top: "l" top: "each" }""",
    "SoftmaxWithLossOHEM": """layer { name: "in" type: "Input" top: "x" top: "t"
      input_param { shape { dim: 4 dim: 3 } shape { dim: 4 } } }
      layer { name: "it" type: "SoftmaxWithLossOHEM" bottom: "x" bottom: "t" top: "l" top: "p"
      top: "each" }""",
    "CenterLoss": """layer { name: "in" type: "Input" top: "x" top: "t"
      input_param { shape { dim: 4 dim: 5 } shape { dim: 4 } } }
      layer { name: "it" type: "CenterLoss" bottom: "x" bottom: "t" top: "loss"
      center_loss_param { num_output: 3 } }""",
    "Reorg": """layer { name: "in" type: "Input" top: "x"
      input_param { shape { dim: 1 dim: 4 dim: 4 dim: 6 } } }
      layer { name: "it" type: "Reorg" bottom: "x" top: "y" reorg_param { stride: 2 } }""",
    "PriorBox": """layer { name: "in" type: "Input" top: "x" top: "image"
      input_param { shape { dim: 1 dim: 2 dim: 2 dim: 3 } shape { dim: 1 dim: 3 dim: 8 dim: 9 } } }
      layer { name: "it" type: "PriorBox" bottom: "x" bottom: "image" top: "y"
      prior_box_param { min_size: 4 } }""",
    "Proposal": """layer { name: "in" type: "Input" top: "s" top: "o" top: "i"
      input_param { shape { dim: 1 dim: 18 dim: 2 dim: 3 } shape { dim: 1 dim: 36 dim: 2 dim: 3 }
      shape { dim: 1 dim: 3 } } }
      layer { name: "it" type: "Proposal" bottom: "s" bottom: "o" bottom: "i" top: "y" }""",
    "AnnotatedData": """layer { name: "it" type: "AnnotatedData" top: "x" top: "t"
      data_param { source: "FOLDER/boxes" batch_size: 2 backend: LMDB } }""",
}
BOXES = """layer { name: "in" type: "Input" top: "o" top: "s" top: "p" top: "r" input_param {
  shape { dim: 1 dim: 8 } shape { dim: 1 dim: 4 } shape { dim: 1 dim: 2 dim: 8 }
  shape { dim: 1 dim: 1 dim: 1 dim: 8 } } } """
ONE = np.array([0, 1, 0, 0.1, 0.1, 0.5, 0.6, 0])  # an object in the first image, as SSD has it
FOUND = np.array([0, 1, 0.9, 0.1, 0.1, 0.5, 0.6])  # and one that was found
PRIORS = np.array([[[0, 0, 0.4, 0.5, 0.5, 0.5, 0.9, 0.8], [0.1] * 8]])
VALUES = {  # for those that read boxes: what is in their bottoms
    "MultiBoxLoss": {"p": PRIORS, "r": ONE},
    "DetectionOutput": {"p": PRIORS},
    "DetectionEvaluate": {"f": FOUND, "r": ONE},
    "RegionLoss": {"r": ONE},
    "Yolov3": {"r": ONE},
}
OTHERS |= {
    "MultiBoxLoss": BOXES
    + """layer { name: "it" type: "MultiBoxLoss" bottom: "o" bottom: "s" bottom: "p" bottom: "r"
      top: "loss" multibox_loss_param { num_classes: 2 } }""",
    "DetectionOutput": BOXES
    + """layer { name: "it" type: "DetectionOutput" bottom: "o" bottom: "s" bottom: "p" top: "y"
      detection_output_param { num_classes: 2 } }""",
    "DetectionEvaluate": """layer { name: "in" type: "Input" top: "f" top: "r" input_param {
      shape { dim: 1 dim: 1 dim: 1 dim: 7 } shape { dim: 1 dim: 1 dim: 1 dim: 8 } } }
      layer { name: "it" type: "DetectionEvaluate" bottom: "f" bottom: "r" top: "y"
      detection_evaluate_param { num_classes: 2 } }""",
}
OTHERS |= {
    kind: f"""layer {{ name: "in" type: "Input" top: "x" top: "r" input_param {{
      shape {{ dim: 1 dim: 14 dim: 2 dim: 3 }} shape {{ dim: 1 dim: 1 dim: 1 dim: 8 }} }} }}
      layer {{ name: "it" type: "{kind}" bottom: "x" {more} }}"""
    for kind, more in {
        "RegionLoss": """bottom: "r" top: "loss"
      region_loss_param { num_class: 2 num: 2 biases: [1, 1, 2, 1] }""",
        "Yolov3": """bottom: "r" top: "loss"
      yolov3_param { num_class: 2 num: 2 biases: [9, 9, 30, 20] mask: [0, 1] }""",
        "YoloDetectionOutput": """top: "y"
      yolo_detection_output_param { num_classes: 2 num_box: 2 biases: [1, 1, 2, 1] }""",
        "Yolov3DetectionOutput": """top: "y" yolov3_detection_output_param { num_classes: 2
      num_box: 2 biases: [9, 9, 30, 20] mask: [0, 1] anchors_scale: 32 mask_group_num: 1 }""",
    }.items()
}
# what a type brings to the host in a step: how many arrays, and why
WAITING = {
    "Filter": (1, "how many items are selected"),
    "HDF5Output": (2, "what it writes"),
    "Python": (5, "code of the user's computes with NumPy, on data and diffs"),
    "Embed": (2, "which rows are the last of their index, where no kernel adds them"),
    "BatchReindex": (2, "likewise"),
    "CenterLoss": (4, "likewise, of sums and of numbers of items"),
    "Proposal": (3, "boxes and scores: what is left of them is worked out on the host"),
    "DetectionOutput": (3, "likewise"),
    "DetectionEvaluate": (2, "what was found, and what there is to be found"),
    "YoloDetectionOutput": (1, "likewise, in one bottom"),
    "Yolov3DetectionOutput": (1, "likewise"),
    "MultiBoxLoss": (3, "boxes and objects, which are matched there, and losses to mine by"),
    "RegionLoss": (2, "predictions and objects: which is for which"),
    "Yolov3": (2, "likewise"),
}
WITHOUT_SAYING = {"Embed", "BatchReindex", "CenterLoss"}  # on a GPU a kernel does it
# what these have worked out on the host goes to the device: prior boxes once, others each step
RETURNING = {"PriorBox", *WAITING} - {"Filter", "HDF5Output", *WITHOUT_SAYING}


def nets():
    """Every layer type: the text of a net with it, its phase, and its inputs."""
    found = dict(OTHERS)
    for path in sorted((GOLDEN / "layers").glob("*.prototxt")):
        for layer in read_net(path).layer:
            found.setdefault(layer.type, path)
    return found


@pytest.fixture
def fake():
    return Device(fake_cupy, 0, np.random.default_rng(1701))


def build(source, device, folder):
    if isinstance(source, str):
        text = source.replace("FOLDER", str(folder))
        net = Net(text_format.Parse(text, pb.NetParameter(force_backward=True)), device=device)
        for step in net.steps:
            if step.layer.type == "MemoryData":
                batches = np.ones((4, 3, 4, 5), np.float32), np.ones(4, np.float32)
                step.layer.set_input_arrays(*batches)
        for name, value in VALUES.get(net.steps[-1].layer.type, {}).items():
            net.blobs[name].data[...] = device.xp.asarray(value.reshape(net.blobs[name].shape))
        return net
    arrays = dict(np.load(source.with_suffix(".npz")))
    state = pb.NetState(phase=pb.Phase.Value(str(arrays["phase"])))
    definition = read_net(source)
    definition.force_backward = True
    net = Net(definition, state, device)
    for key, value in arrays.items():
        if key.startswith("in/"):
            net.blobs[key[3:]].data[...] = device.xp.asarray(value)
    return net


def test_every_type_has_a_net():
    assert set(nets()) == set(layer_classes())


@pytest.mark.parametrize("kind", sorted(nets()))
def test_every_layer_type(kind, fake, tmp_path, monkeypatch):
    monkeypatch.chdir(GOLDEN / "data")
    if kind == "AnnotatedData":
        make_lmdb(tmp_path / "boxes", numbered(3))
    if kind == "DenseImageData":
        (tmp_path / "list.txt").write_text("images/0.png images/0.png\n" * 3)
    net = build(nets()[kind], fake, tmp_path)
    assert kind in {step.layer.type for step in net.steps}
    try:
        with fake.host.deferring(), fake_cuda.counted() as all_counts:
            for _ in range(2):  # what is made at first sight is there in the second
                with fake_cuda.counted() as counts:
                    net.forward()
                    net.clear_param_diffs()
                    net.backward()
        fake.host.look()
    finally:
        net.close()
    copies, why = WAITING.get(kind, (0, "it goes ahead"))
    assert counts.to_host == copies, why
    makes_data = any(not s.bottom and (s.layer.reads_data or "Data" in kind) for s in net.steps)
    assert bool(all_counts.to_device) == (makes_data or kind in RETURNING)
    assert not (kind == "PriorBox" and counts.to_device)
    for step in net.steps:
        for blob in (*step.bottom, *step.top, *step.layer.blobs):
            assert isinstance(blob.data, fake_cupy.ndarray)
            assert isinstance(blob.diff, fake_cupy.ndarray)


def test_types_that_wait_say_so():
    """Those that only a recording's failure would find, the log names by what they do."""
    says = {k for k, c in layer_classes().items() if c.waits or c.runs_user_code}
    assert says == set(WAITING) - WITHOUT_SAYING


TOP = """
layer { name: "data" type: "DummyData" top: "x" top: "t" dummy_data_param {
  shape { dim: 4 dim: 2 dim: 12 dim: 12 } shape { dim: 4 }
  data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }
"""
END = """
layer { name: "ip" type: "InnerProduct" bottom: "h" top: "y"
  inner_product_param { num_output: 3 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "y" bottom: "t" top: "loss" }
layer { name: "acc" type: "Accuracy" bottom: "y" bottom: "t" top: "acc" }
"""
CONVOLUTION = """
layer { name: "conv" type: "Convolution" bottom: "x" top: "h"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
"""
POOLING = """
layer { name: "pool" type: "Pooling" bottom: "h" top: "h1"
  pooling_param { kernel_size: 2 stride: 2 pool: MAX } }
"""
NETS = {
    "lenet": TOP
    + CONVOLUTION
    + POOLING
    + """
layer { name: "conv2" type: "Convolution" bottom: "h1" top: "h2"
  convolution_param { num_output: 5 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "pool2" type: "Pooling" bottom: "h2" top: "h3"
  pooling_param { kernel_size: 2 stride: 2 pool: MAX } }
layer { name: "ip1" type: "InnerProduct" bottom: "h3" top: "h4"
  inner_product_param { num_output: 6 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "h4" top: "h4" }
"""
    + END.replace('"h"', '"h4"'),
    "norm": TOP
    + CONVOLUTION
    + """
layer { name: "bn" type: "BatchNorm" bottom: "h" top: "h" }
layer { name: "scale" type: "Scale" bottom: "h" top: "h" scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "h" top: "h" }
layer { name: "lrn" type: "LRN" bottom: "h" top: "n" }
"""
    + END.replace('"h"', '"n"'),
    "random": TOP
    + CONVOLUTION
    + POOLING.replace("MAX", "STOCHASTIC")
    + """
layer { name: "drop" type: "Dropout" bottom: "h1" top: "h1" }
layer { name: "drop2" type: "Dropout" bottom: "h1" top: "h2" dropout_param { dropout_ratio: 0.2 } }
"""
    + END.replace('"h"', '"h2"'),
    "lstm": """
layer { name: "data" type: "DummyData" top: "x" top: "cont" top: "t" dummy_data_param {
  shape { dim: 5 dim: 3 dim: 4 } shape { dim: 5 dim: 3 } shape { dim: 5 dim: 3 }
  data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 }
  data_filler { type: "constant" value: 2 } } }
layer { name: "lstm" type: "LSTM" bottom: "x" bottom: "cont" top: "h" recurrent_param {
  num_output: 6 weight_filler { type: "uniform" min: -0.1 max: 0.1 } } }
"""
    + END.replace("num_output: 3", "num_output: 3 axis: 2")
    .replace('top: "loss"', 'top: "loss" softmax_param { axis: 2 }')
    .replace('top: "acc"', 'top: "acc" accuracy_param { axis: 2 }'),
    "losses": TOP
    + CONVOLUTION
    + """
layer { name: "ip" type: "InnerProduct" bottom: "h" top: "y"
  inner_product_param { num_output: 3 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "one" type: "InnerProduct" bottom: "h" top: "y1"
  inner_product_param { num_output: 1 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "soft" type: "Softmax" bottom: "y" top: "p" }
layer { name: "hinge" type: "HingeLoss" bottom: "y" bottom: "t" top: "l1"
  loss_weight: 0.1 }
layer { name: "log" type: "MultinomialLogisticLoss" bottom: "p" bottom: "t" top: "l2"
  loss_weight: 0.1 }
layer { name: "sig" type: "SigmoidCrossEntropyLoss" bottom: "y1" bottom: "t" top: "l3"
  loss_weight: 0.1 }
layer { name: "euc" type: "EuclideanLoss" bottom: "y1" bottom: "t" top: "l4"
  loss_weight: 0.1 }
layer { name: "con" type: "ContrastiveLoss" bottom: "y" bottom: "p" bottom: "t" top: "l5"
  loss_weight: 0.1 }
layer { name: "prob" type: "SoftmaxWithLoss" bottom: "y" bottom: "t" top: "l6"
  loss_weight: 0.1 }
layer { name: "acc" type: "Accuracy" bottom: "y" bottom: "t" top: "acc" top: "each" }
""",
}
BASE = """base_lr: 0.05 random_seed: 3 lr_policy: "exp" gamma: 0.9 max_iter: 20 weight_decay: 0.01
snapshot_after_train: false """


def make(net, text="", device=None):
    param = text_format.Parse(BASE + text, pb.SolverParameter())
    text_format.Parse(net, param.net_param)
    return Solver(param, device or Device(fake_cupy, 0, np.random.default_rng(1)))


def count_steps(solver, number, each=lambda: None):
    """What each of ``number`` iterations brings over the bus, without the look at its end."""
    result = []
    for _ in range(number):
        each()
        with fake_cuda.counted() as counts:
            solver.net.clear_param_diffs()
            solver._iterate()
        result.append(counts)
    return result


@pytest.mark.parametrize("recorded", ["0", "1"])
@pytest.mark.parametrize("name", NETS)
def test_a_step_brings_over_its_batch_alone(name, recorded, monkeypatch):
    monkeypatch.setenv("MINICAFFE_CUDA_GRAPH", recorded)
    solver = make(NETS[name], 'type: "SGD" momentum: 0.9 clip_gradients: 1')
    batch = solver.net.blobs["x"].data.nbytes
    for counts in count_steps(solver, 5):
        assert (counts.to_host, counts.to_device, counts.to_device_bytes) == (0, 1, batch)


def test_a_displayed_step_brings_back_the_loss_and_the_outputs(monkeypatch):
    solver = make(NETS["lenet"], 'type: "SGD" display: 2')
    counts = count_steps(solver, 6)
    assert [each.to_host for each in counts[1::2]] == [0, 0, 0]
    for each in counts[::2]:
        notes = 2 * 16  # a label's place and value, of the loss and of the accuracy
        assert (each.to_host, each.to_host_bytes) == (4, 4 + 8 + notes)


@pytest.mark.parametrize("rule", sorted(rule_classes()))
def test_every_solver_waits_for_nothing(rule):
    solver = make(NETS["lenet"], f'type: "{rule}" iter_size: 2')
    before = [param.blob.data.get() for param in solver.net.params]
    counts = count_steps(solver, 4)
    assert [each.to_host for each in counts] == [0] * 4
    assert [each.to_device for each in counts] == [2] * 4
    for param, array in zip(solver.net.params, before, strict=True):
        assert not np.array_equal(param.blob.data.get(), array)
