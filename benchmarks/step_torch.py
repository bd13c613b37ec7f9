"""The PyTorch side of step_time.py: a net described in JSON, as a user would write it in PyTorch.

Needs torch and numpy, and nothing of minicaffe: it may run in an environment of its own.
"""

from __future__ import annotations

import numpy as np
import torch
from step_protocol import serve
from torch import nn
from torch.nn import functional


class Net(nn.Module):
    """The layers, run in order on a dictionary of blobs."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers
        self.parts = nn.ModuleList(make(spec) for spec in layers)

    def forward(self, blobs):
        """The sum of the losses, or the last top where there are none."""
        blobs, loss = dict(blobs), None
        for spec, part in zip(self.layers, self.parts, strict=True):
            out = part(*(blobs[name] for name in spec["bottom"]))
            blobs[spec["top"]] = out
            if spec["loss"]:
                loss = out * spec["loss"] if loss is None else loss + out * spec["loss"]
        return out if loss is None else loss


class Lambda(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *bottom):
        """Call it."""
        return self.function(*bottom)


class Scale(nn.Module):
    """A factor and a bias for each channel, as Caffe keeps them apart from BatchNorm."""

    def __init__(self, channels, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x):
        """Scale ``x``, whose channels are axis 1."""
        shape = (1, -1, *[1] * (x.ndim - 2))
        y = x * self.weight.view(shape)
        return y if self.bias is None else y + self.bias.view(shape)


def make(spec):
    """The module for one layer."""
    p = spec["param"]
    makers = {
        "Convolution": lambda: convolution(p),
        "InnerProduct": lambda: nn.Sequential(
            nn.Flatten(p["axis"]), nn.Linear(p["in"], p["out"], bias=p["bias"])
        ),
        "Pooling": lambda: pooling(p),
        "ReLU": lambda: (
            nn.LeakyReLU(p["slope"], inplace=p["in_place"])
            if p["slope"]
            else nn.ReLU(inplace=p["in_place"])
        ),
        "Sigmoid": nn.Sigmoid,
        "TanH": nn.Tanh,
        "LRN": lambda: nn.LocalResponseNorm(p["size"], p["alpha"], p["beta"], p["k"]),
        "Dropout": lambda: nn.Dropout(p["ratio"]),
        "Softmax": lambda: nn.Softmax(dim=p["axis"]),
        "SoftmaxWithLoss": lambda: Lambda(lambda x, t: functional.cross_entropy(x, t.long())),
        "Accuracy": lambda: Lambda(lambda x, t: (x.argmax(1) == t).float().mean()),
        "Concat": lambda: Lambda(lambda *xs: torch.cat(xs, p["axis"])),
        "Eltwise": lambda: Lambda(eltwise(p["operation"])),
        "Flatten": lambda: nn.Flatten(p["axis"]),
        "BatchNorm": lambda: nn.BatchNorm2d(p["channels"], p["eps"], p["momentum"], affine=False),
        "Scale": lambda: Scale(p["channels"], p["bias"]),
    }
    if spec["type"] not in makers:
        raise SystemExit(f"layer {spec['name']!r}: {spec['type']} is not translated to PyTorch")
    return makers[spec["type"]]()


def convolution(p):
    """Conv1d, Conv2d or Conv3d."""
    kind = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[len(p["kernel"])]
    return kind(
        p["in"],
        p["out"],
        p["kernel"],
        p["stride"],
        p["pad"],
        p["dilation"],
        p["group"],
        bias=p["bias"],
    )


def pooling(p):
    """MaxPool2d or AvgPool2d."""
    if p["max"]:
        return nn.MaxPool2d(p["kernel"], p["stride"], p["pad"], ceil_mode=p["ceil"])
    return nn.AvgPool2d(p["kernel"], p["stride"], p["pad"], ceil_mode=p["ceil"])


def eltwise(operation):
    """What Caffe calls PROD, SUM and MAX, of any number of blobs."""
    pair = {"PROD": torch.mul, "SUM": torch.add, "MAX": torch.maximum}[operation]

    def run(first, *others):
        for other in others:
            first = pair(first, other)
        return first

    return run


def load(net, arrays):
    """Give the layers the parameters that minicaffe starts from."""
    with torch.no_grad():
        for spec, part in zip(net.layers, net.parts, strict=True):
            for index, parameter in enumerate(part.parameters()):
                parameter.copy_(torch.from_numpy(arrays[f"{spec['name']}/{index}"]))


def optimizer(net, job):
    """SGD whose groups have the learning rates and decays of the definition."""
    groups = []
    for spec, part in zip(net.layers, net.parts, strict=True):
        for parameter, (lr, decay) in zip(part.parameters(), spec["mults"], strict=True):
            rates = {"lr": job["lr"] * lr, "weight_decay": job["decay"] * decay}
            groups.append({"params": [parameter], **rates})
    return torch.optim.SGD(groups, lr=job["lr"], momentum=job["momentum"])


def prepare(job):
    """The function that does one step, and returns the loss where there is one."""
    torch.set_num_threads(job["threads"])
    torch.manual_seed(job["seed"])
    arrays = np.load(job["arrays"])
    net = Net(job["layers"])
    load(net, arrays)
    blobs = {name: torch.from_numpy(arrays[f"blob/{name}"]) for name in job["inputs"]}
    step = torch.compile(net) if job.get("compile") else net
    if job["phase"] == "TEST":
        net.eval()

        def infer():
            with torch.no_grad():
                return float(step(blobs).square().sum())

        return infer
    optimiser = optimizer(net, job)

    def train():
        optimiser.zero_grad()
        loss = step(blobs)
        loss.backward()
        optimiser.step()
        return loss.detach()

    return train


if __name__ == "__main__":
    serve(prepare, f"PyTorch {torch.__version__.partition('+')[0]}")
