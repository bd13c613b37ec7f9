"""AnnotatedTransformer: the order of what it does, and that a call leaves the record alone."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.data.annotated.record import AnnotatedDecoder
from minicaffe.data.annotated.transformer import AnnotatedTransformer
from minicaffe.data.image import Layout
from minicaffe.errors import LayerConfigError
from minicaffe.proto.minicaffe_pb2 import BatchSampler, TransformationParameter
from tests.data.annotated.records import numbered

DECODE = AnnotatedDecoder("db", TransformationParameter())
RECORD = DECODE(b"2", numbered(3)[2].SerializeToString())


def make(text, samplers=(), train=True):
    param = text_format.Parse(text, TransformationParameter())
    return AnnotatedTransformer(param, samplers, train=train)


def run(it, seed=0):
    pixels, place, objects = it(RECORD, np.random.default_rng(seed))
    y = np.empty(it.shape(RECORD.layout), np.float32)
    it.finish(pixels, place, y)
    return y, objects


def test_the_record_stays_as_it_is():
    before = RECORD.pixels.copy(), RECORD.objects.boxes.copy()
    it = make(
        """mirror: true expand_param { max_expand_ratio: 2 } resize_param { height: 6 width: 6 }
        distort_param { brightness_prob: 1 brightness_delta: 50 } noise_param { inverse: true }""",
        [BatchSampler()],
    )
    for seed in range(5):
        run(it, seed)
    np.testing.assert_array_equal(RECORD.pixels, before[0])
    np.testing.assert_array_equal(RECORD.objects.boxes, before[1])


def test_the_same_chances_do_the_same():
    it = make("mirror: true crop_size: 5")
    assert (run(it, 3)[0] == run(it, 3)[0]).all()
    assert len({run(it, seed)[0].tobytes() for seed in range(40)}) > 20


def test_a_mirror_turns_pixels_and_boxes():
    it = make("mirror: true")
    found = {}
    for seed in range(20):
        y, objects = run(it, seed)
        found[y[0, 0, 0], round(float(objects.boxes[1, 0]), 4)] = y
    # the second object goes from 0.1 to 0.6
    assert sorted(left for _, left in found) == [0.1, 0.4]
    plain, turned = (found[key] for key in sorted(found, key=lambda key: key[1]))
    np.testing.assert_array_equal(turned, plain[..., ::-1])


def test_a_crop_cuts_boxes():
    y, objects = run(make("crop_h: 4 crop_w: 6", train=False))
    np.testing.assert_array_equal(y, RECORD.pixels.transpose(2, 0, 1)[:, 2:6, 3:9])
    # of 0 to 0.5 and of 0.1 to 0.6, in a window from 0.25 to 0.75
    np.testing.assert_allclose(objects.boxes[:, 2], [0.5, 0.7], rtol=1e-6)
    np.testing.assert_allclose(objects.boxes[:, [0, 1, 3]], [[0, 0, 1]] * 2, atol=1e-6)


@pytest.mark.parametrize("resize", ["", "resize_param { height: 5 width: 9 }"])
def test_a_window_must_hold_the_crop(resize):
    with pytest.raises(LayerConfigError, match="with a batch_sampler, expected at most"):
        make(f"crop_size: 6 {resize}", [BatchSampler()])
    text = "crop_size: 5 resize_param { height: 5 width: 9 resize_mode: FIT_SMALL_SIZE }"
    small = BatchSampler()
    small.sampler.min_scale = small.sampler.max_scale = 0.1
    for seed in range(20):
        assert run(make(text, [small]), seed)[0].shape == (3, 5, 5)


def test_colours_need_three_channels():
    it = make("distort_param { hue_prob: 0.5 hue_delta: 3 }")
    with pytest.raises(LayerConfigError, match=r"an image has 1 channel\(s\), expected 3"):
        it.shape(Layout(1, 5, 6))
    assert make("distort_param { contrast_prob: 0.5 }").shape(Layout(1, 5, 6)) == (1, 5, 6)


def test_a_mean_image_belongs_to_the_resized_one(tmp_path):
    from minicaffe.proto.minicaffe_pb2 import BlobProto

    mean = BlobProto(channels=3, height=4, width=6, num=1, data=[2.0] * 72)
    (tmp_path / "mean").write_bytes(mean.SerializeToString())
    text = f'mean_file: "{tmp_path}/mean" '
    plain, _ = run(make("resize_param { height: 4 width: 6 }"))
    y, _ = run(make(text + "resize_param { height: 4 width: 6 }"))
    np.testing.assert_allclose(y, plain - 2)
    with pytest.raises(LayerConfigError, match="expected 5 x 6, as an image before it is cropped"):
        make(text + "resize_param { height: 5 width: 6 }").shape(RECORD.layout)
