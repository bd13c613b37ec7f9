"""Layer: what every layer type must do, and the checks done for all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple, final

import numpy as np

from minicaffe import fillers
from minicaffe.blob import Blob
from minicaffe.blob_proto import blob_from_proto
from minicaffe.device import Array, Device
from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError, layer_context, locate
from minicaffe.host import Refuse
from minicaffe.proto.minicaffe_pb2 import FillerParameter, LayerParameter


class Arity(NamedTuple):
    """How many blobs a layer takes or makes: from ``least`` to ``most`` (None: no limit)."""

    least: int
    most: int | None

    def check(self, found: int, kind: str) -> None:
        """Raise ``BlobCountError`` unless ``found`` blobs of ``kind`` are allowed."""
        if self.least <= found and (self.most is None or found <= self.most):
            return
        if self.most is None:
            allowed = f"at least {self.least}"
        else:
            allowed = f"{self.least}" if self.most == self.least else f"{self.least}..{self.most}"
        raise BlobCountError(f"{found} {kind} blob(s), expected {allowed}")


ONE = Arity(1, 1)


class Layer(ABC):
    """One step of a net: reads its bottoms, writes its tops, and sends gradients back.

    A layer type overrides ``setup``, ``reshape``, ``forward`` and ``backward``; the net calls
    ``initialize``, ``run_forward`` and ``run_backward``, which add the checks and the error
    context and are not overridden.

    Diffs: ``backward`` overwrites the diffs of bottoms and adds to the diffs of ``blobs``, so
    that one parameter can be used twice and gradients can be accumulated over several passes.

    Class attributes:
        origin: who has the type: "Caffe 1.0", a fork's name, or "paper" where no Caffe reads it.
        num_bottom, num_top: how many blobs it takes and makes.
        equal_tops: as many tops as bottoms.
        auto_top: tops that the definition leaves out, up to ``num_top.least``, are made.
        works_in_place: top[i] may be bottom[i]; where not, the definition is refused.
        is_loss: top[0] is a loss, of weight 1 unless the definition says otherwise.
        is_input: its tops are the caller's to fill: the inputs of the net.
        reads_data: its tops come from a source that need not be where the definition is.
        always_reshape: ``reshape`` depends on more than the bottoms' shapes.
        backward_reads: of which blobs ``backward`` reads the data, "bottom" and "top"; what is not
            among them may be overwritten before.
        runs_user_code: what it does is not known; it may do more than fill its blobs.
        waits: on a GPU it reads back what was computed, so that the host has to wait.

    Attributes:
        param: its definition; ``param.phase`` is set.
        device, xp: where its arrays live, and their array module.
        dtype: of its blobs.
        blobs: its parameters.
        param_propagate_down: for each of ``blobs``, whether its gradient is wanted.
        fitted: ``reshape`` has been called, and nothing is known to have changed since.
        loss_weights: for each top, its factor in the net's loss; 0 where it is no loss.
    """

    type: ClassVar[str]
    origin: ClassVar[str] = "Caffe 1.0"
    num_bottom: ClassVar[Arity] = ONE
    num_top: ClassVar[Arity] = ONE
    equal_tops: ClassVar[bool] = False
    auto_top: ClassVar[bool] = False
    works_in_place: ClassVar[bool] = False
    is_loss: ClassVar[bool] = False
    is_input: ClassVar[bool] = False
    reads_data: ClassVar[bool] = False
    always_reshape: ClassVar[bool] = False
    runs_user_code: ClassVar[bool] = False
    waits: ClassVar[bool] = False
    backward_reads: Collection[str] = ("bottom", "top")

    def __init__(self, param: LayerParameter, device: Device, dtype: Any = np.float32) -> None:
        self.param = param
        self.device = device
        self.xp = device.xp
        self.dtype = np.dtype(dtype)
        self.blobs: list[Blob] = []
        self.param_propagate_down: list[bool] = []
        self.loss_weights: list[float] = []
        self.fitted = False
        self._shapes: Sequence[tuple[int, ...] | None] = []
        for proto in param.blobs:  # weights given in the definition: the fillers are skipped
            self.blobs.append(blob_from_proto(proto, device, self.dtype))

    @abstractmethod
    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read ``param`` and declare parameters; called once."""

    @abstractmethod
    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the bottoms' shapes, give the tops theirs, make room for what is in between.

        Called before a forward, when a bottom's shape has changed.
        """

    @abstractmethod
    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Compute ``top.data`` from ``bottom.data``."""

    @abstractmethod
    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Compute ``bottom.diff`` where asked, and add to the diffs of ``blobs``."""

    def allow_force_backward(self, index: int) -> bool:
        """Whether a net's ``force_backward`` reaches bottom ``index``; labels say no."""
        return True

    def multiply_adds(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> int:
        """How many multiplications with an addition a forward takes, in products with weights.

        As papers count them: what is done element by element, biases too, is 0.
        """
        return 0

    def bodies(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> dict[str, str]:
        """What is chosen by the blobs' sizes, to the name of what has been chosen."""
        return {}

    def declared_shapes(self, first: tuple[int, ...] | None) -> list[tuple[int, ...] | None]:
        """Shapes of the tops, from the first on, as far as they are known before ``setup``.

        For nets whose data is not there: asked of layers with ``reads_data``.

        Args:
            first: the shape of the first top, where the caller knows it.
        """
        return [first]

    @property
    def wants_own_top(self) -> bool:
        """Where it is to work in place, the net gives it a top of its own: it reads both."""
        return False

    def position(self) -> dict[str, Any]:
        """What a resumed run needs beyond parameters, as JSON: where in the data it is, say."""
        return {}

    def set_position(self, position: dict[str, Any]) -> None:
        """Continue from what ``position`` gave."""
        return

    def close(self) -> None:
        """Stop threads and release files; called when the net is done with."""
        return

    def add_param(self, shape: Sequence[int], filler: FillerParameter) -> Blob:
        """Declare the next learned parameter: at first call make and fill it.

        A parameter that is already there (shared, or read from a file) is kept.

        Raises:
            ShapeError: the one already there has another shape.
        """
        index = len(self.param_propagate_down)
        self.param_propagate_down.append(True)
        if index == len(self.blobs):
            blob = Blob(self.device, shape, self.dtype)
            fillers.fill(blob, filler)
            self.blobs.append(blob)
        elif self.blobs[index].shape != tuple(shape):
            raise ShapeError(
                f"blobs[{index}] has shape {self.blobs[index].shape}, expected {tuple(shape)}"
            )
        return self.blobs[index]

    @final
    def initialize(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the numbers of blobs, then ``setup`` and ``reshape``, then the loss weights."""
        with layer_context(self.param, "setup", partial(self.room, bottom, top)):
            self.num_bottom.check(len(bottom), "bottom")
            self.num_top.check(len(top), "top")
            if self.equal_tops and len(top) != len(bottom):
                raise BlobCountError(f"{len(top)} top blob(s), expected {len(bottom)} as bottoms")
            if not self.works_in_place:
                for index, blob in enumerate(top):
                    if any(blob is other for other in bottom):
                        raise LayerConfigError(
                            f"top[{index}] is a bottom, expected a name of its own: "
                            f"{self.type} does not work in place"
                        )
            self.setup(bottom, top)
            self._reshape(bottom, top)
            self._set_loss_weights(top)

    @final
    def run_reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """``reshape`` alone, with the error context."""
        with layer_context(self.param, "reshape", partial(self.room, bottom, top)):
            self._reshape(bottom, top)

    @final
    def run_forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """``reshape`` where it is needed, and ``forward``."""
        try:
            if len(bottom) != 1 or bottom[0].shape is not self._shapes[0] or self.always_reshape:
                self.fit(bottom, top)  # seldom; a call for each layer would add up
            self.forward(bottom, top)
        except Exception as error:
            locate(error, self.param, "forward", partial(self.room, bottom, top))
            raise

    @final
    def fit(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """``reshape`` where it is needed."""
        if self.always_reshape or [blob.shape for blob in bottom] != self._shapes:
            self._reshape(bottom, top)

    @final
    def run_backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """``backward``, which goes by the shapes of the last forward."""
        try:
            self.check_fitted()
            self.backward(top, propagate_down, bottom)
        except Exception as error:
            locate(error, self.param, "backward", partial(self.room, bottom, top))
            raise

    @final
    def check_fitted(self) -> None:
        """Refuse to go backward with other shapes than forward has left.

        Raises:
            ShapeError: a blob has been reshaped since.
        """
        if None in self._shapes:
            raise ShapeError(
                "a blob of the net has another shape since the last forward, expected a "
                "forward, or the net's reshape(), before backward"
            )

    @property
    def fit_of(self) -> object:
        """The same object as long as ``reshape`` has not been called again."""
        return self._shapes

    @final
    def forget_shapes(self) -> None:
        """Reshape before the next forward: a blob may have been changed that is no bottom."""
        self._shapes = [None] * len(self._shapes)
        self.fitted = False

    @final
    def loss(self, top: Sequence[Blob]) -> Array | float:
        """The weighted sum of the tops that are losses, of the last forward; 0 without any."""
        total: Array | float = 0.0
        for weight, blob in zip(self.loss_weights, top, strict=True):
            if weight:
                total = total + weight * blob.data.sum()
        return total

    @final
    def check(self, bad: Array | int, values: Array, refuse: Refuse) -> None:
        """Refuse the element of ``values`` at ``bad``, unless that is -1: see ``Host.check``."""
        self.device.host.check(self, bad, values, refuse)

    def room(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> str:
        """What memory there is, and what takes it here: for an error."""
        shapes = ", ".join(str(blob.shape) for blob in (*bottom, *top, *self.blobs))
        return f"; {self.device.room()}the layer's blobs are {shapes} of {self.dtype}"

    def _reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._shapes = [None] * len(bottom)  # should it fail, the next forward tries again
        self.fitted = False
        self.reshape(bottom, top)
        self._shapes = [blob.shape for blob in bottom]
        self.fitted = True
        self._fill_loss_diffs(top)

    def _set_loss_weights(self, top: Sequence[Blob]) -> None:
        given = list(self.param.loss_weight)
        if len(given) not in (0, len(top)):
            raise LayerConfigError(
                f"loss_weight is given {len(given)} time(s), expected none or one a top "
                f"({len(top)})"
            )
        default = [1.0] if self.is_loss else [0.0]
        self.loss_weights = given or (default + [0.0] * len(top))[: len(top)]
        self._fill_loss_diffs(top)

    def _fill_loss_diffs(self, top: Sequence[Blob]) -> None:
        """Nothing else writes the diff of a loss, so that it is set when its shape is."""
        for weight, blob in zip(self.loss_weights, top, strict=False):
            if weight:
                blob.diff[...] = weight
