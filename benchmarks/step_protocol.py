"""What both workers of step_time.py do: take a job, then step on command; needs no packages."""

from __future__ import annotations

import json
import resource
import sys
import time


def serve(prepare, version):
    """Answer a job and then each number of steps, on stdin, with a line of JSON on stdout.

    Args:
        prepare: takes the job and returns the function that does one step and returns its loss,
            None where there is none.
        version: name and version of the framework.
    """
    step = prepare(json.loads(sys.stdin.readline()))
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        seconds, loss = [], None
        for _ in range(int(line)):
            before = time.perf_counter()
            loss = step()
            seconds.append(time.perf_counter() - before)
        answer = {
            "seconds": seconds,
            "loss": None if loss is None else float(loss),
            "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }
        print(json.dumps(answer), flush=True)
