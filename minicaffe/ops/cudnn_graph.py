"""Convolutions as graphs of cuDNN's, and the plans that it has for them.

Arrays are dense, with the axes in our order. The strides of a result are stated too: cuDNN would
else lay it out with its channels last.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from math import prod
from typing import Any, NamedTuple

FORWARD, DATA, WEIGHTS = "forward", "data gradient", "weight gradient"
FIRST, SECOND, RESULT, BIAS = 1, 2, 3, 4  # the arrays of a graph
_SPARE = 2**28  # bytes of workspace that any plan may have

# Tensor cores multiply float32 as tf32, with DOWN_CONVERT_INPUTS as something shorter still.
# Where chance decides in which order sums are added, a run could not be repeated.
_REFUSED = {
    "fp32": ("NONDETERMINISTIC", "DOWN_CONVERT_INPUTS", "TENSOR_CORE"),
    "tf32": ("NONDETERMINISTIC", "DOWN_CONVERT_INPUTS"),
    "bf16": ("NONDETERMINISTIC",),
    "double": ("NONDETERMINISTIC",),
}
_TYPES = {"fp32": "FLOAT", "tf32": "FLOAT", "bf16": "BFLOAT16", "double": "DOUBLE"}
_OPERATIONS = {
    FORWARD: ("conv_fprop", "image", "weight"),
    DATA: ("conv_dgrad", "loss", "filter"),
    WEIGHTS: ("conv_wgrad", "image", "loss"),
}


class Problem(NamedTuple):
    """What is computed; the shapes have two or three spatial axes.

    Attributes:
        what: FORWARD y from x and w, DATA dx from dy and w, or WEIGHTS dw from x and dy.
        x, w, y: (N, C, \\*size), (O, C / groups, \\*kernel), (N, O, \\*out).
        stride, pad, dilation: one length a spatial axis.
        precision: "fp32", "tf32", "bf16", or "double" for float64.
        bias: forward adds one.
        relu: forward cuts off what is below 0 after it.
    """

    what: str
    x: tuple[int, ...]
    w: tuple[int, ...]
    y: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]
    precision: str
    bias: bool = False
    relu: bool = False

    @property
    def arrays(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Shapes of the two that are read, and of the result."""
        return {
            FORWARD: (self.x, self.w, self.y),
            DATA: (self.y, self.w, self.x),
            WEIGHTS: (self.x, self.y, self.w),
        }[self.what]

    @property
    def workspace(self) -> int:
        """Bytes that a plan may have: room for all arrays in another order, and some."""
        return _SPARE + 8 * sum(map(prod, self.arrays))


class Plan(NamedTuple):
    """One way of cuDNN's to compute a graph.

    Attributes:
        graph: of cuDNN's.
        number: among its plans.
    """

    graph: Any
    number: int

    def build(self) -> int:
        """Get it ready, and return the bytes of workspace that it needs.

        Raises:
            Exception: cuDNN's ``cudnnGraphNotSupportedError``, if it cannot be had.
        """
        self.graph.build_plan_at_index(self.number)
        return int(self.graph.get_workspace_size_plan_at_index(self.number))

    def run(self, addresses: dict[int, int], workspace: int, handle: Any) -> None:
        """Compute, on the handle's stream, from and into the arrays at ``addresses``."""
        self.graph.execute_plan_at_index(addresses, workspace, self.number, handle)


def plans(cudnn: Any, problem: Problem, **where: Any) -> Iterator[tuple[str, Plan]]:
    """The plans for ``problem``, by cuDNN's names, best first by its judgement; not yet built.

    None at all if cuDNN cannot compute it; those that ``_REFUSED`` bars cannot be built.

    Args:
        cudnn: the module.
        problem: to be computed.
        where: ``handle``, or whatever says to ``cudnn.pygraph`` on which device.
    """
    graph = build(cudnn, problem, **where)
    try:
        graph.validate()
        graph.build_operation_graph()
        graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
    except cudnn.cudnnGraphNotSupportedError:
        return
    notes = [getattr(cudnn.numerical_note, name) for name in _REFUSED[problem.precision]]
    graph.deselect_numeric_notes(notes)
    for number in range(graph.get_execution_plan_count()):
        name = graph.get_plan_name_at_index(number)
        if name.startswith("eng"):  # else a kernel of the frontend's, which needs other packages
            yield name, Plan(graph, number)


def build(cudnn: Any, problem: Problem, **where: Any) -> Any:
    """The graph of ``problem``, with the arrays FIRST, SECOND, RESULT and BIAS."""
    kind = getattr(cudnn.data_type, _TYPES[problem.precision])
    exact = cudnn.data_type.DOUBLE if problem.precision == "double" else cudnn.data_type.FLOAT
    graph = cudnn.pygraph(
        io_data_type=kind, intermediate_data_type=exact, compute_data_type=exact, **where
    )

    def tensor(uid: int, shape: tuple[int, ...]) -> Any:
        return graph.tensor(
            dim=list(shape), stride=strides(shape), data_type=kind, name=f"array{uid}", uid=uid
        )

    first, second, result = problem.arrays
    operation, *roles = _OPERATIONS[problem.what]
    out = getattr(graph, operation)(
        **dict(zip(roles, (tensor(FIRST, first), tensor(SECOND, second)), strict=True)),
        pre_padding=list(problem.pad),
        post_padding=list(problem.pad),
        stride=list(problem.stride),
        dilation=list(problem.dilation),
        compute_data_type=exact,
    )
    if problem.bias:
        channels = (1, result[1], *[1] * (len(result) - 2))
        out = graph.bias(input=out, bias=tensor(BIAS, channels), compute_data_type=exact)
    if problem.relu:
        out = graph.relu(input=out, compute_data_type=exact)
    out.set_output(True).set_uid(RESULT).set_data_type(kind)
    out.set_dim(list(result)).set_stride(strides(result))
    return graph


def strides(shape: tuple[int, ...]) -> list[int]:
    """Of a dense array, in elements."""
    return list(accumulate(shape[:0:-1], int.__mul__, initial=1))[::-1]
