"""Ctrl-C waits for the end of a block."""

from __future__ import annotations

import signal
import threading

import pytest

from minicaffe.pycaffe import interrupts


@pytest.fixture(autouse=True)
def _python_handles_ctrl_c():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not interrupts.asked()
    signal.signal(signal.SIGINT, before)


def press():
    signal.raise_signal(signal.SIGINT)


def test_it_waits():
    done = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012  # what comes before it is the point
        with interrupts.deferred():
            assert not interrupts.asked()
            press()
            assert interrupts.asked()
            done.append("all")
        done.append("never")
    assert done == ["all"]


def test_the_second_does_not():
    done = []

    def work():
        press()
        press()
        done.append("never")

    with pytest.raises(KeyboardInterrupt), interrupts.deferred():
        work()
    assert done == []


def test_a_block_in_a_block():
    done = []

    def work():
        try:
            with interrupts.deferred():
                press()
                done.append("inner")
        except KeyboardInterrupt:
            assert interrupts.asked()
            done.append("outer")

    with pytest.raises(KeyboardInterrupt), interrupts.deferred():
        work()
    assert done == ["inner", "outer"]


def test_an_error_in_the_block_comes_first():
    def work():
        press()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), interrupts.deferred():
        work()


def test_afterwards_it_is_pythons_again():
    with interrupts.deferred():
        pass
    with pytest.raises(KeyboardInterrupt):
        press()


def test_a_handler_of_the_programs_own():
    caught = []
    signal.signal(signal.SIGINT, lambda *_: caught.append(interrupts.asked()))
    with interrupts.deferred():
        press()
    assert caught == [False]
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_thread_is_not_told():
    seen = []

    def work():
        with interrupts.deferred():
            seen.append(interrupts.asked())

    def run():
        with interrupts.deferred():
            press()
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

    with pytest.raises(KeyboardInterrupt):
        run()
    assert seen == [False]
