from __future__ import annotations

from argparse import Namespace
from types import SimpleNamespace

import pytest

from minicaffe.cli._device import device_for
from minicaffe.cli.main import main
from minicaffe.errors import DeviceError
from tests.cli import tiny
from tests.cli.test_device import install


@pytest.fixture
def card(monkeypatch):
    """Puts a GPU of some compute capability there."""

    def put(capability):
        cupy, used = install(monkeypatch, 1)
        use = lambda: used.append(0)  # noqa: E731
        device = SimpleNamespace(use=use, compute_capability=capability)
        cupy.cuda.Device = lambda number: device

    return put


@pytest.mark.parametrize("command", ["train", "test", "time"])
def test_the_cpu_has_fp32_alone(command, tmp_path, monkeypatch, capsys):
    tiny.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    file = "solver.prototxt" if command == "train" else "net.prototxt"
    more = ["--weights", "net.prototxt"] if command == "test" else []
    assert main([command, str(tmp_path / file), *more, "--precision", "bf16"]) == 1
    assert "precision is bf16, expected fp32: the CPU" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "test", "time"])
def test_what_there_is_not(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "x", "--precision", "fp16"])
    assert "fp16" in capsys.readouterr().err


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_the_device_has_what_the_flag_says(card, precision):
    card("90")
    assert device_for(Namespace(gpu="0", precision=precision)).precision == precision


def test_a_card_that_is_too_old(card):
    card("75")
    assert device_for(Namespace(gpu="0")).precision == "fp32"
    with pytest.raises(DeviceError, match=r"-gpu 0: precision is tf32 .* capability 7\.5"):
        device_for(Namespace(gpu="0", precision="tf32"))
