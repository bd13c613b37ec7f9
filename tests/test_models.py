"""The builders of the classic nets: sizes as published, and the shapes of what they put out."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import minicaffe.models
from minicaffe.proto.minicaffe_pb2 import TEST, NetState
from minicaffe.summary import summarize

FOLDER = Path(minicaffe.models.__path__[0])

# folder, options; parameters and multiply-adds of an image in TEST, as Caffe and the papers count
# them; ResNet's with the statistics of BatchNorm and the bias of conv1
SIZES = [
    ("lenet", {}, 431_080, 2_293_000),
    ("cifar10_quick", {}, 145_578, 12_354_176),
    ("alexnet", {}, 60_965_224, 724_406_816),
    ("googlenet", {}, 6_998_552, 1_582_671_872),
    ("squeezenet", {}, 1_235_496, 387_747_520),
    ("squeezenet", {"version": "1.0"}, 1_248_424, 861_339_936),
    ("mobilenet", {}, 4_253_891, 568_740_352),
    ("resnet", {}, 25_610_269, 3_857_973_248),
    ("resnet", {"depth": 101}, 44_654_672, 7_570_194_432),
    ("vgg", {}, 138_357_544, 15_470_264_320),
    ("vgg", {"depth": 19}, 143_667_240, 19_632_062_464),
]


def build(folder, **options):
    return runpy.run_path(str(FOLDER / folder / "net.py"))["net"](**options).to_proto()


@pytest.mark.parametrize(("folder", "options", "parameters", "multiply_adds"), SIZES)
def test_size(folder, options, parameters, multiply_adds):
    found = summarize(build(folder, batch=1, **options), NetState(phase=TEST))
    assert found.total("parameters") == parameters
    assert found.total("multiply_adds") == multiply_adds


def test_every_builder_is_here():
    assert {folder for folder, *_ in SIZES} == {
        path.parent.name for path in FOLDER.glob("*/net.py")
    }
