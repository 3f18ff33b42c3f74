"""Leaves out a candidate that keeps failing, before anybody decides to roll back."""

from typing import Final

import structlog

FAILURES: Final = 5
"""In a row."""
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Seconds until the candidate is tried again, with one request."""

log = structlog.get_logger()


class Breaker:
    """One service's candidate, as this process has met it when it should have answered callers."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._closed_until: float | None = None

    @property
    def leaves_out(self) -> bool:
        """Whether the candidate is being left out."""
        return self._closed_until is not None

    def admits(self, now: float) -> bool:
        """Whether a request may go to the candidate. After a pause one may, to see how it is."""
        if self._closed_until is None:
            return True
        if now < self._closed_until:
            return False
        self._closed_until = now + self._pause
        return True

    def succeeded(self) -> None:
        if self._closed_until is not None:
            log.warning("candidate.is_back", service=self._service)
        self._failures, self._pause, self._closed_until = 0, FIRST_PAUSE, None

    def failed(self, now: float) -> None:
        self._failures += 1
        if self._failures < FAILURES:
            return
        if self._closed_until is None:
            log.error("candidate.left_out", service=self._service, failures=self._failures)
        else:
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
        self._closed_until = now + self._pause
