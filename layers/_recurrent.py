"""What LSTM, RNN, GRU and MGU share: bottoms, weights, and the state that is carried over."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar

import numpy as np

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.layers._weights import num_output, wanted_diff, warn_of_zeros
from minicaffe.layers.base import Layer
from minicaffe.ops.inner_product import inner_product, inner_product_grad
from minicaffe.ops.products import products


def refuse_cont_gradient(propagate_down: Sequence[bool], index: int) -> None:
    """Raise ``LayerConfigError`` if a gradient is wanted of bottom ``index``, which is cont."""
    if len(propagate_down) > index and propagate_down[index]:
        raise LayerConfigError(
            f"propagate_down is true for bottom[{index}], expected false: cont says where "
            "sequences begin, and has no gradient"
        )


class Recurrent(Layer):
    """A layer that goes over time; what a step does is left to the type.

    Here are the products of the inputs of all steps with their weights, and the gradients of
    that; in between, ``run`` and ``run_back`` go from step to step.

    Class attributes:
        states: what a step leaves to the next, in the order of the exposed blobs.
        gates: how many values a unit takes from the inputs.
    """

    states: ClassVar[tuple[str, ...]]
    gates: ClassVar[int]

    @abstractmethod
    def run(self, cont: Array, states: Sequence[Array], y: Array) -> None:
        """From ``self._units.data`` to ``y``; overwrite the states, each (N, D).

        Fill ``self._hidden.data``, (T, N, D), with the hidden state that each step reads.
        """

    @abstractmethod
    def run_back(self, cont: Array, dy: Array) -> None:
        """The gradient of ``run``, into ``self._units.diff``."""

    def hidden_grad(self) -> None:
        """Add to the gradient of the weights of the hidden state."""
        self._grad(self._recurrent, self._hidden, 2, self._units.diff, False, None)

    def allow_force_backward(self, index: int) -> bool:
        return index != 1

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.recurrent_param
        self._products = products(self.device)
        self._outputs = num_output(param)
        self._exposed = len(self.states) if param.expose_hidden else 0
        self._count_blobs(bottom, top)
        refuse_cont_gradient(self.param.propagate_down, 1)
        self._static = len(bottom) > 2 + self._exposed
        self._recurrent = 3 if self._static else 2  # where the weights of the hidden state are
        warn_of_zeros(self, param, "recurrent_layer.cpp:1")
        width = self.gates * self._outputs
        self.add_param((width, prod(bottom[0].shape[2:])), param.weight_filler)
        self.add_param((width,), param.bias_filler)
        if self._static:
            self.add_param((width, prod(bottom[2].shape[1:])), param.weight_filler)
        self.add_param((width, self._outputs), param.weight_filler)
        self._units, self._hidden, self._from_static = (
            Blob(self.device, dtype=self.dtype) for _ in range(3)
        )
        self._states = [Blob(self.device, dtype=self.dtype) for _ in self.states]

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._check_shapes(bottom)
        steps, count = bottom[0].shape[:2]
        top[0].reshape((steps, count, self._outputs))
        for blob in top[1:]:
            blob.reshape((1, count, self._outputs))
        self._units.reshape((steps, count, self.gates * self._outputs))
        self._hidden.reshape(top[0].shape)
        self._from_static.reshape((count, self.gates * self._outputs))

    def multiply_adds(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> int:
        steps, count = bottom[0].shape[:2]
        static = self.blobs[2].count if self._static else 0  # once, not at each step
        weights = sum(blob.count for blob in self.blobs if blob.ndim > 1)
        return count * (steps * (weights - static) + static)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        with self._products:
            self._forward(bottom, top)

    def _forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, units = _rows(bottom[0].data, 2), self._units.data
        w, bias = self.blobs[0].data, self.blobs[1].data
        inner_product(self.xp, x, w, bias, _rows(units, 2), False)
        if self._static:
            x, part = _rows(bottom[2].data, 1), self._from_static.data
            inner_product(self.xp, x, self.blobs[2].data, None, part, False)
            units += part
        states = self._load_states(bottom)
        self.run(bottom[1].data, states, top[0].data)
        for blob, state in zip(top[1:], states, strict=False):
            blob.data[0] = state

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        refuse_cont_gradient(propagate_down, 1)
        with self._products:
            self._backward(top, propagate_down, bottom)

    def _backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        self.run_back(bottom[1].data, top[0].diff)
        dunits = self._units.diff
        self._grad(0, bottom[0], 2, dunits, propagate_down[0], wanted_diff(self, 1))
        self.hidden_grad()
        if self._static:
            total = self._from_static.diff
            dunits.sum(axis=0, out=total)
            self._grad(2, bottom[2], 1, total, propagate_down[2], None)
        first = len(bottom) - self._exposed
        for blob, wanted in zip(bottom[first:], propagate_down[first:], strict=True):
            if wanted:
                blob.diff[...] = 0

    def position(self) -> dict[str, Any]:
        """The carried state, each float as JSON keeps it exactly; nothing before a forward."""
        if self._exposed:
            return {}
        named = zip(self.states, self._states, strict=True)
        return {name: self.device.to_numpy(blob.data).tolist() for name, blob in named if blob.ndim}

    def set_position(self, position: dict[str, Any]) -> None:
        for name, blob in zip(self.states, self._states, strict=True):
            if name in position:
                state = np.array(position[name], self.dtype)
                blob.reshape(state.shape)
                blob.data[...] = self.xp.asarray(state)

    def _load_states(self, bottom: Sequence[Blob]) -> list[Array]:
        """What the first step reads: the exposed bottoms, or what the forward before left."""
        shape = bottom[0].shape[1], self._outputs
        for blob in self._states:
            if blob.shape != shape:
                blob.reshape(shape)
                blob.data[...] = 0
        for blob, given in zip(self._states, bottom[len(bottom) - self._exposed :], strict=False):
            blob.data[...] = given.data[0]
        return [blob.data for blob in self._states]

    def _grad(
        self,
        index: int,
        source: Blob,
        axis: int,
        dy: Array,
        propagate: bool,
        dbias: Array | None,
    ) -> None:
        """The gradients of ``source``, a vector from ``axis`` on, times ``blobs[index]``."""
        dx = _rows(source.diff, axis) if propagate else None
        dw = wanted_diff(self, index)
        if dx is not None or dw is not None or dbias is not None:
            x, w, dy = _rows(source.data, axis), self.blobs[index].data, _rows(dy, dy.ndim - 1)
            inner_product_grad(self.xp, x, w, dy, dx, dw, dbias, False)

    def _count_blobs(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        more, states = self._exposed, self.states[: self._exposed]
        why = f"expose_hidden is {'true' if more else 'false'}"
        if not 2 <= len(bottom) - more <= 3:
            names = ", ".join(["x, cont, x_static or none", *(f"{name}_0" for name in states)])
            raise BlobCountError(
                f"{len(bottom)} bottom blob(s), expected {2 + more}..{3 + more} ({names}): {why}"
            )
        if len(top) - more != 1:
            names = ", ".join(["y", *(f"{name}_T" for name in states)])
            raise BlobCountError(f"{len(top)} top blob(s), expected {1 + more} ({names}): {why}")

    def _check_shapes(self, bottom: Sequence[Blob]) -> None:
        x, cont = bottom[0].shape, bottom[1].shape
        if len(x) < 3 or not x[0]:
            raise ShapeError(
                f"bottom[0] has shape {x}, expected (T, N, ...) with at least 1 step and 3 axes: "
                "steps, sequences, inputs"
            )
        if cont != x[:2]:
            raise ShapeError(
                f"bottom[1] has shape {cont}, expected {x[:2]}: cont has a value for each step "
                f"and sequence of bottom[0], which has shape {x}"
            )
        if self._static and (bottom[2].ndim < 2 or bottom[2].shape[0] != x[1]):
            raise ShapeError(
                f"bottom[2] has shape {bottom[2].shape}, expected ({x[1]}, ...), 2 axes or more: "
                "a static input for each sequence"
            )
        for index, axis in ((0, 2), (2, 1))[: 1 + self._static]:
            inputs, expected = prod(bottom[index].shape[axis:]), self.blobs[index].shape[1]
            if inputs != expected:
                raise ShapeError(
                    f"bottom[{index}] has shape {bottom[index].shape}, so {inputs} inputs from "
                    f"axis {axis} on, expected {expected}: the weights are made for them"
                )
        given = len(bottom) - self._exposed
        for index, blob in enumerate(bottom[given:], given):
            if blob.shape != (1, x[1], self._outputs):
                raise ShapeError(
                    f"bottom[{index}] has shape {blob.shape}, expected {(1, x[1], self._outputs)}: "
                    f"{self.states[index - given]}_0 is a state (1, N, num_output)"
                )


def _rows(array: Array, axis: int) -> Array:
    """A matrix: the axes before ``axis`` as one, and those from it on."""
    shape = array.shape
    return array.reshape(prod(shape[:axis]), prod(shape[axis:]))
