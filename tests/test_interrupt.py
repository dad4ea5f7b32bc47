"""SIGINT and SIGTERM: a whole step is finished, a long one is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from multiprocessing.connection import Connection

import pytest

from imbseg import interrupt

FORK = multiprocessing.get_context("fork")


@pytest.mark.parametrize("number", interrupt.SIGNALS)
def test_a_signal_waits_for_what_is_whole(number: int) -> None:
    done: list[str] = []
    before = [signal.getsignal(one) for one in interrupt.SIGNALS]
    with pytest.raises(KeyboardInterrupt), interrupt.leaving(lambda: done.append("late")):  # noqa: PT012
        with interrupt.whole():
            with interrupt.whole():
                os.kill(os.getpid(), number)
                done.append("inner")
            os.kill(os.getpid(), number)  # impatience changes nothing
            done.append("outer")
        done.append("beyond")
    assert done == ["inner", "outer"]
    assert [signal.getsignal(one) for one in interrupt.SIGNALS] == before
    assert not interrupt.asked()


def test_outside_of_it_a_signal_is_raised_at_once_and_once() -> None:
    done: list[str] = []
    with interrupt.leaving(lambda: None):
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        with interrupt.whole():  # what is written after it isn't disturbed
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("written")
        assert interrupt.asked()
    assert done == ["written"]


def test_an_error_inside_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="mine"), interrupt.leaving(lambda: None), interrupt.whole():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGTERM)
        raise ValueError("mine")


def hang(tell: Connection) -> None:
    interrupt.PATIENCE_S = 0.0
    with interrupt.leaving(lambda: tell.send("late")), interrupt.whole():
        tell.send("here")
        threading.Event().wait()


def test_what_takes_too_long_is_left_with_last_words() -> None:
    hear, tell = FORK.Pipe(duplex=False)
    process = FORK.Process(target=hang, args=(tell,))
    process.start()
    assert hear.recv() == "here"
    os.kill(process.pid or 0, signal.SIGTERM)
    assert hear.recv() == "late"
    process.join()
    assert process.exitcode == interrupt.STATUS


def test_in_another_thread_nothing_is_changed() -> None:
    before = signal.getsignal(signal.SIGTERM)
    found: list[object] = []

    def run() -> None:
        with interrupt.leaving(lambda: None):
            found.append(signal.getsignal(signal.SIGTERM))

    one = threading.Thread(target=run)
    one.start()
    one.join()
    assert found == [before]


def test_a_report_that_no_manager_hears_any_more_stops_the_trial(capsys: pytest.CaptureFixture[str]) -> None:
    from train_nni import heard

    reported: list[dict[str, float]] = []
    heard(reported.append)({"default": 0.5})
    assert (reported, capsys.readouterr().out) == ([{"default": 0.5}], "")

    def refused(_: dict[str, float]) -> None:
        raise ConnectionRefusedError("no manager")

    with pytest.raises(KeyboardInterrupt):
        heard(refused)({"default": 0.5})
    assert capsys.readouterr().out.startswith("NNI's manager doesn't answer any more: the trial stops here")


def test_ctrl_c_while_processes_start_is_answered_after_and_never_reaches_them() -> None:
    done: list[str] = []
    script = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('went on')"
    with pytest.raises(KeyboardInterrupt), interrupt.deaf_children():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        done.append(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)
    assert done == ["went on\n"]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
