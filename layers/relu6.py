"""ReLU6: what is positive passes, up to 6."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.layers._kept import InputKeeper
from minicaffe.layers.registry import register_layer
from minicaffe.ops import relu6 as ops


@register_layer("ReLU6")
class ReLU6(InputKeeper):
    """``y = min(max(x, 0), 6)``; no gradient passes at 0 and at 6, nor through a NaN, which stays.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``relu6_param``, of which nothing is read.
    After: A. Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010, and the fork
    MobileNet-YOLO.
    """

    origin = "MobileNet-YOLO"
    backward_reads = ("bottom",)
    wants_own_top = True  # a copy of the input, which a later layer cannot spoil, would cost more

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self.keep(bottom)
        ops.relu6(self.xp, bottom[0].data, top[0].data)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            ops.relu6_grad(self.xp, self.input, top[0].diff, bottom[0].diff)
