"""The lines that a training loop logs of itself.

After: src/caffe/solver.cpp (Step, Test). Difference: the speed shown first is 0, where the
original shows what was in memory.
"""

from __future__ import annotations

import time

from minicaffe import glog
from minicaffe.net import Net
from minicaffe.score import Score


class Display:
    """Speed, loss and outputs of training, and when they were shown last.

    Attributes:
        interval: iterations between two displays, 0 for none.
    """

    def __init__(self, interval: int) -> None:
        self.interval = interval
        self.restart(0)

    def restart(self, iteration: int) -> None:
        """Measure the speed from now and from ``iteration`` on."""
        self._time, self._iteration = time.perf_counter(), iteration

    def is_due(self, iteration: int) -> bool:
        """``iteration`` is one that shows."""
        return bool(self.interval) and iteration % self.interval == 0

    def show(self, iteration: int, loss: float, net: Net) -> None:
        """Log ``loss`` and the outputs of ``net``, as the passes of ``iteration`` left them."""
        done, seconds = iteration - self._iteration, time.perf_counter() - self._time
        rate = glog.number(done / seconds if seconds else 0.0)
        glog.info(
            "solver.cpp:239",
            f"Iteration {iteration} ({rate} iter/s, {glog.number(seconds if done else 0.0)}s/"
            f"{self.interval} iters), loss = {glog.number(loss)}",
        )
        for index, output in enumerate(net.output_values()):
            glog.info("solver.cpp:258", f"    Train net output #{index}: {glog.output(*output)}")
        self.restart(iteration)


def test_result(score: Score, *, with_loss: bool) -> None:
    """Log the means of a test, its loss too where ``with_loss``."""
    if with_loss:
        glog.info("solver.cpp:397", f"Test loss: {glog.number(score.loss)}")
    score.log_details()
    for number, output in enumerate(score.elements()):
        glog.info("solver.cpp:414", f"    Test net output #{number}: {glog.output(*output)}")
