from __future__ import annotations

import numpy as np
import pytest

from minicaffe.classifier import Classifier, read_mean_file
from minicaffe.data.image_mean import write_mean
from minicaffe.errors import ArrayError, DataError, MinicaffeError, WeightsError
from minicaffe.io import oversample, resize_image
from minicaffe.pycaffe import mode
from minicaffe.pycaffe.net import Net
from tests import linear_net


@pytest.fixture
def images(rng):
    return [rng.random(shape).astype(np.float32) for shape in [(9, 8, 3), (12, 15, 3), (6, 5, 3)]]


def made(folder, shape=(5, 3, 4, 5), **options):
    model, trained, scores = linear_net.make(folder, shape)
    return Classifier(model, trained, **options), scores


def by_hand(crops, scores):
    """Of crops (N, H, W, 3) from 0 to 1, for a net of 0..255, BGR, with a mean and a scale."""
    mean = np.array([10.0, 20.0, 30.0])
    x = (crops[..., ::-1].astype(np.float64) * 255 - mean) * 0.5
    return scores(x.transpose(0, 3, 1, 2))


OPTIONS = {
    "mean": np.array([10.0, 20.0, 30.0]),
    "input_scale": 0.5,
    "raw_scale": 255,
    "channel_swap": (2, 1, 0),
}


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 10, 25])
def test_the_mean_of_ten_crops(tmp_path, images, batch):
    classifier, scores = made(tmp_path, (batch, 3, 4, 5), image_dims=(6, 7), **OPTIONS)
    resized = [resize_image(image, (6, 7)) for image in images]
    expected = by_hand(oversample(resized, (4, 5)), scores).reshape(3, 10, -1).mean(1)
    result = classifier.predict(images)
    assert result.shape == (3, 4)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("batch", [1, 2, 3, 10])
def test_the_middle_alone(tmp_path, images, batch):
    classifier, scores = made(tmp_path, (batch, 3, 4, 5), image_dims=(7, 8), **OPTIONS)
    middles = np.stack([resize_image(image, (7, 8))[1:5, 1:6] for image in images])
    result = classifier.predict(images, oversample=False)
    np.testing.assert_allclose(result, by_hand(middles, scores), rtol=1e-4, atol=1e-2)


def test_images_of_the_window_by_default(tmp_path, images):
    classifier, scores = made(tmp_path)
    assert classifier.image_dims.tolist() == classifier.crop_dims.tolist() == [4, 5]
    whole = np.stack([resize_image(image, (4, 5)).transpose(2, 0, 1) for image in images])
    np.testing.assert_allclose(classifier.predict(images, False), scores(whole), atol=1e-4)


def test_images_by_an_iterator(tmp_path, images):
    classifier, _ = made(tmp_path)
    result = classifier.predict(image for image in images)
    np.testing.assert_array_equal(result, classifier.predict(images))
    np.testing.assert_allclose(result[1:2], classifier.predict(images[1:2]), atol=1e-5)


def test_batches_are_full(tmp_path, images):
    classifier, _ = made(tmp_path, (25, 3, 4, 5))
    runs = []
    classifier.before_forward(runs.append)
    classifier.predict(images * 5)  # 150 crops
    assert runs.count(0) == 6


def test_on_any_device(tmp_path, images, device):
    expected = made(tmp_path, **OPTIONS)[0].predict(images)
    before = mode.device()
    mode.use(device)
    try:
        classifier, _ = made(tmp_path, **OPTIONS)
    finally:
        mode.use(before)
    assert classifier.engine.device is device
    np.testing.assert_allclose(classifier.predict(images), expected, rtol=1e-4, atol=1e-2)


def test_it_is_a_net(tmp_path):
    classifier, _ = made(tmp_path)
    assert isinstance(classifier, Net)
    assert list(classifier.blobs) == ["data", "scores"]
    assert classifier.transformer.inputs == {"data": (5, 3, 4, 5)}


def test_a_map_of_scores_keeps_its_shape(tmp_path, images):
    _, trained, _ = linear_net.make(tmp_path, (2, 3, 4, 5))
    text = 'layer { name: "data" type: "Input" top: "data" input_param { shape { %s } } }'
    text += 'layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param { %s } }'
    dims = "dim: 2 dim: 3 dim: 4 dim: 5"
    for pooling, shape in [("kernel_size: 2", (3, 3, 3, 4)), ("global_pooling: true", (3, 3))]:
        (tmp_path / "map.prototxt").write_text(text % (dims, pooling))
        classifier = Classifier(str(tmp_path / "map.prototxt"), trained)
        assert classifier.predict(images, oversample=False).shape == shape


