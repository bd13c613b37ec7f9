"""``minicaffe classify``: what a trained net sees on images.

After: python/classify.py; what is printed is as by examples/cpp_classification. Differences:
without an output file the best classes are printed; no mean is subtracted unless one is given; the
files of a folder are taken in the order of their names; nets of one channel get gray images, and
their channel is not swapped; the net has to be named.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicaffe.cli import _databases, _flags
from minicaffe.cli._image_inputs import Inputs, find_inputs
from minicaffe.errors import DataError, MinicaffeError
from minicaffe.glog import logger

if TYPE_CHECKING:
    from minicaffe.blob_proto import HostArray
    from minicaffe.classifier import Classifier
    from minicaffe.device import Device

BEST = 5
_PREPARING = ("mean_file", "input_scale", "raw_scale", "channel_swap")
EPILOG = """\
An image is resized to --images_dim, whatever its shape, and ten windows as large as the net's input
are cut out of it: corners, middle, and the same mirrored. Scores are the means over all ten; with
--center_only, those of the middle. Its values, 0 to 1 in red, green and blue, are put in the order
--channel_swap, multiplied by --raw_scale, less the mean, multiplied by --input_scale.

examples:
  minicaffe classify cat.jpg --model_def deploy.prototxt --pretrained_model net.caffemodel \\
    --mean_file imagenet_mean.binaryproto --labels synset_words.txt
  minicaffe classify photos/ scores.npy --model_def net.prototxt --pretrained_model net.caffemodel
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "classify",
        help="classify images",
        description="Classify an image, the images of a folder, or those in a NumPy file.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input_file", metavar="INPUT", help="an image, a folder, or a .npy file")
    parser.add_argument(
        "output_file",
        metavar="OUTPUT",
        nargs="?",
        help=f"write all scores to this .npy file; without it, print the {BEST} best classes",
    )
    parser.add_argument(
        "--model_def", "--model", required=True, metavar="FILE", help="the net's definition"
    )
    parser.add_argument(
        "--pretrained_model", "--weights", required=True, metavar="FILE", help="trained weights"
    )
    parser.add_argument("--labels", metavar="FILE", help="names of the classes, one a line")
    parser.add_argument(
        "--center_only", action="store_true", help="take the middle of each image alone"
    )
    parser.add_argument(
        "--images_dim",
        type=_numbers(2, least=1),
        default="256,256",
        metavar="H,W",
        help="what each image is resized to first (default: 256,256)",
    )
    parser.add_argument(
        "--train_def",
        metavar="FILE",
        help="prepare images as this definition of the training says, in place of the next four",
    )
    parser.add_argument(
        "--mean_file",
        metavar="FILE",
        help="mean of the training images, .npy or .binaryproto; that of each channel is taken",
    )
    parser.add_argument("--input_scale", type=float, metavar="X", help="factor, after the mean")
    parser.add_argument(
        "--raw_scale",
        type=float,
        metavar="X",
        help="factor for values from 0 to 1, before the mean (default: 255)",
    )
    parser.add_argument(
        "--channel_swap",
        type=_numbers(),
        metavar="2,1,0",
        help="order of the channels; '' for red, green, blue (default: blue, green, red)",
    )
    parser.add_argument(
        "--ext", default="jpg", help="which files of a folder are images (default: jpg)"
    )
    parser.add_argument("--gpu", action="store_true", help="compute on the GPU")
    parser.add_argument(
        "--device_id",
        type=_databases.number,
        default=0,
        metavar="ID",
        help="which GPU (default: 0)",
    )
    parser.add_argument("--threads", type=_flags.positive, metavar="N", help="CPU threads")
    parser.add_argument("--log", metavar="FILE", help="append the log to FILE as well")
    parser.add_argument("--quiet", action="store_true", help="show warnings and errors alone")
    _flags.add_lenient(parser)


