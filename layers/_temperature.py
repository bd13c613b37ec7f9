"""The temperature that scores are divided by before a softmax."""

from __future__ import annotations

from math import inf

from minicaffe.errors import LayerConfigError
from minicaffe.proto.minicaffe_pb2 import DistillationLossParameter, SoftmaxParameter


def read_temperature(param: SoftmaxParameter | DistillationLossParameter) -> float:
    """``temperature``.

    Raises:
        LayerConfigError: it is no finite number above 0.
    """
    if not 0 < param.temperature < inf:
        raise LayerConfigError(
            f"temperature is {param.temperature:g}, expected a finite number above 0: scores are "
            "divided by it"
        )
    return param.temperature
