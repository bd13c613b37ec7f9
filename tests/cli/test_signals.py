from __future__ import annotations

import os
import signal
import threading

import pytest

from minicaffe.cli._signals import SignalRequests
from minicaffe.solver import Action


def send(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)


def test_nothing_asked():
    with SignalRequests() as requests:
        assert requests.poll() is Action.NONE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_is_asked_for_until_the_end(number, caplog):
    caplog.set_level("INFO", "minicaffe")
    with SignalRequests() as requests:
        send(number)
        assert [requests.poll(), requests.poll()] == [Action.STOP, Action.STOP]
    assert len(caplog.records) == 1
    assert f"{number.name}: stopping after this iteration" in caplog.text


def test_a_snapshot_is_asked_for_once():
    with SignalRequests() as requests:
        send(signal.SIGHUP)
        assert [requests.poll(), requests.poll()] == [Action.SNAPSHOT, Action.NONE]


def test_stop_comes_before_a_snapshot():
    with SignalRequests() as requests:
        send(signal.SIGHUP, signal.SIGINT)
        assert requests.poll() is Action.STOP


@pytest.mark.parametrize(
    ("effect", "action"),
    [("stop", Action.STOP), ("snapshot", Action.SNAPSHOT), ("none", Action.NONE)],
)
def test_effects(effect, action):
    with SignalRequests(sigint=effect) as requests:
        send(signal.SIGINT)
        assert requests.poll() is action
    with SignalRequests(sighup=effect) as requests:
        send(signal.SIGHUP)
        assert requests.poll() is action


def test_a_second_interrupt_ends_at_once():
    with pytest.raises(KeyboardInterrupt), SignalRequests():
        send(signal.SIGINT, signal.SIGINT)


def test_a_second_termination_ends_at_once():
    with pytest.raises(SystemExit) as exit_info, SignalRequests():
        send(signal.SIGINT, signal.SIGTERM)
    assert exit_info.value.code == 143


def test_signals_that_mean_no_stop_may_come_often():
    with SignalRequests(sigint="snapshot") as requests:
        send(signal.SIGINT, signal.SIGINT)
        assert requests.poll() is Action.SNAPSHOT


def test_handlers_are_put_back_after_an_error():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with pytest.raises(ZeroDivisionError), SignalRequests():
        1 / sum(signal.getsignal(number) in before for number in numbers)
    assert [signal.getsignal(number) for number in numbers] == before


def test_in_another_thread_there_are_no_handlers():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work():
        with SignalRequests() as requests:
            seen.extend([requests.poll(), signal.getsignal(signal.SIGINT)])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [Action.NONE, before]
