"""Signals as requests to the training loop.

After: src/caffe/util/signal_handler.cpp. Differences: SIGTERM, with which batch systems and
containers announce their end, stops as SIGINT does by default, and a second request to stop
ends at once, for the run whose iteration does not come to an end.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from minicaffe import glog
from minicaffe.solver import Action

EFFECTS = {"stop": Action.STOP, "snapshot": Action.SNAPSHOT, "none": Action.NONE}


class SignalRequests:
    """While entered, signals set flags, and ``poll`` says what they ask for.

    A second signal that asks to stop raises: ``KeyboardInterrupt`` for SIGINT, ``SystemExit``
    with 128 and its number otherwise. Snapshots are renamed into place when they are whole, so
    that none is left half written.

    Attributes:
        stopping: name of the signal that asked to stop, or "".
    """

    def __init__(self, *, sigint: str = "stop", sighup: str = "snapshot") -> None:
        """Take the effects, ``stop``, ``snapshot`` or ``none``, of SIGINT and of SIGHUP."""
        self._actions = {signal.SIGINT: EFFECTS[sigint], signal.SIGTERM: Action.STOP}
        if hasattr(signal, "SIGHUP"):  # Windows has none
            self._actions[signal.SIGHUP] = EFFECTS[sighup]
        self._before: dict[signal.Signals, Any] = {}
        self._snapshot = self._announced = False
        self.stopping = ""

    def __enter__(self) -> SignalRequests:
        """Install the handlers; in a thread other than the main one there are none to have."""
        if threading.current_thread() is threading.main_thread():
            for number in self._actions:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        """Put back what was there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def poll(self) -> Action:
        """What has been asked for: a snapshot once, to stop from then on."""
        if self.stopping:
            if not self._announced:
                again = "Ctrl-C" if self.stopping == "SIGINT" else self.stopping
                glog.info(
                    "signal_handler.cpp:36",
                    f"{self.stopping}: stopping after this iteration; {again} once more ends at "
                    "once, without a snapshot",
                )
                self._announced = True
            return Action.STOP
        if self._snapshot:
            self._snapshot = False
            return Action.SNAPSHOT
        return Action.NONE

    def _handle(self, number: int, frame: FrameType | None) -> None:
        action = self._actions[signal.Signals(number)]
        if action is Action.SNAPSHOT:
            self._snapshot = True
        elif action is Action.STOP:
            if self.stopping:
                raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
            self.stopping = signal.Signals(number).name
