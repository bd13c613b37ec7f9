"""A small SSD, from its database to its mean average precision: squares and discs on noise."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.data.lmdb_writer import write_lmdb
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solver import Solver
from tests.data.annotated.records import record

SIDE = 48
DATA = """layer {{ name: "data" type: "AnnotatedData" top: "data" top: "label"
  include {{ phase: {phase} }} data_param {{ source: "{source}" batch_size: {batch} backend: LMDB }}
  transform_param {{ mean_value: 104 scale: 0.02 resize_param {{ height: 48 width: 48 }} {more} }}
  {samplers} }}
"""
MORE = """mirror: true emit_constraint { emit_type: CENTER }
  distort_param { brightness_prob: 0.5 brightness_delta: 20 }
  expand_param { prob: 0.3 max_expand_ratio: 1.5 }"""
SAMPLERS = """annotated_data_param { batch_sampler { max_sample: 1 max_trials: 1 }
  batch_sampler { sampler { min_scale: 0.7 } sample_constraint { min_object_coverage: 1 }
                  max_sample: 1 max_trials: 20 } }"""
CONVOLUTION = """layer {{ name: "{name}" type: "Convolution" bottom: "{below}" top: "{name}"
  convolution_param {{ num_output: {outputs} kernel_size: 3 pad: 1 stride: {stride}
                      weight_filler {{ type: "msra" }} }} }}
"""
RELU = 'layer {{ name: "relu_{name}" type: "ReLU" bottom: "{name}" top: "{name}" }}\n'
HEAD = """layer {{ name: "{name}_order" type: "Permute" bottom: "{name}" top: "{name}_order"
  permute_param {{ order: [0, 2, 3, 1] }} }}
layer {{ name: "{name}_flat" type: "Flatten" bottom: "{name}_order" top: "{name}_flat" }}
"""
PRIOR = """layer {{ name: "{name}_prior" type: "PriorBox" bottom: "{name}" bottom: "data"
  top: "{name}_prior" prior_box_param {{ min_size: {size} max_size: {most}
  variance: [0.1, 0.1, 0.2, 0.2] }} }}
"""
CONCAT = """layer {{ name: "{name}" type: "Concat" bottom: "c3_{name}{end}" bottom: "c4_{name}{end}"
  top: "{name}" concat_param {{ axis: {axis} }} }}
"""
ENDS = """layer { name: "loss" type: "MultiBoxLoss" bottom: "loc" bottom: "conf" bottom: "prior"
  bottom: "label" top: "loss" include { phase: TRAIN }
  propagate_down: [true, true, false, false]
  multibox_loss_param { num_classes: 3 code_type: CENTER_SIZE } }
layer { name: "three" type: "Reshape" bottom: "conf" top: "three" include { phase: TEST }
  reshape_param { shape { dim: 0 dim: -1 dim: 3 } } }
layer { name: "prob" type: "Softmax" bottom: "three" top: "prob" include { phase: TEST }
  softmax_param { axis: 2 } }
layer { name: "scores" type: "Flatten" bottom: "prob" top: "scores" include { phase: TEST } }
layer { name: "found" type: "DetectionOutput" bottom: "loc" bottom: "scores" bottom: "prior"
  top: "found" include { phase: TEST }
  detection_output_param { num_classes: 3 code_type: CENTER_SIZE keep_top_k: 50
    nms_param { nms_threshold: 0.45 top_k: 100 } confidence_threshold: 0.01 } }
layer { name: "eval" type: "DetectionEvaluate" bottom: "found" bottom: "label" top: "eval"
  include { phase: TEST } detection_evaluate_param { num_classes: 3 } }
"""


def definition(folder):
    """Two maps, of 12 x 12 and of 6 x 6 positions, with two square prior boxes at each."""
    text = DATA.format(
        phase="TRAIN", source=folder / "train", batch=16, more=MORE, samplers=SAMPLERS
    )
    text += DATA.format(phase="TEST", source=folder / "test", batch=20, more="", samplers="")
    below = "data"
    for name, outputs, stride in (("c1", 16, 2), ("c2", 32, 2), ("c3", 32, 1), ("c4", 32, 2)):
        text += CONVOLUTION.format(name=name, below=below, outputs=outputs, stride=stride)
        text += RELU.format(name=name)
        below = name
    for name, size in (("c3", 10), ("c4", 18)):
        for head, outputs in (("loc", 8), ("conf", 6)):
            own = f"{name}_{head}"
            text += CONVOLUTION.format(name=own, below=name, outputs=outputs, stride=1)
            text += HEAD.format(name=own)
        text += PRIOR.format(name=name, size=size, most=size + 8)
    for name, axis in (("loc", 1), ("conf", 1), ("prior", 2)):
        text += CONCAT.format(name=name, end="" if name == "prior" else "_flat", axis=axis)
    return text + ENDS


def shapes(count, seed):
    """Records of one or two shapes, brighter than the noise they are on."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for _ in range(count):
        pixels = rng.normal(90, 20, (3, SIDE, SIDE))
        objects = []
        for half in rng.permutation(2)[: rng.integers(1, 3)]:
            side = rng.integers(9, 22)
            top, left = rng.integers(0, SIDE - side), 24 * half + rng.integers(0, 25 - side)
            kind = rng.integers(1, 3)
            inside = (rows >= top) & (rows < top + side) & (columns >= left)
            inside &= columns < left + side
            if kind == 2:
                apart = np.hypot(rows - top - (side - 1) / 2, columns - left - (side - 1) / 2)
                inside = apart <= side / 2
            pixels[:, inside] += 80
            box = np.array([left, top, left + side, top + side]) / SIDE
            objects.append((int(kind), 0, box.tolist(), False))
        yield record(np.clip(pixels, 0, 255).astype(np.uint8), objects)


@pytest.mark.slow
def test_a_small_ssd_learns_to_find_squares_and_discs(tmp_path):
    for name, count, seed in (("train", 400, 1), ("test", 100, 2)):
        records = enumerate(shapes(count, seed))
        write_lmdb(tmp_path / name, ((b"%04d" % n, r.SerializeToString()) for n, r in records))
    param = SolverParameter(
        type="Adam", lr_policy="fixed", base_lr=0.002, momentum=0.9, momentum2=0.999,
        max_iter=500, test_iter=[5], test_interval=10_000, test_initialization=False,
        random_seed=1701, snapshot_after_train=False, eval_type="detection",
        ap_version="11point", weight_decay=0.0005,
    )  # fmt: skip
    text_format.Parse(definition(tmp_path), param.net_param)
    solver = Solver(param)
    try:
        before = solver.test()["eval"]
        solver.step(500)
        after = solver.test()["eval"]
    finally:
        solver.close()
    assert before < 0.2  # 0.03 once
    assert after > 0.5  # 0.997 once, after 15 s of two cores
