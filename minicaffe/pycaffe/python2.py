"""Advice where a script fails because it is older than Python 3, as most for pycaffe are."""

from __future__ import annotations

import re

__all__ = ["hint"]

_ADVICE = (
    "this looks like Python 2, expected Python 3: 2to3 -w SCRIPT rewrites it (pip install 2to3 "
    "where python has none)"
)
_SYNTAX = re.compile(
    r"""
    ^\s*print\s+[^=(\s]              # print x
    | \bexcept\s+.+,\s*\w+\s*:       # except Error, e:
    | ^\s*raise\s+[\w.]+\s*,         # raise Error, "why"
    | ^\s*exec\s+[^=(\s]             # exec code
    | \b0\d+\b | \b\d+[lL]\b         # 0777, 10L
    | <> | ` | \bur["']
    | \blambda\s*\(                  # lambda (a, b):
    """,
    re.VERBOSE,
)
_NAMES = {
    *("basestring", "buffer", "cmp", "execfile", "file", "long", "raw_input", "reduce", "reload"),
    *("unichr", "unicode", "xrange"),
}
_MODULES = {
    *("BaseHTTPServer", "ConfigParser", "Queue", "StringIO", "Tkinter", "__builtin__", "cPickle"),
    *("cStringIO", "commands", "httplib", "md5", "sets", "thread", "urllib2", "urlparse"),
}
_ATTRIBUTES = {
    *("has_key", "iteritems", "iterkeys", "itervalues", "izip", "izip_longest", "maketrans"),
    *("next", "urlencode", "urlopen", "urlretrieve"),
}


def hint(error: BaseException) -> str:
    """What to do about ``error`` where Python 2 would not have raised it, else ""."""
    return _ADVICE if _is_of_python2(error) else ""


def _is_of_python2(error: BaseException) -> bool:
    if isinstance(error, SyntaxError):
        return isinstance(error, TabError) or bool(_SYNTAX.search(error.text or ""))
    if isinstance(error, ModuleNotFoundError):
        return error.name in _MODULES
    if isinstance(error, ImportError):
        return getattr(error, "name_from", None) in _ATTRIBUTES
    if isinstance(error, NameError):
        return error.name in _NAMES
    return isinstance(error, AttributeError) and error.name in _ATTRIBUTES
