"""``minicaffe test``: the mean outputs of a trained net.

After: tools/caffe.cpp (test). Difference: the level of the definition's ``state`` stays where
``-level`` is not given.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from minicaffe import glog
from minicaffe.cli import _flags
from minicaffe.errors import MinicaffeError

if TYPE_CHECKING:
    from minicaffe.net import Net


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "test",
        help="score a net with trained weights",
        description="Run a net in the TEST phase, and print each output and its mean.",
        epilog="example: minicaffe test -model net.prototxt -weights net.caffemodel",
    )
    _flags.add_model(parser)
    parser.add_argument("--weights", metavar="FILE", help="the trained .caffemodel")
    _flags.add_state(parser)
    _flags.add_machine(parser)
    _flags.add_precision(parser)


def run(args: argparse.Namespace) -> int:
    """Score."""
    path = _flags.definition(args, "model")
    if not args.weights:
        raise MinicaffeError("test needs trained weights, none are given: -weights F.caffemodel")

    from minicaffe.buffers import share_data
    from minicaffe.cli._device import device_for
    from minicaffe.net import Net, closing
    from minicaffe.proto.files import open_file
    from minicaffe.proto.minicaffe_pb2 import TEST
    from minicaffe.proto.text import read_net
    from minicaffe.weights import load_weights

    definition = read_net(path, phase=TEST)
    definition.state.phase = TEST
    _flags.apply_state(args, definition.state)
    open_file(args.weights).close()  # if it is missing, say so before the net is built
    device = device_for(args, where="caffe.cpp:275")
    _flags.use_threads(args.threads, deterministic=args.deterministic)
    net = Net(definition, definition.state, device)
    with closing(net):
        share_data(net)
        load_weights(net, args.weights)
        _score(net, args.iterations)
    return 0


def _score(net: Net, iterations: int) -> None:
    from minicaffe.average_precision import DetectionScore
    from minicaffe.score import Score

    glog.info("caffe.cpp:281", f"Running for {iterations} iterations.")
    layers = (step.layer for step in net.steps)
    rows = {name for it in layers if it.type == "DetectionEvaluate" for name in it.param.top}
    score = DetectionScore(net) if rows else Score(net)
    for batch in range(iterations):
        score.run_batch()
        for name, value, _ in net.output_values():
            if name not in rows:  # one row a box: they make one number in the end
                glog.info("caffe.cpp:304", f"Batch {batch}, {name} = {glog.number(value)}")
    glog.info("caffe.cpp:309", f"Loss: {glog.number(score.loss)}")
    for output in score.elements():
        glog.info("caffe.cpp:321", glog.output(*output))
