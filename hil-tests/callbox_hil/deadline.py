"""Waiting on a condition, with an end. The suite never sleeps for a guessed time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Deadline:
    """A point in time by which something must have happened."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())

    @property
    def over(self) -> bool:
        return self.left() == 0.0


def poll(question: Callable[[], T | None], within: float, what: str) -> T:
    """Asks again and again, for conditions that only another process can tell, until the answer is true."""
    deadline = Deadline(within)
    pause = threading.Event()
    while True:
        answer = question()
        if answer:
            return answer
        if deadline.over:
            raise AssertionError(f"not within {within} s: {what}")
        pause.wait(0.02)
