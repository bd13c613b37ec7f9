"""The minicaffe side of convolution.py."""

from __future__ import annotations

import numpy as np
from step_protocol import serve

from minicaffe import __version__
from minicaffe.device import cpu
from minicaffe.ops import choice
from minicaffe.ops import convolution as ops


def prepare(job):
    """One convolution, with its gradients if the job has them."""
    choice.deterministic(job["columns"])
    images, channels, size, outputs, kernel, pad, group = job["shape"]
    window = ops.Window((kernel, kernel), (1, 1), (pad, pad), (1, 1))
    device, rng = cpu(), np.random.default_rng(0)

    def random(*shape):
        array = device.zeros(shape, np.float32)
        array[...] = rng.standard_normal(shape, np.float32)
        return array

    x = random(images, channels, size, size)
    w, bias = random(outputs, channels // group, kernel, kernel), random(outputs)
    y = device.zeros((images, outputs, *window.out((size, size))), np.float32)
    dy = random(*y.shape)
    dx, dw, dbias = (device.zeros(a.shape, np.float32) for a in (x, w, bias))

    def step():
        ops.convolution(np, x, w, bias, y, window)
        if job["backward"]:
            ops.convolution_grad(np, x, w, dy, dx, dw, dbias, window)

    return step


if __name__ == "__main__":
    serve(prepare, f"minicaffe {__version__}")
