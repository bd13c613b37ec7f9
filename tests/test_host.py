"""The host's looks at what a device has found: at once, or put off and read together."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.cuda_graph import NotRecordedError, Recorded
from minicaffe.device import Device
from minicaffe.errors import ValueRangeError
from tests import fake_cuda, fake_cupy
from tests.build import build

LOSS = 'type: "SoftmaxWithLoss" loss_param { ignore_label: 9 }'


@pytest.fixture
def fake():
    return Device(fake_cupy, 0, np.random.default_rng(1))


def loss_of(device, labels):
    return build(LOSS, device, np.zeros((4, 3)), np.array(labels, float))


def set_labels(blob, labels):
    blob.data[...] = blob.device.xp.asarray(np.array(labels, float))


def test_outside_a_loop_it_looks_at_once(device):
    layer, bottom, top = loss_of(device, [0, 1, 7, 2])
    with pytest.raises(ValueRangeError, match=r"'it'.*label 7 at row 2, expected 0..2, or ignore"):
        layer.run_forward(bottom, top)
    device.host.look()


def test_on_the_cpu_it_always_looks_at_once(device):
    layer, bottom, top = loss_of(device, [0, 1, 7, 2])
    if device.xp is np:
        with device.host.deferring(), pytest.raises(ValueRangeError, match="label 7"):
            layer.run_forward(bottom, top)


def test_what_is_found_later_is_the_first_that_was_bad(fake):
    layer, bottom, top = loss_of(fake, [0, 1, 2, 9])
    with fake.host.deferring():
        for labels in ([0, 1, 2, 9], [0, -4, 2, 5], [8, 8, 8, 8], [0, 0, 0, 0]):
            set_labels(bottom[1], labels)
            with fake_cuda.counted() as counts:
                layer.run_forward(bottom, top)
            assert counts.to_host == 0
            assert np.isfinite(float(top[0].data))
            layer.run_backward(top, [True, False], bottom)
    with pytest.raises(ValueRangeError, match="label -4 at row 1") as caught:
        fake.host.look()
    assert (caught.value.layer, caught.value.layer_type) == ("it", "SoftmaxWithLoss")
    fake.host.look()  # it has been told
    with fake.host.deferring():
        set_labels(bottom[1], [0, 0, np.nan, 0])
        layer.run_forward(bottom, top)
    with pytest.raises(ValueRangeError, match="label nan at row 2"):
        fake.host.look()


def test_all_layers_are_looked_at_in_one_copy(fake):
    made = [loss_of(fake, [0, 1, 2, 0]), loss_of(fake, [0, 1, 2, 3]), loss_of(fake, [5, 5, 5, 5])]
    with fake.host.deferring():
        for layer, bottom, top in made:
            layer.run_forward(bottom, top)
    with fake_cuda.counted() as counts, pytest.raises(ValueRangeError, match="label 3 at row 3"):
        fake.host.look()
    assert counts.to_host == 1


def test_what_a_failed_recording_would_have_noted_is_forgotten(fake):
    """Its note was never written: what lies there is whatever was there before."""
    layer, bottom, top = loss_of(fake, [0, 1, 2, 0])
    other = loss_of(fake, [0, 0, 4, 0])

    def work():
        layer.run_forward(bottom, top)
        float(top[0].data)

    with fake.host.deferring():
        other[0].run_forward(*other[1:])
        with pytest.raises(NotRecordedError):
            Recorded(fake, work)
    assert list(fake.host._found) == [other[0]]
    with pytest.raises(ValueRangeError, match="label 4 at row 2"):
        fake.host.look()


def test_a_layer_that_is_gone_is_forgotten(fake):
    made = loss_of(fake, [5, 5, 5, 5])
    with fake.host.deferring():
        made[0].run_forward(*made[1:])
    del made
    with fake_cuda.counted() as counts:
        fake.host.look()
    assert counts.to_host == 0


@pytest.mark.parametrize(
    ("text", "shapes", "bad", "message"),
    [
        ('type: "Accuracy"', [(4, 3), (4,)], 3, "label 3 at row 1"),
        ('type: "HingeLoss"', [(4, 3), (4,)], -1, "label -1 at row 1"),
        ('type: "MultinomialLogisticLoss"', [(4, 3), (4,)], np.nan, "label nan at row 1"),
        ('type: "SigmoidCrossEntropyLoss"', [(4, 3), (4, 3)], np.inf, "inf at row 0, position 1"),
        ('type: "ContrastiveLoss"', [(4, 3), (4, 3), (4,)], np.nan, "nan at row 1"),
        (
            'type: "Embed" embed_param { num_output: 2 input_dim: 5 }',
            [(4, 1)],
            5,
            r"index 5 at bottom\[0\]\[1, 0\]",
        ),
        ('type: "BatchReindex"', [(4, 3), (6,)], 4, r"index 4 at bottom\[1\]\[1\]"),
    ],
)
def test_every_type_that_refuses_a_value(fake, text, shapes, bad, message):
    layer, bottom, top = build(text, fake, *(np.zeros(shape) for shape in shapes))
    with fake.host.deferring():
        layer.run_forward(bottom, top)
        fake.host.look()
        bottom[-1].data.reshape(-1)[1] = bad
        layer.run_forward(bottom, top)
    with pytest.raises(ValueRangeError, match=message):
        fake.host.look()


def test_numbers_are_passed_as_they_are(device):
    assert device.host.number(lambda: 3, "uint64") == 3
    assert isinstance(device.random_key(), int)
