"""Write the definitions that the benchmarks run, from the builders under models/.

python benchmarks/nets/write.py
"""

from __future__ import annotations

import runpy
from pathlib import Path

from minicaffe.proto.text import to_text

HERE = Path(__file__).parent
MODELS = HERE.parents[1] / "models"

# file, folder under models/, options of its net
NETS = [
    ("lenet", "lenet", {"batch": 64}),
    ("cifar10_quick", "cifar10_quick", {"batch": 100}),
    ("alexnet", "alexnet", {"batch": 16}),
    ("googlenet", "googlenet", {"batch": 8}),
    ("squeezenet", "squeezenet", {"batch": 16}),
    ("mobilenet", "mobilenet", {"batch": 8}),
    ("resnet50", "resnet", {"depth": 50, "batch": 8}),
    ("vgg16", "vgg", {"depth": 16, "batch": 4}),
]


def main() -> None:
    """Write one prototxt for each of ``NETS``, for both phases."""
    for name, folder, options in NETS:
        build = runpy.run_path(str(MODELS / folder / "net.py"))["net"]
        net = build(**options).to_proto()
        net.name = name
        given = ", ".join(f"{key}={value}" for key, value in options.items())
        path = HERE / f"{name}.prototxt"
        head = f"# models/{folder}/net.py, {given}: written by write.py\n"
        path.write_text(head + to_text(net), encoding="utf-8")


if __name__ == "__main__":
    main()
