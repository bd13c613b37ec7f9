"""The ONNX Runtime side of step_time.py: inference of the net that step_torch.py makes, exported.

Needs torch, onnx, onnxruntime and numpy, and nothing of minicaffe.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnxruntime
import torch
from step_protocol import serve
from step_torch import Net, load


class Positional(torch.nn.Module):
    """A net whose blobs are arguments, as an export wants it."""

    def __init__(self, net, names):
        super().__init__()
        self.net, self.names = net, names

    def forward(self, *values):
        """Run it."""
        return self.net(dict(zip(self.names, values, strict=True)))


def prepare(job):
    """The function that does one forward pass."""
    torch.manual_seed(job["seed"])
    arrays = np.load(job["arrays"])
    net = Net(job["layers"])
    load(net, arrays)
    names = job["inputs"]
    blobs = {name: arrays[f"blob/{name}"] for name in names}
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = tuple(torch.from_numpy(blobs[name]) for name in names)
        torch.onnx.export(
            Positional(net.eval(), names), values, file, input_names=names, dynamo=False
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        file.getvalue(), options, providers=["CPUExecutionProvider"]
    )

    def infer():
        return float(np.square(session.run(None, blobs)[0]).sum())

    return infer


if __name__ == "__main__":
    serve(prepare, f"ONNX Runtime {onnxruntime.__version__}")
