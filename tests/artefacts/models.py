"""The table of trained models of others: which net goes with which weights and references.

One more model is one more line. Paths are relative to a folder: this one, which carries a few of
them, or the whole collection, which the environment variable ``ARTEFACTS`` names.
"""

from __future__ import annotations

import numpy as np

from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN
from tests.artefacts.lines import Images, Model, Source, Written


def _resnet(name: str, weights: str) -> Model:
    folder = "cifar10_resnet_junyuseu"
    net, refs = f"{folder}/deploy/{name}_deploy.prototxt", f"{folder}/refs/{name}.npz"
    return Model(net, f"{folder}/{weights}", refs)


def _cmsisnn(name: str, weights: str, refs: str) -> Model:
    models = "cifar10_cmsisnn/models"
    net = f"{models}/cifar10_{name}_deploy.prototxt"
    return Model(net, f"{models}/{weights}", f"cifar10_cmsisnn/refs/{refs}.npz")


def _mtcnn(version: int, number: int, ignored: tuple[str, ...] = ()) -> Model:
    stem = f"mtcnn_kpzhang93/MTCNNv{version}/model/det{number}"
    refs = f"mtcnn_kpzhang93/refs/MTCNNv{version}_det{number}.npz"
    return Model(f"{stem}.prototxt", f"{stem}.caffemodel", refs, ignored=ignored)


def _face(net: str, weights: str, refs: str) -> Model:
    f = "face_landmarks"
    return Model(f"{f}/{net}.prototxt", f"{f}/{weights}.caffemodel", f"{f}/refs/{refs}.npz")


_ONE = "opencv_dnn_caffe_refs/layers"


def _layer(name: str, *, weights: bool = False, source: str = "blob") -> Model:
    refs = ({"input": f"{_ONE}/{source}.npy"}, {"output": f"{_ONE}/{name}.npy"})
    stem = f"{_ONE}/{name}"
    return Model(f"{stem}.prototxt", f"{stem}.caffemodel" if weights else None, refs)


# Weights of up to 1 on 1332 inputs, fed back 12 times: with the inputs in another order, sums in
# float32 differ by up to 3e-5 from the original's, which are 1e-5 away from those in float64.
_NOISE = 5e-5
_STARTS = np.ones((12, 2), np.float32)
_STARTS[0] = 0


def _recurrent(name: str, *, plain: bool = False) -> Model:
    stem = f"{_ONE}/made_{name}"
    inputs: dict[str, Source] = {"input": f"{_ONE}/recurrent.input.npy", "cont": _STARTS}
    outputs: dict[str, Source] = {"output": f"{_ONE}/{name}.prototxt.h_1.npy"}
    refs = (inputs, outputs) if plain else f"{stem}_reset.npz"
    return Model(f"{stem}.prototxt", f"{stem}.caffemodel", refs, _NOISE)


_GOOGLE = "bvlc_googlenet"
_JPG = Images((f"{_GOOGLE}/googlenet_0.jpg", f"{_GOOGLE}/googlenet_1.jpg"))
_PNG = Images((f"{_GOOGLE}/googlenet_0.png", f"{_GOOGLE}/googlenet_1.png"), rgb=True)
_PNG_0 = Images(_PNG.files[:1], rgb=True)


def _googlenet(blob: str, images: Images, refs: str, net: str = "bvlc_deploy", **more) -> Model:
    weights = f"{_GOOGLE}/bvlc_googlenet_deploy.caffemodel"
    arrays = ({"data": images}, {blob: f"{_GOOGLE}/googlenet_{refs}.npy"})
    return Model(f"{_GOOGLE}/{net}.prototxt", weights, arrays, **more)


_LENET = "lenet_bvlc/lenet.prototxt"
_SQUEEZE = "squeezenet_deep_compression"
_PLAIN = "without_data_augmentation"

