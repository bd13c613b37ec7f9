"""A stand-in for ``cudnn``, NVIDIA's frontend, where there is no GPU.

It has the names and arguments that minicaffe uses, which ``tests/ops/test_cudnn_graph.py`` holds to
the real module where that is installed. Like the real one it reads arrays by their addresses, lays
a result out with its channels last unless told otherwise, and takes plans from the best to the
worst. A plan computes with the reference bodies, in float64.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from minicaffe.ops import convolution as ops
from minicaffe.ops.convolution import Window


class cudnnGraphNotSupportedError(Exception):  # noqa: N801  # cuDNN's own name
    pass


data_type = Enum("data_type", "FLOAT DOUBLE BFLOAT16 NOT_SET")
heur_mode = Enum("heur_mode", "A B FALLBACK")
numerical_note = Enum("numerical_note", "TENSOR_CORE DOWN_CONVERT_INPUTS NONDETERMINISTIC FFT")


@dataclass
class FakePlan:
    """What a graph's plan is like.

    Attributes:
        name: as cuDNN has it.
        notes: names of ``numerical_note``.
        workspace: bytes.
        milliseconds: that it takes.
        fails: None, or when: "build" or "run".
        relu: what its ReLU does: it "keeps" all, "hides NaN", or is "finite".
    """

    name: str
    notes: tuple[str, ...] = ()
    workspace: int = 0
    milliseconds: float = 1.0
    fails: str | None = None
    relu: str = "keeps"


@dataclass
class State:
    """What the stand-in is to do, and what was asked of it.

    Attributes:
        plans: of every graph.
        fused_plans: of graphs that add a bias or have a ReLU; None: the same.
        relu_plans: of graphs that have a ReLU; None: those of ``fused_plans``.
        version: of cuDNN.
        clock: milliseconds that plans have taken.
        built: graphs that were made; runs: names of plans, each time one ran.
        prepared: names of plans that were built.
        streams: that handles were set to.
    """

    plans: list[FakePlan] = field(default_factory=lambda: [FakePlan("eng0")])
    fused_plans: list[FakePlan] | None = None
    relu_plans: list[FakePlan] | None = None
    version: int = 90100
    clock: float = 0.0
    built: list[pygraph] = field(default_factory=list)
    prepared: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    streams: list[int] = field(default_factory=list)


RELUS: dict[str, Callable[[np.ndarray], Any]] = {
    "keeps": lambda x: np.maximum(x, 0),
    "hides NaN": lambda x: np.fmax(x, 0),
    "finite": lambda x: np.clip(x, 0, float(np.finfo(np.float32).max)),
}
state = State()


def reset() -> State:
    global state
    state = State()
    return state


def backend_version() -> int:
    return state.version


class Handle:
    stream: int | None = None


def create_handle() -> Handle:
    return Handle()


def set_stream(handle: Handle, stream: int) -> None:
    assert isinstance(handle, Handle)
    handle.stream = stream
    state.streams.append(stream)


class Tensor:
    def __init__(self, dim: list[int] | None = None, stride: Any = None, kind: Any = None) -> None:
        self.dim, self.stride, self.kind = dim, stride, kind
        self.uid: int | None = None
        self.is_output = False

    def set_output(self, value: bool) -> Tensor:
        self.is_output = value
        return self

    def set_uid(self, uid: int) -> Tensor:
        self.uid = uid
        return self

    def set_dim(self, dim: list[int]) -> Tensor:
        self.dim = dim
        return self

    def set_stride(self, stride: list[int]) -> Tensor:
        self.stride = stride
        return self

    def set_data_type(self, kind: data_type) -> Tensor:
        assert isinstance(kind, data_type)
        self.kind = kind
        return self

    def array(self, addresses: dict[int, int]) -> np.ndarray:
        """What lies at its address, as it is described."""
        assert self.uid is not None
        assert self.dim is not None
        types = {"FLOAT": np.float32, "DOUBLE": np.float64, "BFLOAT16": np.uint16}
        kind = np.dtype(types[self.kind.name])
        steps = self.stride or _channels_last(self.dim)
        count = 1 + sum((n - 1) * step for n, step in zip(self.dim, steps, strict=True))
        raw = (ctypes.c_char * (count * kind.itemsize)).from_address(addresses[self.uid])
        flat = np.frombuffer(raw, kind)
        byte_steps = [step * kind.itemsize for step in steps]
        return np.lib.stride_tricks.as_strided(flat, self.dim, byte_steps, writeable=True)


def _channels_last(dim: list[int]) -> list[int]:
    order = [0, *range(2, len(dim)), 1]
    steps, run = [0] * len(dim), 1
    for axis in reversed(order):
        steps[axis] = run
        run *= dim[axis]
    return steps


class pygraph:  # noqa: N801  # cuDNN's own name
    def __init__(
        self, io_data_type: Any, intermediate_data_type: Any, compute_data_type: Any, handle: Any
    ) -> None:
        assert isinstance(handle, Handle)
        self.compute = compute_data_type
        self.handle = handle
        self.steps: list[tuple[str, dict[str, Any], Tensor]] = []
        self.barred: set[str] = set()
        self.ready: set[int] = set()
        self.stage = ""
        state.built.append(self)

    def tensor(
        self, dim: list[int], stride: list[int], data_type: Any, name: str, uid: int
    ) -> Tensor:
        return Tensor(dim, stride, data_type).set_uid(uid)

    def _step(self, name: str, given: dict[str, Any]) -> Tensor:
        out = Tensor()
        self.steps.append((name, given, out))
        return out

    def conv_fprop(
        self,
        image: Tensor,
        weight: Tensor,
        pre_padding: list[int],
        post_padding: list[int],
        stride: list[int],
        dilation: list[int],
        compute_data_type: Any,
    ) -> Tensor:
        return self._step("conv_fprop", locals())

    def conv_dgrad(
        self,
        loss: Tensor,
        filter: Tensor,
        pre_padding: list[int],
        post_padding: list[int],
        stride: list[int],
        dilation: list[int],
        compute_data_type: Any,
    ) -> Tensor:
        return self._step("conv_dgrad", locals())

    def conv_wgrad(
        self,
        image: Tensor,
        loss: Tensor,
        pre_padding: list[int],
        post_padding: list[int],
        stride: list[int],
        dilation: list[int],
        compute_data_type: Any,
    ) -> Tensor:
        return self._step("conv_wgrad", locals())

    def bias(self, input: Tensor, bias: Tensor, compute_data_type: Any) -> Tensor:
        return self._step("bias", locals())

    def relu(self, input: Tensor, compute_data_type: Any) -> Tensor:
        return self._step("relu", locals())

    @property
    def plans(self) -> list[FakePlan]:
        if state.relu_plans is not None and self.steps[-1][0] == "relu":
            return state.relu_plans
        fused = state.fused_plans is not None and len(self.steps) > 1
        return state.fused_plans if fused else state.plans  # type: ignore[return-value]

    def validate(self) -> None:
        assert self.steps[-1][2].is_output
        assert len(self.steps[0][1]["stride"]) >= 2, "cuDNN takes two spatial axes or three"
        self.stage = "valid"

    def build_operation_graph(self) -> None:
        assert self.stage == "valid"
        self.stage = "built"

    def create_execution_plans(self, modes: list[Any]) -> None:
        assert self.stage == "built"
        if not self.plans:
            raise cudnnGraphNotSupportedError("no engine")
        self.stage = "planned"

    def deselect_numeric_notes(self, notes: list[Any]) -> None:
        assert self.stage == "planned", "notes bar plans that are there already"
        self.barred |= {note.name for note in notes}

    def get_execution_plan_count(self) -> int:
        return len(self.plans)

    def get_plan_name_at_index(self, index: int) -> str:
        return self.plans[index].name

    def build_plan_at_index(self, index: int) -> None:
        plan = self.plans[index]
        if self.barred & set(plan.notes) or plan.fails == "build":
            raise cudnnGraphNotSupportedError("Deselecting execution plan")
        state.prepared.append(plan.name)
        self.ready.add(index)

    def get_workspace_size_plan_at_index(self, index: int) -> int:
        assert index in self.ready
        return self.plans[index].workspace

    def execute_plan_at_index(
        self, tensor_dict: dict[int, int], workspace: int, index: int, handle: Handle
    ) -> None:
        plan = self.plans[index]
        assert index in self.ready
        assert type(workspace) is int
        known = [out for *_, out in self.steps[-1:]]
        known += [t for _, given, _ in self.steps for t in given.values() if isinstance(t, Tensor)]
        assert set(tensor_dict) == {tensor.uid for tensor in known} - {None}
        assert all(type(at) is int for at in tensor_dict.values())
        state.runs.append(plan.name)
        state.clock += plan.milliseconds
        if plan.fails == "run":
            raise RuntimeError("cudnnBackendExecute failed")
        if plan.workspace:
            ctypes.memset(workspace, 0xAB, plan.workspace)
        self._compute(tensor_dict, RELUS[plan.relu])

    def _compute(self, addresses: dict[int, int], relu: Callable[[np.ndarray], Any]) -> None:
        def read(tensor: Tensor) -> np.ndarray:
            values = tensor.array(addresses)
            if tensor.kind is data_type.BFLOAT16:
                return from_bfloat16(values)
            return values.astype(np.float64)

        name, given, _ = self.steps[0]
        given = {key: value for key, value in given.items() if key != "self"}
        first, second = (read(value) for value in given.values() if isinstance(value, Tensor))
        assert given["pre_padding"] == given["post_padding"]
        target = self.steps[-1][2]
        result = np.zeros(target.dim)  # type: ignore[arg-type]
        weights = {"conv_fprop": second, "conv_dgrad": second, "conv_wgrad": result}[name]
        window = Window(
            weights.shape[2:],
            tuple(given["stride"]),
            tuple(given["pre_padding"]),
            tuple(given["dilation"]),
        )
        if name == "conv_fprop":
            ops.convolution.reference(np, first, second, None, result, window)
        elif name == "conv_dgrad":
            ops.convolution_grad.reference(np, None, second, first, result, None, None, window)
        else:
            ops.convolution_grad.reference(np, first, result, second, None, result, None, window)
        for step, more, _ in self.steps[1:]:
            result = result + read(more["bias"]) if step == "bias" else relu(result)
        values = target.array(addresses)
        rounded = to_bfloat16(result) if target.kind is data_type.BFLOAT16 else result
        values[...] = rounded.astype(values.dtype)


def to_bfloat16(x: np.ndarray) -> np.ndarray:
    """Upper halves of float32, to nearest even; no NaN."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def from_bfloat16(halves: np.ndarray) -> np.ndarray:
    return (np.ascontiguousarray(halves).astype(np.uint32) << 16).view(np.float32).astype(float)
