"""A definition that names a layer of py-faster-rcnn."""

from __future__ import annotations


def text(name: str, told: str = "", rest: str = "") -> str:
    """The layer NAME of the module of the same name, in snake case, with ``told``."""
    module = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
    return (
        f'type: "Python" {rest} python_param {{ module: "rpn.{module}" layer: "{name}" '
        f'param_str: "{told}" }}'
    )
