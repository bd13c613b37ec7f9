"""What is taken for Python 2, and what is not."""

from __future__ import annotations

import pytest

from minicaffe.pycaffe.python2 import hint

OLD = [
    'print "Loss", loss',
    "print x",
    "try:\n    pass\nexcept IOError, e:\n    pass",
    'raise ValueError, "why"',
    'exec "x = 1"',
    "os.chmod(path, 0755)",
    "x = 10L",
    "if a <> b:\n    pass",
    "x = `y`",
    'x = ur"abc"',
    "sort(key=lambda (a, b): b)",
    "if x:\n\ty = 1\n        z = 2",
    "for i in xrange(3): pass",
    "unicode(3)",
    "raw_input()",
    "{}.has_key(3)",
    "for k, v in {}.iteritems(): pass",
    "import cPickle as pickle",
    "import urllib2",
    "from StringIO import StringIO",
    "import string; string.maketrans('a', 'b')",
    "(x for x in ()).next()",
]
NEW = [
    "print('x'",
    "x = = 3",
    "def f(:\n    pass",
    "undefined_name",
    "import no_such_module",
    "{}.no_such_attribute",
    "1 / 0",
    "raise SystemExit(1)",
]


def error_of(code):
    try:
        exec(compile(code, "script.py", "exec"), {"sys": None})
    except BaseException as error:  # noqa: BLE001  # whatever it is
        return error
    raise RuntimeError(f"{code!r} runs")


@pytest.mark.parametrize("code", OLD)
def test_python_2(code):
    assert "2to3" in hint(error_of(code))


@pytest.mark.parametrize("code", NEW)
def test_other_mistakes(code):
    assert hint(error_of(code)) == ""
