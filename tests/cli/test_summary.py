from __future__ import annotations

import json

import pytest

from minicaffe.cli.main import main
from minicaffe.net import Net
from minicaffe.proto.text import read_net
from minicaffe.weights import save_weights
from tests.cli import tiny

DATA = """
name: "seen"
layer {
  name: "d" type: "Data" top: "data" top: "label"
  data_param { source: "none" backend: LMDB batch_size: 4 } transform_param { crop_size: 6 }
}
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
        inner_product_param { num_output: 5 } }
layer { name: "relu" type: "ReLU" bottom: "ip" top: "ip" }
layer { name: "a" type: "Silence" bottom: "ip" include { stage: "quiet" } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss"
        include { phase: TRAIN } }
layer { name: "b" type: "TanH" bottom: "ip" top: "b" include { phase: TRAIN } }
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    tiny.write(tmp_path)
    (tmp_path / "data.prototxt").write_text(DATA)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def output(capsys, *argv, code=0):
    assert main(["summary", *argv]) == code
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


TABLE = """\
seen, TEST phase

layer  type          output        parameters  multiply-adds      data  diffs   weights
-----  ------------  ------------  ----------  -------------  --------  -----  --------
d      Data          data 4x3x6x6           -              -  1.70 KiB      -         -
                     label 4
ip     InnerProduct  4x5                  545          2,160      80 B      -  2.13 KiB
relu   ReLU          4x5                    -              -  in place      -         -
-----  ------------  ------------  ----------  -------------  --------  -----  --------
total                                     545          2,160  1.78 KiB      -  2.13 KiB

multiply-adds of one item, of the 4 in 'data': 540
memory, float32: 3.91 KiB: data 1.78 KiB, parameters 2.13 KiB
no loss reaches anything that learns, so that no diffs are needed
layer 'd': shapes from the definition alone, its data cannot be read: none: no such database, \
looked for in {folder}
"""


def test_the_table(folder, capsys):
    assert output(capsys, "data.prototxt") == TABLE.format(folder=folder)


def test_the_phase_and_the_state(folder, capsys):
    def layers(*argv):
        lines = output(capsys, "data.prototxt", *argv).split("\n\n")[1].splitlines()
        return [line.split()[0] for line in lines if not line.startswith((" ", "-"))][1:-1]

    assert layers("--phase", "train") == ["d", "ip", "relu", "loss", "b"]
    assert layers("-stage=quiet") == ["d", "ip", "relu", "a"]
    assert layers("--phase", "TRAIN", "--all") == ["d", "ip", "relu", "ip_relu_0_split", "loss",
                                                   "b"]  # fmt: skip


@pytest.mark.parametrize("shape", ["2,1,4,5", "2x1x4x5"])
def test_input(folder, capsys, shape):
    out = output(capsys, "data.prototxt", "--input", f"data:{shape}")
    assert "data 2x1x4x5" in out
    assert "label 2\n" in out
    assert "definition alone" not in out


@pytest.mark.parametrize("given", ["data", "data:", ":3", "data:2,0", "data:2,,3", "data:2,-3"])
def test_an_input_that_is_no_shape(folder, capsys, given):
    with pytest.raises(SystemExit):
        main(["summary", "data.prototxt", "--input", given])
    assert "as in data:10,3,227,227" in capsys.readouterr().err


def test_an_input_given_twice(folder, capsys):
    argv = ["summary", "data.prototxt", "--input", "data:2,3", "--input", "data:2,3"]
    assert main(argv) == 1
    assert "--input names a blob twice" in capsys.readouterr().err


def save(folder, text, name="w.caffemodel"):
    (folder / "other.prototxt").write_text(text)
    net = Net(read_net(folder / "other.prototxt"))
    for param in net.params:
        param.blob.data[...] = 1
    net.params[0].blob.data[0] = 0
    save_weights(net, folder / name)
    return name


def test_weights(folder, capsys):
    name = save(folder, tiny.NET)
    out = output(capsys, "net.prototxt", "--weights", name)
    row = next(line.split() for line in out.splitlines() if line.startswith("ip "))
    assert row[-2:] == ["ok", "15.0%"]  # 3 of 15 weights and 5 biases
    assert "weights: w.caffemodel (binary, float32)\n" in out


def test_weights_that_do_not_fit_are_exit_code_1(folder, capsys):
    name = save(folder, tiny.NET.replace("num_output: 5", "num_output: 4"))
    out = output(capsys, "net.prototxt", "-weights", name, code=1)
    assert " MISFIT " in out
    assert "  does not fit: ip: blobs[0] is 4x3 in the file, 5x3 in the net; blobs[1] is" in out


def test_weights_of_other_names(folder, capsys):
    name = save(folder, tiny.NET.replace('name: "ip"', 'name: "ip1"'))
    out = output(capsys, "net.prototxt", "--weights", name)
    assert " absent " in out
    assert "  in the net alone: ip: did you mean 'ip1'?\n" in out
    assert "  in the file alone: ip1: did you mean 'ip'?\n" in out


def test_json(folder, capsys):
    name = save(folder, tiny.NET)
    assert "net.prototxt" not in output(capsys, "net.prototxt", "--json", "s.json", "-weights",
                                        name)  # fmt: skip
    report = json.loads((folder / "s.json").read_text())
    assert (report["net"], report["phase"], report["batch"]) == ("tiny", "TEST", 8)
    assert report["inputs"] == {"data": [8, 3], "label": [8]}
    assert (report["parameters"], report["multiply_adds"]) == (20, 8 * 15)
    assert report["bytes"]["parameter_diffs"] == 80
    assert report["weights"] == {
        "file": "w.caffemodel", "kind": "binary, float32", "unused": [], "fits": True,
    }  # fmt: skip
    ip = report["layers"][1]
    assert (ip["name"], ip["type"], ip["tops"]) == ("ip", "InnerProduct", {"ip": [8, 5]})
    assert (ip["blobs"], ip["parameters"], ip["multiply_adds"]) == ([[5, 3], [5]], 20, 120)
    assert ip["bytes"] == {"data": 160, "diffs": 160, "parameter_data": 80, "parameter_diffs": 80}
    assert ip["weights"] == {"count": 20, "zeros": 3, "problems": []}


def test_json_alone(folder, capsys):
    report = json.loads(output(capsys, "data.prototxt", "--json", "-"))
    assert [layer["name"] for layer in report["layers"]] == ["d", "ip", "relu"]
    assert report["guessed"]["d"].startswith("none: no such database")
    assert "weights" not in report


def test_a_file_that_cannot_be_written(folder, capsys):
    assert main(["summary", "net.prototxt", "--json", "."]) == 1
    assert capsys.readouterr().err == "minicaffe: error: cannot write .: Is a directory\n"


def test_no_model(capsys):
    assert main(["summary"]) == 1
    assert "summary needs one model definition, none is given" in capsys.readouterr().err
