from __future__ import annotations

import pytest

from minicaffe.drawing.fields import MOST, key_fields, multipliers
from minicaffe.proto.minicaffe_pb2 import LayerParameter
from minicaffe.proto.text import parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'type: "Convolution" convolution_param { num_output: 96 kernel_size: 11 stride: 4 '
            'pad: 2 group: 2 weight_filler { type: "xavier" } }',
            ["num_output 96", "kernel 11x11", "stride 4", "pad 2", "group 2"],
        ),
        (
            'type: "Convolution" convolution_param { kernel_h: 1 kernel_w: 7 pad_h: 0 pad_w: 3 '
            "num_output: 5 bias_term: false dilation: 2 dilation: 3 }",
            ["num_output 5", "kernel 1x7", "pad 0x3", "dilation 2x3", "bias_term false"],
        ),
        (
            'type: "Convolution" convolution_param { num_output: 5 kernel_size: 3 stride: 1 '
            "pad: 0 group: 1 bias_term: true }",  # what they would be without
            ["num_output 5", "kernel 3x3"],
        ),
        ('type: "Pooling" pooling_param { kernel_size: 3 }', ["pool MAX", "kernel 3x3"]),
        (
            'type: "Pooling" pooling_param { pool: AVE global_pooling: true }',
            ["pool AVE", "global_pooling true"],
        ),
        ('type: "Eltwise"', ["operation SUM"]),
        ('type: "Eltwise" eltwise_param { operation: PROD }', ["operation PROD"]),
        ('type: "Dropout" dropout_param { dropout_ratio: 0.7 }', ["dropout_ratio 0.7"]),
        ('type: "Input" input_param { shape { dim: 1 dim: 3 } shape { dim: 1 } }',
         ["shape 1x3, 1"]),
        ('type: "Reshape" reshape_param { shape { dim: 0 dim: -1 } }', ["shape 0x-1"]),
        ('type: "ReLU" include { phase: TRAIN } param { lr_mult: 3 } '
         'loss_param { normalize: true }', []),
        (
            'type: "Data" data_param { source: "/a/very/long/path/to/a/database/of/images_lmdb" '
            "batch_size: 8 } transform_param { crop_size: 6 mean_value: 104 mean_value: 117 }",
            ["batch_size 8", "crop_size 6", "mean_value 104, 117",
             "source ...th/to/a/database/of/images_lmdb"],
        ),
    ],
)  # fmt: skip
def test_key_fields(text, expected):
    assert key_fields(parse(text, LayerParameter)) == expected


def test_not_too_many():
    text = (
        'type: "WindowData" window_data_param { source: "a" batch_size: 3 mirror: true '
        "fg_threshold: 0.1 bg_threshold: 0.2 fg_fraction: 0.3 context_pad: 4 crop_size: 5 }"
    )
    assert len(key_fields(parse(text, LayerParameter))) == MOST


def test_multipliers():
    layer = parse("param { lr_mult: 1 } param { lr_mult: 0.25 }", LayerParameter)
    assert multipliers(layer) == "lr_mult 1, 0.25"
    assert multipliers(LayerParameter()) == ""