def test_gray_images(tmp_path, rng):
    classifier, scores = made(tmp_path, (2, 1, 4, 5), mean=np.array([0.5]))
    image = rng.random((4, 5, 1)).astype(np.float32)
    result = classifier.predict([image], oversample=False)
    np.testing.assert_allclose(
        result, scores(image.transpose(2, 0, 1)[np.newaxis] - 0.5), atol=1e-5
    )


@pytest.mark.parametrize("name", ["mean.npy", "mean.binaryproto"])
@pytest.mark.parametrize("size", [(4, 5), (8, 9)])
def test_the_mean_of_a_file(tmp_path, rng, name, size):
    """Whole if it is as large as the input, else that of each channel."""
    mean = rng.random((3, *size)).astype(np.float32)
    path = tmp_path / name
    np.save(path, mean) if name.endswith("npy") else write_mean(path, mean)
    classifier, _ = made(tmp_path, mean=str(path))
    expected = mean if size == (4, 5) else mean.mean((1, 2))[:, None, None]
    np.testing.assert_allclose(classifier.transformer.mean["data"], expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 4, 5), (1, 3, 4, 5)])
def test_means_in_numpy_files(tmp_path, rng, shape):
    mean = rng.random(shape)
    np.save(tmp_path / "mean.npy", mean)
    np.testing.assert_array_equal(
        read_mean_file(tmp_path / "mean.npy"), mean[0] if len(shape) == 4 else mean
    )


def test_no_mean_in_a_numpy_file(tmp_path):
    path = tmp_path / "mean.npy"
    with pytest.raises(DataError, match="mean cannot be read"):
        read_mean_file(path)
    path.write_bytes(b"no array")
    with pytest.raises(DataError, match="mean cannot be read"):
        read_mean_file(path)
    np.save(path, np.zeros((2, 3)))
    with pytest.raises(DataError, match=r"mean has shape \(2, 3\), expected \(C,\) or \(C, H, W\)"):
        read_mean_file(path)


@pytest.mark.parametrize("oversample", [True, False])
def test_no_images(tmp_path, oversample):
    with pytest.raises(ArrayError, match="no images, expected at least one"):
        made(tmp_path)[0].predict([], oversample)


def test_images_smaller_than_the_window(tmp_path, images):
    classifier, _ = made(tmp_path, image_dims=(3, 9))
    with pytest.raises(ValueError, match="crops are 4 x 5, expected at most 3 x 9"):
        classifier.predict(images, oversample=False)


def test_an_image_without_channels(tmp_path):
    with pytest.raises(ValueError, match=r"shape \(6, 7\), expected rows, columns and channels"):
        made(tmp_path)[0].predict([np.zeros((6, 7))])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": np.zeros(2)}, "Mean channels incompatible"),
        ({"mean": np.zeros((3, 8, 8))}, "Mean shape incompatible"),
        ({"channel_swap": (1, 0)}, "Channel swap needs"),
    ],
)
def test_what_does_not_fit_the_net(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        made(tmp_path, **options)


def test_missing_files(tmp_path):
    model, trained, _ = linear_net.make(tmp_path, (1, 3, 4, 5))
    with pytest.raises(RuntimeError, match="lost"):
        Classifier(str(tmp_path / "lost.prototxt"), trained)
    with pytest.raises(MinicaffeError, match="lost"):
        Classifier(model, str(tmp_path / "lost.caffemodel"))


def test_a_net_for_something_else(tmp_path):
    model, trained, _ = linear_net.make(tmp_path, (2, 6))
    with pytest.raises(ArrayError, match=r"'data' has shape \(2, 6\), expected \(N, C, H, W\)"):
        Classifier(model, trained)
    (tmp_path / "train.prototxt").write_text(
        'layer { name: "data" type: "DummyData" top: "x" dummy_data_param { shape { dim: 2 } } }'
    )
    with pytest.raises(ArrayError, match="has no input, expected one for images"):
        Classifier(str(tmp_path / "train.prototxt"), trained)


def test_weights_of_another_net(tmp_path):
    (tmp_path / "other").mkdir()
    _, trained, _ = linear_net.make(tmp_path / "other", (1, 3, 4, 4))
    model, _, _ = linear_net.make(tmp_path, (1, 3, 4, 5))
    with pytest.raises(WeightsError):
        Classifier(model, trained)
