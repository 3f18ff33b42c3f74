"""The breakers of a Python service: a candidate that keeps failing at reads is not called to answer them."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from migrator.core.routing import Decision, Route, Routes
from migrator.core.stages import Operation, Stage
from migrator.core.wire import Side
from migrator.sdk.breaker import Admission, Breaker, Breakers

T = TypeVar("T")

LEFT_OUT: Final = Decision(serve=Side.LEGACY, mirror=None, reason="The candidate is left out: it fails")


class Watched:
    """What a process knows of the candidates that it calls. Threads may share it: a count that is lost is no harm."""

    def __init__(self) -> None:
        self._services: dict[str, Breakers] = {}

    @property
    def left_out(self) -> tuple[str, ...]:
        """Keys of the units whose candidate is left out."""
        return tuple(sorted(key for breakers in list(self._services.values()) for key in breakers.left_out))

    def apply(self, routes: Routes) -> None:
        """Forget the units that the candidate does not answer by this table."""
        for breakers in list(self._services.values()):
            breakers.keep(routes.units)

    def choose(self, route: Route, decision: Decision, candidate: Callable[[], T]) -> tuple[Decision, Callable[[], T]]:
        """What to do instead where the candidate is left out, and the candidate as it should be called.

        Writes are never taken from it: whether one was carried out is for its caller to know.
        """
        unit = route.unit
        if decision.serve is Side.LEGACY or unit.operation is Operation.WRITE or unit.stage is Stage.REMOVED:
            return decision, candidate
        breaker = self._services.setdefault(unit.service, Breakers(unit.service)).of(unit)
        admission = breaker.admits(time.monotonic())
        if admission is Admission.STAY:
            return LEFT_OUT, candidate
        if admission is Admission.GO:
            return decision, _watched(breaker, candidate, probe=False)
        # No caller waits to see how the candidate is, where a second call is made anyhow.
        return route.legacy[1] if route.scrutiny else decision, _watched(breaker, candidate, probe=True)


def _watched(breaker: Breaker, candidate: Callable[[], T], *, probe: bool) -> Callable[[], T]:
    def call() -> T:
        began = time.monotonic()
        try:
            value = candidate()
        except Exception as error:
            breaker.failed(time.monotonic(), why=type(error).__name__, probe=probe)
            raise
        now = time.monotonic()
        breaker.succeeded(now, seconds=now - began, probe=probe)
        return value

    return call
