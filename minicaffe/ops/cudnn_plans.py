"""Which of cuDNN's plans computes a convolution: the fastest on this very card.

They are timed on the arrays of the first step that meets a problem, by events, and the choice is
kept on disk (``choice``). ``MINICAFFE_DETERMINISTIC=1`` takes what cuDNN's heuristics put first;
so does a problem that is met while a stream is captured, when nothing can be timed.

A ReLU that makes 0 of NaN would hide that a net has diverged. cuDNN's did for long, its versions
say nothing of it, and its frontend has no switch. Comparing and selecting instead would say what is
meant, but has no plan for float32 in our order of axes, nor has a ReLU without a bias (cuDNN 9.28).
So a plan with a ReLU runs only where it has been seen to keep NaN and the infinities. Of -0 it may
make 0.
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
        is_sure: it is known to keep NaN.
    """

    plan: Plan
    workspace: int
    bias: bool
    relu: bool
    is_sure: bool

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


def chosen(problem: Problem) -> str:
    """The name of the plan that computes ``problem`` here; "" before it has been chosen."""
    key = _key(problem)
    if key in _chosen:
        return f"cuDNN {next(iter(_bodies[key]))}"
    name = _choices().known(_work(key), "")
    return f"cuDNN {name}" if name else ""


def run(problem: Problem, arrays: Arrays) -> None:
    """Compute ``problem``, which cuDNN can."""
    import cupy

    key = _key(problem)
    bodies = _known(key)
    if key not in _chosen and not cupy.cuda.get_current_stream().is_capturing():
        right = {name: body for name, body in bodies.items() if body.is_sure or keeps(body, arrays)}
        name = _choose(_work(key), right, arrays)
        bodies = _bodies[key] = {name: right[name]._replace(is_sure=True)}  # the others are let go
        _chosen.add(key)
    next(body for body in bodies.values() if body.is_sure).run(arrays)


def keeps(body: Body, arrays: Arrays) -> bool:
    """Whether NaN and infinity come out of ``body`` where its bias is that; overwrites the result.

    What there is of NaN in the other arrays may come out too.
    """
    import cupy

    bias, result = cupy.empty_like(arrays.bias), arrays.result
    for value, expected in ((float("nan"),) * 2, (float("inf"),) * 2, (float("-inf"), 0.0)):
        bias.fill(value)
        result.fill(1)
        try:
            body.run(arrays._replace(bias=bias))
        except (RuntimeError, MemoryError):
            return False
        if not bool(((result == expected) | cupy.isnan(result)).all()):
            return False
    return True


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
                return {name: body._replace(is_sure=True)}  # it was, when it was chosen
    found: dict[str, Body] = {}
    counts: Counter[Problem] = Counter()
    for name, part, plan in _candidates(problem):
        body = _built(problem, part, plan) if counts[part] < _MOST else None
        if body is not None:
            found[name] = body
            counts[part] += 1
            if is_deterministic and body.is_sure:
                break
    return found if any(body.is_sure for body in found.values()) else {}


def _candidates(problem: Problem) -> Iterator[tuple[str, Problem, Plan]]:
    """Plans that do as much as they may, then those of the convolution alone; with what they do."""
    cudnn = library()
    whole = problem._replace(relu=problem.relu and problem.bias)
    alone = problem._replace(bias=False, relu=False)
    for part in dict.fromkeys((whole, whole._replace(relu=False), alone)):
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
    left = problem.bias > part.bias, problem.relu > part.relu
    return Body(plan, workspace, *left, is_sure=not part.relu)


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
