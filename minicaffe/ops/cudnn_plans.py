"""Which of cuDNN's plans computes a convolution: the fastest on this very card.

They are timed on the arrays of the first step that meets a problem, by events, and the choice is
kept on disk (``choice``). ``MINICAFFE_DETERMINISTIC=1`` takes what cuDNN's heuristics put first;
so does a problem that is met while a stream is captured, when nothing can be timed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from minicaffe.device import Array
from minicaffe.ops import choice
from minicaffe.ops.bias_cuda import finish
from minicaffe.ops.choice import Choices
from minicaffe.ops.cudnn import described, handle, library
from minicaffe.ops.cudnn_graph import BIAS, FIRST, RESULT, SECOND, Plan, Problem, plans

# cuDNN's ReLU is known to make 0 of NaN, which would hide that a net has diverged, and the frontend
# has no switch for it. test_nan_passes_cudnns_relu_on_a_gpu tells whether a card's plans still do.
FUSES_RELU = False
_MOST = 8  # plans of a graph that are timed
_TURNS = 3
_SHORTEST = 1e-3  # seconds that a turn should take, so that events can measure it


class Arrays(NamedTuple):
    """What a problem is computed from, and into."""

    first: Array
    second: Array
    result: Array
    bias: Array | None = None

    @property
    def addresses(self) -> dict[int, int]:
        """Where they lie, by their number in a graph."""
        named = {FIRST: self.first, SECOND: self.second, RESULT: self.result, BIAS: self.bias}
        return {uid: int(array.data.ptr) for uid, array in named.items() if array is not None}


class Body(NamedTuple):
    """A plan that is built, and what is left to do after it.

    Attributes:
        plan: of cuDNN's.
        workspace: bytes that it needs.
        bias, relu: whether they come after it.
    """

    plan: Plan
    workspace: int
    bias: bool
    relu: bool

    def run(self, arrays: Arrays) -> None:
        """Compute, on the current stream."""
        import cupy

        room = cupy.cuda.alloc(self.workspace)
        given = arrays._replace(bias=None) if self.bias else arrays
        self.plan.run(given.addresses, int(room.ptr), handle(library()))
        finish(arrays.result, arrays.bias if self.bias else None, self.relu)


Key = tuple[int, bool, Problem]  # device, deterministic, problem
_bodies: dict[Key, dict[str, Body]] = {}  # best first by cuDNN's judgement, or what was chosen
_chosen: set[Key] = set()


def can(problem: Problem) -> bool:
    """Whether cuDNN has a plan for ``problem`` on the current device."""
    return bool(_known(_key(problem)))


def run(problem: Problem, arrays: Arrays) -> None:
    """Compute ``problem``, which cuDNN can."""
    import cupy

    key = _key(problem)
    bodies = _known(key)
    if key not in _chosen and not cupy.cuda.get_current_stream().is_capturing():
        name = _choose(_work(key), bodies, arrays)
        bodies = _bodies[key] = {name: bodies[name]}  # the others are let go
        _chosen.add(key)
    next(iter(bodies.values())).run(arrays)


def _key(problem: Problem) -> Key:
    import cupy

    return int(cupy.cuda.runtime.getDevice()), choice.is_deterministic(), problem


def _known(key: Key) -> dict[str, Body]:
    if key not in _bodies:
        _bodies[key] = _find(key)
    return _bodies[key]


def _work(key: Key) -> str:
    device, _, problem = key
    words = " ".join(f"{name} {value}" for name, value in problem._asdict().items())
    return f"{words}, {described(library(), device)}"


def _find(key: Key) -> dict[str, Body]:
    """What can compute the problem: all that is to be timed, or the one that is chosen already."""
    _, is_deterministic, problem = key
    wanted = _choices().known(_work(key), "")
    if wanted:
        for name, part, plan in _candidates(problem):
            body = _built(problem, part, plan) if name == wanted else None
            if body is not None:
                return {name: body}
    found: dict[str, Body] = {}
    counts: Counter[Problem] = Counter()
    for name, part, plan in _candidates(problem):
        body = _built(problem, part, plan) if counts[part] < _MOST else None
        if body is not None:
            found[name] = body
            counts[part] += 1
            if is_deterministic:
                break
    return found


def _candidates(problem: Problem) -> Iterator[tuple[str, Problem, Plan]]:
    """Plans that do as much as they may, then those of the convolution alone; with what they do."""
    cudnn = library()
    alone = problem._replace(bias=False, relu=False)
    for part in dict.fromkeys((problem._replace(relu=problem.relu and FUSES_RELU), alone)):
        more = ", bias" * part.bias + ", ReLU" * part.relu
        for name, plan in plans(cudnn, part, handle=handle(cudnn)):
            yield f"{name}{more}", part, plan


def _built(problem: Problem, part: Problem, plan: Plan) -> Body | None:
    """None if it cannot be had, or needs too much workspace."""
    cudnn: Any = library()
    try:
        workspace = plan.build()
    except (cudnn.cudnnGraphNotSupportedError, RuntimeError):
        return None
    if workspace > problem.workspace:
        return None
    return Body(plan, workspace, problem.bias > part.bias, problem.relu > part.relu)


def _choose(work: str, bodies: Mapping[str, Body], arrays: Arrays) -> str:
    """The name of the body to run from now on."""

    def trial(body: Body) -> Callable[[], None]:
        return lambda: body.run(arrays)

    return _choices().choose(work, {name: trial(bodies[name]) for name in bodies}, fastest)


def fastest(bodies: choice.Bodies) -> str:
    """The name of the body that takes the device the least time, each at its best of some turns.

    One that fails, for want of memory say, is out.
    """
    import cupy

    best = dict.fromkeys(bodies, float("inf"))
    for name, body in bodies.items():
        try:
            body()
            turns = max(1, min(50, int(_SHORTEST / max(_seconds(body, 1), 1e-6))))
            best[name] = min(_seconds(body, turns) for _ in range(_TURNS))
        except (RuntimeError, MemoryError):
            continue
    cupy.get_default_memory_pool().free_all_blocks()  # of workspaces that are not needed again
    return min(best, key=lambda name: best[name])


def _seconds(body: Callable[[], None], turns: int) -> float:
    import cupy

    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    start.record()
    for _ in range(turns):
        body()
    end.record()
    end.synchronize()
    return float(cupy.cuda.get_elapsed_time(start, end)) / 1000 / turns


@cache
def _choices() -> Choices:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "minicaffe")
    with suppress(OSError):  # a table that cannot be written is kept in memory
        folder.mkdir(parents=True, exist_ok=True)
    return Choices(folder / "cudnn_plans.json")
