from __future__ import annotations

import pytest

from minicaffe.cli.main import main
from tests.cli import tiny

# two outputs, one of them a vector and no loss; "low" comes first in the log: names are sorted
NET = """
layer {
  name: "data" type: "DummyData" top: "x" top: "low"
  dummy_data_param {
    shape { dim: 2 dim: 3 } shape { dim: 2 } data_filler { value: 3 } data_filler { value: 0.25 }
  }
}
layer {
  name: "ip" type: "InnerProduct" bottom: "x" top: "y" loss_weight: 0.5
  include { min_level: 1 }
  inner_product_param { num_output: 1 weight_filler { value: 2 } }
}
layer { name: "quiet" type: "Silence" bottom: "x" exclude { min_level: 1 } }
layer { name: "staged" type: "Flatten" bottom: "x" top: "z" include { stage: "a" } }
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    tiny.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(capsys, *argv):
    """File, line and message of each log line of the command's own."""
    assert main(["test", *argv]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    found = [tiny.LINE.fullmatch(line) for line in err.splitlines()]
    return [match.groups() for match in found if match and match[1].startswith("caffe.cpp")]


def test_every_line(folder, capsys):
    (folder / "score.prototxt").write_text(NET)
    from minicaffe.proto import binary
    from minicaffe.proto.minicaffe_pb2 import NetParameter

    weights = NetParameter(name="w")
    layer = weights.layer.add(name="ip", type="InnerProduct")
    layer.blobs.add(data=[1, 1, 2]).shape.dim.extend([1, 3])
    layer.blobs.add(data=[0.5]).shape.dim.extend([1])
    (folder / "w.caffemodel").write_bytes(binary.to_bytes(weights))
    flags = ["-weights", "w.caffemodel", "-iterations", "2", "-level", "1"]
    batch = [("low", "0.25"), ("low", "0.25"), ("y", "12.5"), ("y", "12.5")]
    assert lines(capsys, "-model", "score.prototxt", *flags) == [
        ("caffe.cpp:275", "Use CPU."),
        ("caffe.cpp:281", "Running for 2 iterations."),
        *[("caffe.cpp:304", f"Batch {i}, {name} = {v}") for i in (0, 1) for name, v in batch],
        ("caffe.cpp:309", "Loss: 12.5"),
        ("caffe.cpp:321", "low = 0.25"),
        ("caffe.cpp:321", "low = 0.25"),
        ("caffe.cpp:321", "y = 12.5 (* 0.5 = 6.25 loss)"),
        ("caffe.cpp:321", "y = 12.5 (* 0.5 = 6.25 loss)"),
    ]
    staged = lines(capsys, "score.prototxt", *flags, "-stage=a")
    assert ("caffe.cpp:321", "z = 3") in staged


def test_it_is_the_test_phase_also_where_the_file_says_otherwise(folder, capsys):
    main(["train", "solver.prototxt"])
    text = (
        (folder / "net.prototxt").read_text().replace("layer {", "layer { include: {phase: TEST}")
    )
    (folder / "net.prototxt").write_text("state { phase: TRAIN level: 1 }" + text)
    capsys.readouterr()
    log = lines(capsys, "net.prototxt", "-weights", "tiny_iter_8.caffemodel")
    assert log[1] == ("caffe.cpp:281", "Running for 50 iterations.")
    assert log[-1][1].startswith("loss = 0.0")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["net.prototxt"], "test needs trained weights, none are given"),
        (["-weights", "w"], "test needs one model definition, none is given"),
        (["nt.prototxt", "-weights", "w"], "nt.prototxt: no such file"),
        (["net.prototxt", "-weights", "w"], "w: no such file"),
    ],
)
def test_what_is_missing(argv, message, folder, capsys):
    assert main(["test", *argv]) == 1
    assert capsys.readouterr().err.startswith(f"minicaffe: error: {message}")


def test_detections_make_one_number(folder, capsys):
    """Nothing is where there is one object of class 1."""
    (folder / "score.prototxt").write_text(
        """layer { name: "it" type: "DummyData" top: "found" top: "objects" dummy_data_param {
             shape { dim: [1, 1, 1, 7] } shape { dim: [1, 1, 1, 8] }
             data_filler { value: 1 } data_filler { value: 1 } } }
           layer { name: "rows" type: "DetectionEvaluate" bottom: "found" bottom: "objects"
             top: "rows" detection_evaluate_param { num_classes: 3 } }"""
    )
    from minicaffe.proto import binary
    from minicaffe.proto.minicaffe_pb2 import NetParameter

    weights = NetParameter(name="w")
    weights.layer.add(name="other", type="InnerProduct").blobs.add(data=[1]).shape.dim.append(1)
    (folder / "w.caffemodel").write_bytes(binary.to_bytes(weights))
    flags = ["-weights", "w.caffemodel", "-iterations", "2"]
    assert lines(capsys, "-model", "score.prototxt", *flags)[2:] == [
        ("caffe.cpp:309", "Loss: 0"),
        ("caffe.cpp:321", "rows = 0"),
    ]
