"""``python -m minicaffe.run SCRIPT ...``: a script written for pycaffe, as it is.

As ``python SCRIPT ...``, ``python -m MODULE ...`` or ``python -c CODE ...``, and so are
``sys.argv``, ``sys.path``, ``__main__``, tracebacks and exit codes; ``import caffe`` gives what
``minicaffe.pycaffe.alias`` says, whatever else of that name there is, and the whole log is shown
on stderr, as the original shows it, unless ``GLOG_minloglevel`` asks for less.
"""

from __future__ import annotations

import builtins
import os
import sys
import zipfile
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from types import CodeType, ModuleType, TracebackType
from typing import Any

from minicaffe import __version__
from minicaffe.pycaffe import alias
from minicaffe.pycaffe.log import set_default
from minicaffe.pycaffe.python2 import hint

USAGE = """\
usage: python -m minicaffe.run SCRIPT [ARGUMENT ...]
       python -m minicaffe.run -m MODULE [ARGUMENT ...]
       python -m minicaffe.run -c CODE [ARGUMENT ...]

Run a script that was written for pycaffe, unchanged: "import caffe" is minicaffe in it.
"""
_SCRIPT = "-"  # what stands for standard input


class UnusableError(Exception):
    """There is nothing to run: a line that says why."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run what ``argv`` (default: the process's arguments) names; returns the exit code.

    What it raises comes out of here as it would out of Python itself.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    if words[:1] == ["--version"]:
        sys.stdout.write(f"minicaffe {__version__}\n")
        return 0
    if words[:1] == ["--"]:
        del words[0]
    try:
        if not words:
            raise UnusableError("nothing to run, expected a script (see --help)")
        read = _FORMS.get(words[0], _read_script)
        code, spec, file = read(words)
    except UnusableError as error:
        sys.stderr.write(f"minicaffe.run: error: {error}\n")
        return 2
    except SyntaxError as error:
        _leave_to_python(error, None)
        raise
    alias.install()
    set_default(0)
    namespace = _main_module(spec, file).__dict__
    try:
        exec(code, namespace)
    except SystemExit:
        raise
    except BaseException as error:
        traceback = error.__traceback__
        _leave_to_python(error, traceback.tb_next if traceback else None)
        raise
    return 0


_Read = tuple[CodeType, ModuleSpec | None, str | None]


def _read_script(words: list[str]) -> _Read:
    """A file, a folder or archive with a ``__main__.py``, or ``-`` for standard input."""
    path = words[0]
    if path == _SCRIPT:
        sys.argv = words
        _set_first_folder("")
        return compile(sys.stdin.read(), "<stdin>", "exec", dont_inherit=True), None, "<stdin>"
    if path.startswith("-"):
        raise UnusableError(f"unknown flag {path}, expected a script, -m or -c (see --help)")
    sys.argv = words
    if os.path.isdir(path) or zipfile.is_zipfile(path):
        return _read_folder(path)
    try:
        with open(path, "rb") as script:
            source = script.read()
    except OSError as error:
        raise UnusableError(f"cannot open {path}: {error.strerror}") from error
    _set_first_folder(os.path.dirname(os.path.realpath(path)))
    path = os.path.abspath(path)
    return compile(source, path, "exec", dont_inherit=True), None, path


def _read_folder(path: str) -> _Read:
    folder = os.path.abspath(path)
    _set_first_folder(folder)
    spec = PathFinder.find_spec("__main__", [folder])
    if spec is None:
        raise UnusableError(f"cannot run {path}: it has no __main__.py")
    return _code_of(spec), spec, spec.origin


def _read_module(words: list[str]) -> _Read:
    if len(words) < 2:
        raise UnusableError("-m is followed by nothing, expected a module (see --help)")
    _set_first_folder(os.getcwd())
    sys.argv = ["-m", *words[2:]]
    alias.install()
    name = words[1]
    try:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = find_spec(f"{name}.__main__")
    except (ImportError, ValueError) as error:
        raise UnusableError(f"cannot run module {name}: {error}") from error
    if spec is None:
        raise UnusableError(
            f"cannot run module {name}: there is none of that name, or no __main__ in it"
        )
    sys.argv[0] = spec.origin or "-m"
    return _code_of(spec), spec, spec.origin


def _read_code(words: list[str]) -> _Read:
    if len(words) < 2:
        raise UnusableError("-c is followed by nothing, expected code (see --help)")
    _set_first_folder("")
    sys.argv = ["-c", *words[2:]]
    return compile(words[1], "<string>", "exec", dont_inherit=True), None, None


_FORMS: dict[str, Callable[[list[str]], _Read]] = {"-m": _read_module, "-c": _read_code}


def _code_of(spec: ModuleSpec) -> CodeType:
    get_code = getattr(spec.loader, "get_code", None)
    code: CodeType | None = get_code(spec.name) if get_code else None
    if code is None:
        raise UnusableError(f"cannot run module {spec.name}: it has no code")
    return code


def _set_first_folder(folder: str) -> None:
    """Look for modules in ``folder`` first, in place of where ``python -m`` found this one."""
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _main_module(spec: ModuleSpec | None, file: str | None) -> ModuleType:
    """A new ``__main__``, as Python makes it; the one of this program is ``minicaffe.run``."""
    sys.modules.setdefault("minicaffe.run", sys.modules[__name__])
    module = ModuleType("__main__")
    module.__dict__.update(__builtins__=builtins, __spec__=spec, __annotations__={})
    if spec is not None:
        module.__package__ = spec.parent
        module.__loader__ = spec.loader
    elif file is not None:
        module.__loader__ = SourceFileLoader("__main__", file)
    if file is not None:
        module.__file__ = file
        module.__dict__["__cached__"] = spec.cached if spec else None
    sys.modules["__main__"] = module
    return module


def _leave_to_python(error: BaseException, traceback: TracebackType | None) -> None:
    """Let the interpreter show ``error``, which is about to reach it, without our frames."""
    show: Callable[..., Any] = sys.excepthook
    advice = hint(error)
    if advice:
        error.add_note(advice)

    def without_ours(kind: type[BaseException], value: BaseException, seen: Any) -> None:
        if value is error:
            value, seen = value.with_traceback(traceback), traceback
        show(kind, value, seen)

    sys.excepthook = without_ours


if __name__ == "__main__":
    sys.exit(main())
