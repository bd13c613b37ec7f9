"""How far predicted ages are from those that people guess: a function, and a layer for tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minicaffe.errors import BlobCountError, ShapeError, ValueRangeError
from minicaffe.python_layer import Layer
from minicaffe.user_blob import Blob


def normalized_error(predicted: ArrayLike, age: ArrayLike, sigma: ArrayLike) -> NDArray[np.float64]:
    """``1 - exp(-(predicted - age)^2 / (2 sigma^2))``: 0 where right, towards 1 where far off.

    A miss counts less where people themselves disagree: one of sigma is 0.3935 everywhere. Where
    all of them agree, sigma is 0 and every miss is 1.

    Args:
        predicted: the ages, in years, or whatever unit the other two have.
        age: the mean of what people guess.
        sigma: the standard deviation of what they guess.

    Returns:
        One error for each age.

    Raises:
        ValueRangeError: a sigma below 0, or that is no number.
    """
    sigma = np.asarray(sigma, np.float64)
    bad = ~(sigma >= 0)
    if bad.any():
        raise ValueRangeError(
            f"sigma is {sigma[bad].flat[0]:g}, expected a number of at least 0: it is the standard "
            "deviation of an age"
        )
    miss = abs(np.subtract(predicted, age, dtype=np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.where(miss == 0, 0, miss / sigma)
    result: NDArray[np.float64] = -np.expm1(-(off**2) / 2)
    return result


class AgeErrorLayer(Layer):
    """The means over a batch of ``normalized_error`` and of ``abs(y - t)``.

    In a net's TEST phase, ``minicaffe test`` and a solver's tests show the means over all batches::

        layer {
          name: "error" type: "Python" bottom: "y" bottom: "age" bottom: "sigma"
          top: "error" top: "mae" include { phase: TEST }
          python_param { module: "minicaffe.python_layers.age_error" layer: "AgeErrorLayer" }
        }

    Shapes:
        bottom[0]  y      (N, ...), the ages predicted: N elements in all
        bottom[1]  t      N elements, what people guess in the mean
        bottom[2]  sigma  N elements, the standard deviation of what they guess
        top[0]     error  ()
        top[1]     mae    (); may be left out
    Definition: no ``param_str``. All three in one unit: a net that learns ages / 100 needs a Power
    in front, for an mae in years. There is no gradient.
    After: S. Escalera et al., "ChaLearn Looking at People 2015: apparent age and cultural event
    recognition datasets and results", 2015, and X. Liu et al., "AgeNet: deeply learned regressor
    and classifier for robust apparent age estimation", 2015.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if len(bottom) != 3 or len(top) not in (1, 2):
            raise BlobCountError(
                f"{len(bottom)} bottom and {len(top)} top blob(s), expected 3 and 1..2: predicted "
                "ages, ages and their deviations; the normalized error, the absolute one"
            )

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        for index, blob in enumerate(bottom):
            if blob.count != bottom[0].count:
                raise ShapeError(
                    f"bottom[{index}] has shape {tuple(blob.shape)}, expected "
                    f"{bottom[0].count} element(s) as bottom[0]"
                )
        for blob in top:
            blob.reshape()

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        predicted, age, sigma = (blob.data.reshape(-1) for blob in bottom)
        errors = normalized_error(predicted, age, sigma), abs(predicted - age)
        for blob, error in zip(top, errors, strict=False):
            blob.data[...] = error.sum() / max(1, error.size)
