"""An end to what may never end: a suite's regular expression, or its FHIRPath, on an answer that nobody foresaw."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SECONDS = 10.0  # for one expression


class TookTooLong(ValueError):
    """It was given up; the text says after how long."""


class _TimeIsUp(BaseException):  # no `except Exception` of whoever is at work may take it for its own
    pass


def _give_up(_number: int, _frame: FrameType | None) -> None:
    raise _TimeIsUp


@contextmanager
def within_reason() -> Iterator[None]:
    """Raises TookTooLong when what is inside takes longer than SECONDS.

    By the alarm of the process, which ends a search of `re` in its middle too, and is there on POSIX and in the main
    thread: where the command runs. Elsewhere there is no limit. It does not nest.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _give_up)
    try:
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _TimeIsUp:
        raise TookTooLong(f"it took longer than {SECONDS:g} seconds and was given up") from None
    finally:
        signal.signal(signal.SIGALRM, before)
