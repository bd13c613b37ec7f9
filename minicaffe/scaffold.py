"""Build what a solver trains: its nets, with the weights that they start from.

After: src/caffe/solver.cpp (InitTrainNet, InitTestNets). Difference: test nets use the
parameters of the net in training from the start, not from the first test on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from minicaffe import glog
from minicaffe.definitions import test_nets, train_net, weight_files
from minicaffe.device import Device
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.watch import Watcher, watchers
from minicaffe.weights import Copied, load_weights


@dataclass
class Scaffold:
    """A solver's nets.

    Attributes:
        net: the one in training.
        test_nets: those that are tested; they use its parameters.
        copied: file of weights to what ``net`` got from it.
        watchers: callbacks that the definition asks for.
    """

    net: Net
    test_nets: list[Net] = field(default_factory=list)
    copied: dict[str, Copied] = field(default_factory=dict)
    watchers: list[Watcher] = field(default_factory=list)

    def start_from(self, path: str | Path) -> Copied:
        """Copy the parameters in ``path`` into the nets' layers of the same names.

        A test net gets those of the layers that it alone has.
        """
        glog.info("caffe.cpp:128", f"Finetuning from {path}")
        self.copied[str(path)] = load_weights(self.net, path)
        for net in self.test_nets:
            load_weights(net, path, tell=False)
        return self.copied[str(path)]

    def close(self) -> None:
        """Stop the threads and release the files of all nets."""
        for net in (self.net, *self.test_nets):
            net.close()


def build(param: SolverParameter, device: Device) -> Scaffold:
    """The nets of ``param``, which has passed ``check_solver``; none is left after an error."""
    result = Scaffold(Net(*train_net(param), device))
    files = weight_files(param)
    try:
        for path in files:
            result.start_from(path)
        for definition, state in test_nets(param):
            net = Net(definition, state, device)
            result.test_nets.append(net)
            for path in files:
                load_weights(net, path, tell=False)
            net.share_weights(result.net)
        result.watchers = watchers(param, result.test_nets)
    except BaseException:
        result.close()
        raise
    return result
