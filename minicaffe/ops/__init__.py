"""Array functions, each with a reference body and, where it pays, compiled ones behind it."""

from minicaffe.ops.dispatch import OPS, Op, compiled_in, reference_bodies

__all__ = ["OPS", "Op", "compiled_in", "reference_bodies"]
