"""From a solver's definition to those of its nets, each with the state it runs in.

After: src/caffe/solver.cpp (InitTrainNet, InitTestNets).
"""

from __future__ import annotations

from collections.abc import Iterator

from minicaffe import glog
from minicaffe.errors import SolverConfigError
from minicaffe.proto.minicaffe_pb2 import (
    TEST,
    TRAIN,
    NetParameter,
    NetState,
    Phase,
    SolverParameter,
)
from minicaffe.proto.text import read_net
from minicaffe.proto.upgrade import upgrade_net
from minicaffe.solvers import check_policy
from minicaffe.solvers.limits import NOT_NEGATIVE, check_ranges

_TRAIN_FIELDS = ("net", "net_param", "train_net", "train_net_param")
_AT_LEAST = {
    "max_iter": 0,
    "iter_size": 1,
    "average_loss": 1,
    "display": 0,
    "snapshot": 0,
    "test_interval": 0,
    "plateau_patience": 1,
    "early_stop_patience": 1,
}
_NOISE = {"gradient_noise": NOT_NEGATIVE, "gradient_noise_decay": NOT_NEGATIVE}


def check_solver(param: SolverParameter) -> None:
    """Refuse what cannot be followed, before anything is built.

    Raises:
        SolverConfigError: says which field, what it is and what it may be.
    """
    given = [name for name in _TRAIN_FIELDS if param.HasField(name)]
    if len(given) != 1:
        found = ", ".join(given) or "none is"
        raise SolverConfigError(
            f"{found} given, expected exactly one of {', '.join(_TRAIN_FIELDS)}: "
            "it says what to train"
        )
    for field, least in _AT_LEAST.items():
        if getattr(param, field) < least:
            raise SolverConfigError(f"{field} is {getattr(param, field)}, expected >= {least}")
    if param.regularization_type not in ("L1", "L2"):
        raise SolverConfigError(
            f"regularization_type is {param.regularization_type!r}, expected L1 or L2"
        )
    check_policy(param)
    check_ranges(param, _NOISE, "it makes the variance of what is added to the gradients")
    _check_tests(param)


def check_resumed(param: SolverParameter, iteration: int, current_step: int) -> None:
    """Warn where multistep goes on from a step that its ``stepvalue`` would not have led to.

    The step is state, as in the original: a ``stepvalue`` that has been changed since does not
    take back a step, and one that has been missed is taken at the next iteration.
    """
    if param.lr_policy != "multistep":
        return
    taken, last = 0, -1
    for value in param.stepvalue:
        last = max(value, last + 1)  # one step an iteration at most
        taken += last < iteration
    if taken != current_step:
        glog.warning(
            "sgd_solver.cpp:305",
            f"current_step of the snapshot is {current_step}, but stepvalue has {taken} before "
            f"iteration {iteration}: has it been changed? The rate goes on from the snapshot's "
            "step, as in Caffe; base_lr can make up for it",
        )


def _check_tests(param: SolverParameter) -> None:
    own = len(param.test_net) + len(param.test_net_param)
    shared = param.HasField("net") or param.HasField("net_param")
    iters = len(param.test_iter)
    if (iters < own) if shared else (iters != own):
        raise SolverConfigError(
            f"test_iter is given {iters} time(s), expected {'at least ' if shared else ''}{own}: "
            "one for each test net"
        )
    if len(param.test_state) not in (0, iters):
        raise SolverConfigError(
            f"test_state is given {len(param.test_state)} time(s), expected none or {iters}: "
            "one for each test net"
        )
    if iters and not param.test_interval:
        raise SolverConfigError(
            "test_interval is 0, expected > 0: there are test nets (set it beyond max_iter to "
            "test at the end alone)"
        )
    for value in param.test_iter:
        if value < 1:
            raise SolverConfigError(f"test_iter is {value}, expected >= 1")


def train_net(param: SolverParameter) -> tuple[NetParameter, NetState]:
    """The definition to train and its state; ``param`` has passed ``check_solver``."""
    if param.HasField("train_net_param"):
        glog.info("solver.cpp:87", "Creating training net specified in train_net_param.")
        net = upgrade_net(param.train_net_param)
    elif param.HasField("net_param"):
        glog.info("solver.cpp:97", "Creating training net specified in net_param.")
        net = upgrade_net(param.net_param)
    else:
        field = "train_net" if param.HasField("train_net") else "net"
        path = getattr(param, field)
        glog.info("solver.cpp:102", f"Creating training net from {field} file: {path}")
        net = read_net(path, phase=TRAIN)
    return net, _state(TRAIN, net, param.train_state)


def weight_files(param: SolverParameter) -> list[str]:
    """The files of weights to start from: each ``weights`` is one, or several with commas."""
    return [path.strip() for each in param.weights for path in each.split(",") if path.strip()]


def test_nets(param: SolverParameter) -> Iterator[tuple[NetParameter, NetState]]:
    """The definitions to test with and their states, one for each ``test_iter``.

    All files are read before the first net, and each net is logged when it is asked for.
    """
    nets = [(upgrade_net(net), "test_net_param") for net in param.test_net_param]
    nets += [(read_net(path, phase=TEST), f"test_net file: {path}") for path in param.test_net]
    while len(nets) < len(param.test_iter):
        if param.HasField("net_param"):
            nets.append((upgrade_net(param.net_param), "net_param"))
        else:
            nets.append((read_net(param.net, phase=TEST), f"net file: {param.net}"))
    for index, (net, source) in enumerate(nets):
        glog.info("solver.cpp:190", f"Creating test net (#{index}) specified by {source}")
        given = param.test_state[index] if param.test_state else NetState()
        yield net, _state(TEST, net, given)


def _state(phase: Phase, net: NetParameter, given: NetState) -> NetState:
    """The phase, overridden by the net's own state, overridden by the solver's."""
    state = NetState(phase=phase)
    state.MergeFrom(net.state)
    state.MergeFrom(given)
    return state
