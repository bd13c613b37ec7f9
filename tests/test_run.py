"""``python -m minicaffe.run`` beside ``python`` itself: what one shows, so does the other."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import zipfile

import pytest

from tests.cli.tiny import LINE, write

ENV = {key: value for key, value in os.environ.items() if key != "GLOG_minloglevel"}


def run(folder, *argv, given=None, env=ENV):
    return subprocess.run(
        [sys.executable, "-m", "minicaffe.run", *argv],
        cwd=folder,
        input=given,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def python(folder, *argv, given=None):
    return subprocess.run(
        [sys.executable, *argv],
        cwd=folder,
        input=given,
        env=ENV,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


REPORT = """
import sys
from helper import greeting
print(sys.argv)
print(sys.path[0])
print(__name__, __package__, __doc__, __file__ if "__file__" in globals() else None)
print(sys.modules["__main__"].__dict__ is globals())
print(sorted(name for name in globals() if name.startswith("__")))
print(greeting)
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a script and a module beside it, and another to run them from."""
    scripts = tmp_path / "scripts"
    (scripts / "package").mkdir(parents=True)
    (scripts / "report.py").write_text('"""A script."""\n' + REPORT)
    (scripts / "helper.py").write_text("greeting = 'hello'\n")
    (scripts / "package" / "__init__.py").write_text("")
    (scripts / "package" / "__main__.py").write_text(REPORT)
    (scripts / "package" / "part.py").write_text(REPORT + "from . import __name__ as name\n")
    (scripts / "loose").mkdir()
    (scripts / "loose" / "__main__.py").write_text(REPORT)
    (scripts / "loose" / "helper.py").write_text("greeting = 'loose'\n")
    with zipfile.ZipFile(scripts / "archive.zip", "w") as archive:
        archive.writestr("__main__.py", REPORT)
        archive.writestr("helper.py", "greeting = 'zipped'\n")
    return tmp_path


@pytest.mark.parametrize(
    ("where", "argv"),
    [
        ("", ("scripts/report.py", "a", "--flag", "-v")),
        ("scripts", ("report.py",)),
        ("scripts", ("-m", "report", "x", "-c")),
        ("scripts", ("-m", "package", "x")),
        ("scripts", ("-m", "package.part")),
        ("scripts", ("-c", REPORT, "x", "y")),
        ("scripts", ("-", "x")),
        ("", ("scripts/loose", "x")),
        ("", ("scripts/archive.zip", "x")),
    ],
)
def test_as_under_python(folder, where, argv):
    ours, theirs = (each(folder / where, *argv, given=REPORT) for each in (run, python))
    assert ours.stderr == theirs.stderr
    assert ours.stdout == theirs.stdout
    assert (ours.returncode, theirs.returncode) == (0, 0)


def test_a_link_to_a_script(folder):
    (folder / "link.py").symlink_to("scripts/report.py")
    assert run(folder, "link.py").stdout == python(folder, "link.py").stdout


ENDS = {
    "an error": "def f():\n    raise ValueError('mine')\nf()\n",
    "an error in a module": "import broken\n",
    "an error with a cause": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n"
    "    raise KeyError('x') from e\n",
    "a number": "import sys\nsys.exit(3)\n",
    "a message": "import sys\nsys.exit('so it is')\n",
    "nothing": "import sys\nsys.exit()\n",
    "a mistake in the script": "def f(:\n",
    "a mistake in a module": "import mistaken\n",
    "at exit": "import atexit\natexit.register(print, 'the end')\nraise RuntimeError('x')\n",
    "its own hook": "import sys\nsys.excepthook = lambda t, e, tb: print(t.__name__, e, "
    "tb.tb_frame.f_code.co_name, tb.tb_next)\nraise RuntimeError('x')\n",
    "interrupted": "raise KeyboardInterrupt\n",
    "in a thread": "import threading\nthreading.Thread(target=lambda: 1 / 0, name='t').start()\n",
}


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS)
def test_it_ends_as_under_python(folder, code):
    (folder / "script.py").write_text(code)
    (folder / "broken.py").write_text("import no_such_module_at_all\n")
    (folder / "mistaken.py").write_text("x = = 3\n")
    ours, theirs = run(folder, "script.py"), python(folder, "script.py")
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    assert ours.stderr == theirs.stderr


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (("nope.py",), "cannot open nope.py: No such file or directory"),
        (("-m", "nope"), "cannot run module nope: there is none of that name"),
        (("-m", "nope.part"), "cannot run module nope.part: No module named 'nope'"),
        (("-m", "empty"), "cannot run module empty: there is none of that name, or no __main__"),
        (("empty",), "cannot run empty: it has no __main__.py"),
        (("-m",), "-m is followed by nothing"),
        (("-c",), "-c is followed by nothing"),
        (("-x", "script.py"), "unknown flag -x"),
        ((), "nothing to run"),
    ],
)
def test_nothing_to_run(tmp_path, argv, line):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "__init__.py").write_text("")
    result = run(tmp_path, *argv)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"minicaffe.run: error: {line}")
    assert result.stderr.count("\n") == 1


def test_help_and_version(tmp_path):
    assert "usage: python -m minicaffe.run SCRIPT" in run(tmp_path, "--help").stdout
    assert re.fullmatch(r"minicaffe \d+\.\d+\.\d+\n", run(tmp_path, "--version").stdout)


@pytest.mark.parametrize("code", ['print "loss"\n', "for i in xrange(3): pass\n"])
def test_scripts_for_python_2(tmp_path, code):
    (tmp_path / "old.py").write_text(code)
    ours, theirs = run(tmp_path, "old.py"), python(tmp_path, "old.py")
    assert ours.returncode == 1
    assert ours.stderr.startswith(theirs.stderr)
    assert "2to3 -w" in ours.stderr.removeprefix(theirs.stderr)


SCRIPT = """
import os, sys
caffe_root = "../"
sys.path.insert(0, caffe_root + "python")
import caffe
from caffe import layers as L, params as P
from caffe.proto import caffe_pb2
import numpy as np
from google.protobuf import text_format
print(caffe.__version__)

