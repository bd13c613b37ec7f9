"""How long does a convolution take, against PyTorch, and against its product with columns alone?

    python benchmarks/convolution.py
    python benchmarks/convolution.py --peer-python /other/bin/python vgg16 resnet50
    python benchmarks/convolution.py --shape 8,64,56,64,3,1,1

Times the forward pass, and forward with all gradients, of the 3x3 convolutions of well-known
nets: same machine and threads, in turns, the other processes asleep meanwhile (``step_time.py``
says what PyTorch needs). Each side's median and, in brackets, its best.
"""

from __future__ import annotations

import argparse
import sys
from statistics import median

from step_time import Worker, measure

SHAPES = {  # images, channels, height and width, outputs, kernel, pad, group
    "vgg16": [
        (4, 64, 224, 64, 3, 1, 1),
        (4, 128, 112, 128, 3, 1, 1),
        (4, 256, 56, 256, 3, 1, 1),
        (4, 512, 28, 512, 3, 1, 1),
        (4, 512, 14, 512, 3, 1, 1),
    ],
    "resnet50": [
        (8, 64, 56, 64, 3, 1, 1),
        (8, 128, 28, 128, 3, 1, 1),
        (8, 256, 14, 256, 3, 1, 1),
        (8, 512, 7, 512, 3, 1, 1),
    ],
    "googlenet": [
        (8, 64, 56, 192, 3, 1, 1),
        (8, 96, 28, 128, 3, 1, 1),
        (8, 128, 28, 192, 3, 1, 1),
        (8, 112, 14, 224, 3, 1, 1),
        (8, 160, 14, 320, 3, 1, 1),
        (8, 192, 7, 384, 3, 1, 1),
    ],
    "squeezenet": [
        (16, 16, 55, 64, 3, 1, 1),
        (16, 32, 27, 128, 3, 1, 1),
        (16, 48, 13, 192, 3, 1, 1),
        (16, 64, 13, 256, 3, 1, 1),
    ],
}


def sides(args, shape, backward):
    """PyTorch, columns, and what is chosen."""
    job = {"shape": shape, "backward": backward, "threads": args.threads, "columns": False}
    yield Worker(args.peer_python, "convolution_torch.py", job)
    yield Worker(sys.executable, "convolution_minicaffe.py", {**job, "columns": True})
    yield Worker(sys.executable, "convolution_minicaffe.py", job)


def main():
    """Print a line for each shape and direction."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("nets", nargs="*", metavar="NET", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--shape", type=lambda text: tuple(map(int, text.split(","))))
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=7, help="turns of each side that count")
    args = parser.parse_args()
    if set(args.nets) - set(SHAPES):
        parser.error(f"nets are {', '.join(SHAPES)}")
    chosen = [shape for net in args.nets or SHAPES for shape in SHAPES[net]]
    print("N, C, HW, O, kernel, pad, group |    | PyTorch ms | columns ms | chosen ms | ratio")
    for shape in [args.shape] if args.shape else chosen:
        for backward in (False, True):
            found = []
            try:
                found.extend(sides(args, shape, backward))
                measure(found, args.repeat)
            finally:
                for worker in found:
                    worker.close()
            best = [min(worker.times) * 1e3 for worker in found]
            middle = [median(worker.times) * 1e3 for worker in found]
            times = (f"{m:.1f} ({b:.1f})" for m, b in zip(middle, best, strict=True))
            ratio = f"{middle[2] / middle[0]:.2f} ({best[2] / best[0]:.2f})"
            row = ", ".join(map(str, shape)), "f+b" if backward else "f", *times, ratio
            print(" | ".join(row), flush=True)


if __name__ == "__main__":
    main()
