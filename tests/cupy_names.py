"""What CuPy has: writes ``cupy_names.txt``, a name a line and the names of its parameters.

python -m tests.cupy_names    # where CuPy is installed; a GPU is not needed
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("cupy_names.txt")
# "" and "ndarray." are what fake_cupy stands in for, the rest is fake_cuda's
OBJECTS = [
    "",
    "ndarray",
    "cuda",
    "cuda.Event",
    "cuda.Graph",
    "cuda.MemoryPool",
    "cuda.Stream",
    "cuda.memory",
    "cuda.runtime",
]


def names(cupy: Any) -> Iterator[str]:
    """The lines of the file, for an installed CuPy."""
    yield f"# public names of CuPy {cupy.__version__}, and their parameters where they can be read"
    for path in OBJECTS:
        owner = cupy
        for word in path.split(".") if path else ():
            owner = getattr(owner, word)
        for name in sorted(dir(owner)):
            if not name.startswith("_"):
                full = f"{path}.{name}".lstrip(".")
                yield " ".join([full, *parameters(getattr(owner, name))])


def parameters(thing: Any) -> list[str]:
    """The names of its parameters, from its signature or from the first lines of its docstring."""
    if not callable(thing):
        return []
    try:
        found = [
            "**" if parameter.kind is parameter.VAR_KEYWORD else parameter.name
            for parameter in inspect.signature(thing).parameters.values()
            if parameter.kind is not parameter.VAR_POSITIONAL
        ]
        if found not in ([], ["**"]):
            return [name for name in found if name != "self"]
    except (TypeError, ValueError):
        pass
    doc = re.match(r"[\w.]+\((.*?)\)( ->.*)?$", (thing.__doc__ or "").strip(), re.M)
    words = re.findall(r"(?:^|,)\s*([a-z_]\w*)", doc[1]) if doc else []
    return [word for word in words if word != "self"]


if __name__ == "__main__":
    import cupy

    PATH.write_text("".join(f"{line.rstrip()}\n" for line in names(cupy)))