caffe.set_mode_cpu()
solver = caffe.SGDSolver("solver.prototxt")
solver.step(3)
print(solver.iter, solver.net.blobs["loss"].data > 0, list(solver.net.params))

n = caffe.NetSpec()
n.data = L.Input(shape=dict(dim=[2, 3]))
n.ip = L.InnerProduct(n.data, num_output=4, weight_filler=dict(type="xavier"))
n.twice = L.Python(n.ip, module="beside", layer="Twice")
n.mine = L.Python(n.twice, module="__main__", layer="Mine")
with open("made.prototxt", "w") as f:
    f.write(str(n.to_proto()))
net_param = caffe_pb2.NetParameter()
text_format.Merge(open("made.prototxt").read(), net_param)
print([layer.type for layer in net_param.layer])


class Mine(caffe.Layer):
    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = bottom[0].data + 1

    def backward(self, top, propagate_down, bottom):
        pass


net = caffe.Net("made.prototxt", caffe.TEST)
net.params["ip"][0].data[...] = 1
out = net.forward(data=np.ones((2, 3), "f"))
print(out["mine"][0])
"""
BESIDE = """
import caffe


class Twice(caffe.Layer):
    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        top[0].data[...] = 2 * bottom[0].data

    def backward(self, top, propagate_down, bottom):
        pass
"""


@pytest.fixture
def script(tmp_path):
    """A script for pycaffe, a layer beside it, and another caffe where the script looks first."""
    (tmp_path / "python" / "caffe").mkdir(parents=True)
    (tmp_path / "python" / "caffe" / "__init__.py").write_text("raise ImportError('_caffe.so')")
    work = tmp_path / "work"
    work.mkdir()
    write(work)
    (work / "script.py").write_text(SCRIPT)
    (work / "beside.py").write_text(BESIDE)
    return work


def test_a_script_for_pycaffe(script):
    result = run(script, "script.py")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "1.0.0",
        "3 True ['ip']",
        "['Input', 'InnerProduct', 'Python', 'Python']",
        "[7. 7. 7. 7.]",
    ]
    log = [match[2] for line in result.stderr.splitlines() if (match := LINE.fullmatch(line))]
    assert "Solver scaffolding done." in log
    assert any(line.startswith("Iteration 2 (") for line in log)


@pytest.mark.parametrize(
    ("name", "line", "level", "shown"),
    [
        ("caffe", "", None, True),
        ("minicaffe as caffe", "", None, True),
        ("caffe", "", "0", True),
        ("caffe", "", "2", False),
        ("caffe", "os.environ['GLOG_minloglevel'] = '2'", None, False),
    ],
)
def test_who_says_how_much_of_the_log_is_shown(script, name, line, level, shown):
    (script / "quiet.py").write_text(
        f"import os\n{line}\n"
        f"import {name}\ncaffe.log('a line')\ncaffe.Net('net.prototxt', caffe.TEST)\n"
    )
    env = {**ENV, "GLOG_minloglevel": level} if level else ENV
    result = run(script, "quiet.py", env=env)
    assert result.returncode == 0
    assert ("a line" in result.stderr) is shown
    assert ("Network initialization done." in result.stderr) is shown


def test_ctrl_c_in_a_solver(script):
    (script / "long.py").write_text(
        "import caffe\n"
        "solver = caffe.SGDSolver('solver.prototxt')\n"
        "solver.step(1)\n"
        "print('training', flush=True)\n"
        "solver.step(10 ** 9)\n"
    )
    env = {**ENV, "GLOG_minloglevel": "3"}
    with subprocess.Popen(
        [sys.executable, "-m", "minicaffe.run", "long.py"],
        cwd=script,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout.readline() == "training\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert "long.py" in errors


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes_that_the_script_starts(tmp_path, method):
    (tmp_path / "parallel.py").write_text(
        "import caffe\n"
        "from multiprocessing import get_context\n"
        "def work(number):\n"
        "    net = caffe.NetSpec()\n"
        "    net.data = caffe.layers.Input(shape=dict(dim=[number]))\n"
        "    return caffe.__version__, len(net.to_proto().layer), number\n"
        "if __name__ == '__main__':\n"
        f"    with get_context({method!r}).Pool(1) as pool:\n"
        "        print(pool.map(work, [3, 4]))\n"
    )
    result = run(tmp_path, "parallel.py")
    assert result.stdout == "[('1.0.0', 1, 3), ('1.0.0', 1, 4)]\n", result.stderr


def test_a_module_that_is_run_is_found_by_its_own_name(tmp_path):
    """``minicaffe.run`` is not loaded twice, and stays when the script is ``__main__``."""
    result = run(tmp_path, "-c", "import minicaffe.run as r; print(r.__name__, r.main.__module__)")
    assert result.stdout == "__main__ __main__\n"
