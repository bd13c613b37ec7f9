"""DepthwiseConvolution and ConvolutionDepthwise: each filter reads one channel."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers.convolution import Convolution
from minicaffe.layers.registry import register_layer
from minicaffe.proto.minicaffe_pb2 import LayerParameter


@register_layer("DepthwiseConvolution")
class DepthwiseConvolution(Convolution):
    """``y[c m + i] = bias[c m + i] + w[c m + i] * x[c]`` for the i-th of m filters of channel c.

    That is Convolution whose ``group`` is the number of channels, which nobody has to write.

    Shapes, with out as in Convolution, C being the axis named ``axis``:
        bottom[i]  x  (\\*N, C, \\*size); all alike
        top[i]     y  (\\*N, C m, \\*out)
    Blobs, which all bottoms share:
        [0]  w     (C m, 1, \\*kernel)
        [1]  bias  (C m,), unless ``bias_term: false``
    Definition: ``convolution_param``; ``num_output`` is C m, a multiple of the channels.
    After: A. Howard and others, "MobileNets: efficient convolutional neural networks for mobile
    vision applications", 2017, and two layers for Caffe of one meaning: DepthwiseConvolution, and
    ConvolutionDepthwise, which reads no ``group``. Differs: a ``group`` that is given has to be
    the channels, which there it is taken for or silently is not.
    """

    origin = "MobileNet"

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        given = self.param.convolution_param
        channels = bottom[0].shape[bottom[0].canonical_axis(given.axis)]
        if given.HasField("group") and given.group != channels:
            raise LayerConfigError(
                f"group is {given.group}, expected {channels}, the channels of bottom[0], or "
                f"nothing: in a {self.type} each filter reads one channel"
            )
        param = LayerParameter()  # the net's own stays as it was written
        param.CopyFrom(self.param)
        param.convolution_param.group = channels
        self.param = param
        super().setup(bottom, top)


@register_layer("ConvolutionDepthwise")
class ConvolutionDepthwise(DepthwiseConvolution):  # noqa: D101
    __doc__ = DepthwiseConvolution.__doc__  # the same, by its other name
