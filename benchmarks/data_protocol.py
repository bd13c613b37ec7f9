"""What both sides of data.py do: take a job, then make batches on command; needs no packages."""

from __future__ import annotations

import json
import sys
import time

READY = 10  # batches, more than any side has ready when it has been idle
REST = 0.6  # s after a turn: the queues fill, and then the threads and processes sleep


def serve(prepare):
    """Answer a job and then each number of batches, on stdin, with a line of JSON on stdout.

    Args:
        prepare: takes the job and returns the function that takes the next batch, which returns
            its data and its labels.
    """
    take = prepare(json.loads(sys.stdin.readline()))
    data, labels = take()
    first = {"mean": float(data.mean()), "labels": [int(label) for label in labels]}
    print(json.dumps({"first": first}), flush=True)
    for line in sys.stdin:
        for _ in range(READY):
            take()
        before = time.perf_counter()
        for _ in range(int(line)):
            take()
        seconds = time.perf_counter() - before
        time.sleep(REST)
        print(json.dumps({"seconds": seconds}), flush=True)
