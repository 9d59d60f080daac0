"""The time limit of a check, and the text that an answer prints."""

import signal
import threading

import pytest

from scratchnet.exercises.running import FirstLines, OutOfTimeError, time_limit


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="a limit needs SIGALRM")
def test_a_loop_that_does_not_end_is_stopped():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(OutOfTimeError, match="no result after 0.1 s"), time_limit(0.1):
        while True:
            try:
                signal.getitimer(signal.ITIMER_REAL)
            except Exception:
                continue
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_there_is_no_limit_in_another_thread():
    done = []

    def work():
        with time_limit():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


def test_only_the_first_lines_are_kept():
    stream = FirstLines(2)
    for number in range(5):
        print(number, file=stream)
    assert str(stream) == "0\n1\n(3 more lines printed)\n"
