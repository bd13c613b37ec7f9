"""What all workers of gpu_step_time.py do: take a job, then step on command."""

from __future__ import annotations

import json
import resource
import sys
import time
from contextlib import suppress


class WallClock:
    """In place of a device's events, where a rehearsal runs on the CPU."""

    def begin(self):
        """From now on."""
        self._start = time.perf_counter()

    def end(self):
        """Seconds up to now."""
        return time.perf_counter() - self._start

    def peak(self):
        """Bytes: in use, and taken from the system."""
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return used, used


def serve(prepare):
    """Answer a job and then each number of steps, on stdin, with a line of JSON on stdout.

    Args:
        prepare: takes the job and returns the version, a function that does one step and returns
            its loss, which nobody waits for, and a clock.
    """
    out, sys.stdout = sys.stdout, sys.stderr  # what libraries print is not for the driver

    def answer(**found):
        out.write(json.dumps(found) + "\n")
        out.flush()

    version, step, clock = prepare(json.loads(sys.stdin.readline()))
    answer(version=version)
    for line in sys.stdin:
        steps, loss = int(line), None
        clock.begin()
        for _ in range(steps):
            loss = step()
        seconds = clock.end() / steps
        with suppress(TypeError):  # None, where there is none
            loss = float(loss)
        used, taken = clock.peak()
        answer(seconds=[seconds], loss=loss, used=used, taken=taken)
