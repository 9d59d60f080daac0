"""One run of a check: a time limit, and the text that the answer prints."""

import contextlib
import io
import signal
import threading
from collections.abc import Iterator

SECONDS = 20  # for one check; right answers take less than one
SECONDS_AFTERWARDS = 2  # for the checks after one that was stopped
LINES = 10  # of the text that an answer prints during one check


class OutOfTimeError(BaseException):
    """The end of a check that takes too long; no Exception, so that the answer does not catch it.

    >>> issubclass(OutOfTimeError, Exception)
    False
    """


@contextlib.contextmanager
def time_limit(seconds: float = SECONDS) -> Iterator[None]:
    """Context manager: raise OutOfTimeError after some seconds.

    There is no limit on a system without SIGALRM (Windows), nor outside of the main thread.

    >>> with time_limit(5):
    ...     print("soon done")
    soon done
    """
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number, frame):
        raise OutOfTimeError(f"no result after {seconds:g} s: look for a loop that does not end")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class FirstLines(io.TextIOBase):
    """Text stream that keeps its first lines and counts the others.

    >>> stream = FirstLines(2)
    >>> _ = stream.write("a\\nb\\nc\\n")
    >>> str(stream)
    'a\\nb\\n(1 more lines printed)\\n'
    """

    def __init__(self, lines: int = LINES):
        self.lines, self.text, self.left_out = lines, "", 0

    def write(self, text: str) -> int:
        """Keep the text up to the last line that is kept."""
        for line in text.splitlines(keepends=True):
            if self.text.count("\n") < self.lines:
                self.text += line
            else:
                self.left_out += line.endswith("\n")
        return len(text)

    def __str__(self):
        more = f"({self.left_out} more lines printed)\n" if self.left_out else ""
        return self.text + more
