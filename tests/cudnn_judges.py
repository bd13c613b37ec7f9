"""Have NVIDIA's cuDNN build plans for graphs of minicaffe's; see ``tests/ops/test_cudnn_graph.py``.

python -m tests.cudnn_judges DEVICE.json    # prints how many plans were built
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from minicaffe.ops.convolution import Window
from minicaffe.ops.cudnn_graph import DATA, FORWARD, WEIGHTS, Problem, plans
from tests.ops.test_convolution import GEOMETRIES


def problems() -> Iterator[Problem]:
    """What convolutions of all kinds ask of cuDNN, in each precision."""
    for shape, outputs, groups, *lengths in GEOMETRIES.values():
        window = Window(*lengths)
        axes = len(window.kernel)
        if not 1 <= axes <= 3 or not shape[0]:
            continue
        one = (1,) * (axes == 1)
        x = (*shape[:2], *one, *shape[2:])
        w = (outputs, shape[1] // groups, *one, *window.kernel)
        y = (shape[0], outputs, *one, *window.out(shape[2:]))
        moves = (*one, *window.stride), (*[0] * len(one), *window.pad), (*one, *window.dilation)
        for precision in ("fp32", "tf32", "bf16", "double"):
            for what in (FORWARD, DATA, WEIGHTS):
                plain = Problem(what, x, w, y, *moves, precision)
                yield plain
                if what == FORWARD and precision != "bf16":
                    yield plain._replace(bias=True)
                    yield plain._replace(bias=True, relu=True)


def main() -> int:
    import cudnn

    try:
        text = Path(sys.argv[1]).read_text(encoding="utf-8")
        device = cudnn.create_device_properties(text)
    except (AttributeError, RuntimeError) as error:
        print(f"SKIP: this cuDNN cannot be told of a device: {error}")  # noqa: T201
        return 0
    built = 0
    for problem in problems():
        found = 0
        for _, plan in plans(cudnn, problem, device_property=device):
            with suppress(cudnn.cudnnGraphNotSupportedError):
                plan.build()
                found += 1
                break
        if not found:
            print(f"no plan for {problem}")  # noqa: T201
            return 1
        built += found
    print(built)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