MODELS = [
    Model(_LENET, "lenet_fooling/lenet/lenet_iter_10000", "lenet_fooling/refs/v1_lenet.npz"),
    *[
        Model(_LENET, f"lenet_bvlc/{tag}.caffemodel", f"lenet_bvlc/refs/{tag}.npz")
        for tag in ("arm_lenet_iter_9000", "ethereon_lenet_iter_10000", "horizon_lenet_iter_100000")
    ],
    Model(
        "lenet_bvlc/may0324_deploy.prototxt",
        "lenet_bvlc/may0324_lenet_iter_10000.caffemodel",
        "lenet_bvlc/refs/may0324_lenet_iter_10000.npz",
    ),
    _resnet("res20", f"{_PLAIN}/ResNet/20/ResNet_20.caffemodel"),
    _resnet("res20aug", "data_augmentation/20/cifar10_res20_iter_64000.caffemodel"),
    _resnet("res56", f"{_PLAIN}/ResNet/56/ResNet_56.caffemodel"),
    _resnet("plain20", f"{_PLAIN}/PlainNet/20/PlainNet_20.caffemodel"),
    _cmsisnn("m4", "cifar10_m4_iter_70000.caffemodel.h5", "h5_m4"),
    _cmsisnn("m7", "cifar10_m7_iter_300000.caffemodel.h5", "h5_m7"),
    _cmsisnn("m4", "quantized_cifar10_m4_iter_70000.caffemodel", "quantized_m4"),
    _cmsisnn("m7", "quantized_cifar10_m7_iter_300000.caffemodel", "quantized_m7"),
    _mtcnn(1, 1),
    _mtcnn(1, 2, ignored=("conv5-3",)),
    _mtcnn(1, 3),
    _mtcnn(2, 1),
    _mtcnn(2, 2, ignored=("conv5-3",)),
    _mtcnn(2, 3),
    _mtcnn(2, 4),
    Model(
        f"{_SQUEEZE}/SqueezeNet_deploy.prototxt",
        f"{_SQUEEZE}/decoded_SqueezeNet.caffemodel",
        f"{_SQUEEZE}/refs/decoded.npz",
    ),
    _face("VanillaCNN/vanilla_deploy", "VanillaCNN/vanillaCNN", "vanilla"),
    _face("VanFace/landmark_deploy", "VanFace/VanFace", "vanface"),
    _face("1_F", "1_F", "deeplandmark_1F"),
    _face("2_LE1", "2_LE1", "deeplandmark_2LE1"),
    _layer("layer_batch_norm", weights=True),
    _layer("layer_concat"),
    _layer("layer_convolution", weights=True),
    _layer("layer_deconvolution", weights=True, source="layer_deconvolution.input"),
    _layer("layer_dropout"),
    _layer("layer_inner_product", weights=True),
    _layer("layer_lrn_channels"),
    _layer("layer_lrn_spatial"),
    _layer("layer_mvn"),
    _layer("layer_pooling_ave"),
    _layer("layer_pooling_max"),
    _layer("layer_relu"),
    _layer("layer_softmax"),
    _recurrent("lstm"),
    _recurrent("lstm", plain=True),
    _recurrent("rnn"),
    _recurrent("rnn", plain=True),
    _googlenet("prob", _JPG, "prob_jpg_BGR"),
    _googlenet("prob", _JPG, "prob_jpg_BGR", "caffejs_deploy"),
    _googlenet("prob", _JPG, "prob_jpg_BGR", "opencv_bvlc_googlenet"),
    _googlenet("prob", _PNG, "prob_png_RGB"),
    _googlenet("conv1/7x7_s2", _PNG_0, "conv1#relu_7x7"),
    _googlenet("conv1/7x7_s2", _PNG_0, "conv1#7x7_s2", upto="conv1/7x7_s2"),
    _googlenet("inception_4c/1x1", _PNG_0, "inception_4c#relu_1x1"),
    _googlenet("inception_4c/1x1", _PNG_0, "inception_4c#1x1", upto="inception_4c/1x1"),
]

_MINI = "cifar10_cmsisnn/models"
_CIFAR = "cifar10_resnet_junyuseu"
_RGB = (3, 32, 32)

WRITTEN = [
    Written(f"{_ONE}/made_lstm.caffemodel", f"{_ONE}/made_lstm.prototxt", TEST),
    Written(f"{_ONE}/made_rnn.caffemodel", f"{_ONE}/made_rnn.prototxt", TEST),
    Written(
        f"{_MINI}/quantized_cifar10_m4_iter_70000.caffemodel",
        f"{_MINI}/cifar10_m4_train_test.prototxt",
        TEST,
        _RGB,
    ),
    Written(
        "lenet_bvlc/ethereon_lenet_iter_10000.caffemodel",
        "lenet_bvlc/lenet_train_test.prototxt",
        TRAIN,
        (1, 28, 28),
    ),
    Written(
        f"{_CIFAR}/data_augmentation/20/cifar10_res20_iter_64000.caffemodel",
        f"{_CIFAR}/data_augmentation/20/res20_cifar_train_test.prototxt",
        TRAIN,
        _RGB,
    ),
    Written(
        f"{_CIFAR}/{_PLAIN}/ResNet/56/ResNet_56.caffemodel",
        f"{_CIFAR}/{_PLAIN}/ResNet/56/res56_cifar_train_test.prototxt",
        TRAIN,
        _RGB,
    ),
]

# Detectors of SSD's fork: tests/test_artefacts_ssd.py.
SSD = [
    Model(
        f"yufacedetect_ssd/yufacedetectnet-open-{version}.prototxt",
        f"yufacedetect_ssd/yufacedetectnet-open-{version}.caffemodel",
        f"yufacedetect_ssd/refs/{version}.npz",
    )
    for version in ("v1", "v2")
]