def run(args: argparse.Namespace) -> int:
    """Classify."""
    if args.gpu and args.input_file.isdecimal() and not Path(args.input_file).exists():
        raise MinicaffeError(
            f"--gpu takes no number, as in classify.py, and {args.input_file!r} is taken for the "
            f"image: --gpu --device_id {args.input_file}"
        )
    inputs = find_inputs(args.input_file, args.ext)
    output = _output(args.output_file)
    _flags.apply_lenient(args)

    from minicaffe.cli._device import device_for

    args.gpu = str(args.device_id) if args.gpu else None
    device = device_for(args)
    _flags.use_threads(args.threads)
    with _building_on(device):
        classifier = _classifier(args)
    labels = _labels(args.labels, classifier)
    logger.info(f"Classifying {len(inputs.names)} inputs.")
    begun = time.perf_counter()
    with _databases.counting("images", len(inputs.names)) as advance:
        images = _images(inputs, classifier.blobs[classifier.inputs[0]].shape[1], advance)
        scores = classifier.predict(images, oversample=not args.center_only)
    logger.info(f"Done in {time.perf_counter() - begun:.2f} s.")
    if output is None:
        sys.stdout.write("".join(_best(inputs.names, scores, labels)))
        return 0
    logger.info(f"Saving results into {output}")
    _save(output, scores)
    return 0


def _images(inputs: Inputs, channels: int, advance: Callable[[], None]) -> Iterator[HostArray]:
    for index in range(len(inputs.names)):
        yield inputs.load(index, channels != 1)
        advance()


def _classifier(args: argparse.Namespace) -> Classifier:
    from minicaffe.classifier import Classifier, read_mean_file
    from minicaffe.io import as_trained

    own = [name for name in _PREPARING if getattr(args, name) is not None]
    if args.train_def and own:
        raise MinicaffeError(f"--train_def and --{own[0]} are both given, expected one")
    mean = read_mean_file(args.mean_file) if args.mean_file else None
    if mean is not None and mean.ndim == 3:
        mean = mean.mean((1, 2))
    classifier = Classifier(
        args.model_def,
        args.pretrained_model,
        image_dims=args.images_dim,
        mean=mean,
        input_scale=args.input_scale,
        raw_scale=255.0 if args.raw_scale is None else args.raw_scale,
        channel_swap=args.channel_swap or None,
    )
    name = classifier.inputs[0]
    if args.train_def:
        classifier.transformer = as_trained(classifier.transformer.inputs, args.train_def)
    elif args.channel_swap is None and classifier.blobs[name].shape[1] == 3:
        classifier.transformer.set_channel_swap(name, (2, 1, 0))
    return classifier


@contextmanager
def _building_on(device: Device) -> Iterator[None]:
    """Nets of scripts are built on ``device`` inside."""
    from minicaffe.pycaffe import mode

    before = mode.device()
    mode.use(device)
    try:
        yield
    finally:
        mode.use(before)


def _labels(path: str | None, classifier: Classifier) -> Sequence[str]:
    """What each class is called.

    Raises:
        DataError: ``path`` cannot be read, or names more or fewer classes than the net has.
    """
    from math import prod

    classes = prod(classifier.blobs[classifier.outputs[0]].shape[1:])
    if path is None:
        return [f"class {index}" for index in range(classes)]

    from minicaffe.data.listing import read_lines

    names = [text for _, text in read_lines(path, "the name of a class")]
    if len(names) != classes:
        raise DataError(f"names {len(names)} classes, expected {classes}, as the net has", path)
    return names


def _best(names: Sequence[str], scores: HostArray, labels: Sequence[str]) -> Iterator[str]:
    for name, row in zip(names, scores, strict=True):
        yield f"---------- Prediction for {name} ----------\n"
        flat = row.reshape(-1)
        for index in (-flat).argsort(kind="stable")[:BEST]:
            yield f'{flat[index]:.4f} - "{labels[index]}"\n'


def _output(path: str | None) -> Path | None:
    """The file to write, as ``numpy.save`` would call it."""
    if path is None:
        return None
    found = Path(path if path.endswith(".npy") else f"{path}.npy")
    if not found.parent.is_dir() or not os.access(found.parent, os.W_OK):
        raise MinicaffeError(f"cannot write {found}: {found.parent} is no folder to write to")
    return found


def _save(path: Path, scores: HostArray) -> None:
    import numpy as np

    from minicaffe.files import replacing

    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, scores)


def _numbers(count: int | None = None, least: int = 0) -> Callable[[str], list[int]]:
    """For argparse: whole numbers with commas, ``count`` of them, from ``least`` up."""

    def parse(text: str) -> list[int]:
        words = _flags.comma_list(text)
        numbers = [int(word) for word in words if word.isdecimal()]
        if len(numbers) != len(words) or len(numbers) != (count or len(numbers)):
            raise argparse.ArgumentTypeError(f"{text!r}, expected numbers like 256,256")
        if min(numbers, default=least) < least:
            raise argparse.ArgumentTypeError(f"{text!r}, expected numbers from {least} up")
        return numbers

    return parse
