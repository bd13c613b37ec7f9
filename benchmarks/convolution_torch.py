"""The PyTorch side of convolution.py; needs torch and nothing of minicaffe."""

from __future__ import annotations

import torch
from step_protocol import serve
from torch.nn import functional


def prepare(job):
    """One convolution, with its gradients if the job has them."""
    torch.set_num_threads(job["threads"])
    images, channels, size, outputs, kernel, pad, group = job["shape"]
    x = torch.randn(images, channels, size, size)
    w, bias = torch.randn(outputs, channels // group, kernel, kernel), torch.randn(outputs)
    dy = torch.randn_like(functional.conv2d(x, w, bias, padding=pad, groups=group))
    given = x, w, bias

    def step():
        if not job["backward"]:
            with torch.no_grad():
                functional.conv2d(x, w, bias, padding=pad, groups=group)
            return
        for tensor in given:
            tensor.requires_grad_()
            tensor.grad = None
        functional.conv2d(x, w, bias, padding=pad, groups=group).backward(dy)

    return step


if __name__ == "__main__":
    serve(prepare, f"PyTorch {torch.__version__}")
