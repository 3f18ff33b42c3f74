"""Between one request and the breaker of its unit: whether the candidate is asked, how long it has, how it did."""

from migrator.core.stages import ALL, Stage
from migrator.core.wire import Side
from migrator.gateway.record import SERVER_ERROR, Record, Reply, failed
from migrator.gateway.steering import Course
from migrator.sdk.breaker import Admission, Breaker
from migrator.sdk.upstream import Failure, Link, Trouble


class Care:
    """For a request that is the candidate's to answer."""

    __slots__ = ("_breaker", "_course", "_doubt", "_record", "_waits", "probe")

    def __init__(self, course: Course, record: Record) -> None:
        self.probe = False
        """The candidate is left out, and this request is to tell whether it is well again."""
        self._course = course
        self._record = record
        self._breaker: Breaker = course.service.breakers.of(record.route.unit)
        self._waits = False
        """The breaker counts this request among those that wait for the candidate."""
        self._doubt: str | None = None
        """What the candidate answered that legacy is asked to answer better."""

    @property
    def legacy_may(self) -> bool:
        """Whether legacy may answer what was the candidate's, as long as that harms nobody.

        A write may only where legacy still takes a share of them: once all are the candidate's, its data
        has moved on. A removed unit has no legacy.
        """
        route = self._record.route
        return route.unit.stage is not Stage.REMOVED and (self._course.repeatable or route.candidate < ALL)

    def choose(self) -> Side:
        """Who is asked for a request that is the candidate's: legacy, where the candidate is left out."""
        if self._breaker.closed or not self.legacy_may:
            return Side.CANDIDATE
        course, record, admission = self._course, self._record, self._breaker.admits(self._now())
        self.probe = admission is Admission.PROBE
        if admission is Admission.STAY:
            self.fall_back("it is left out: it fails or hangs")
            return Side.LEGACY
        if self.probe and course.repeatable and record.route.scrutiny:
            # No caller waits to see how the candidate is: it gets a copy.
            record.decision = course.decision = record.route.legacy[1]
            return Side.LEGACY
        return Side.CANDIDATE

    def fall_back(self, why: str) -> None:
        """Legacy answers in the candidate's place. A mirrored call would only ask it twice."""
        course, record = self._course, self._record
        record.fallback, record.mirrored, record.shed = why, None, None
        record.decision = course.decision = course.decision.alone

    def patience(self, most: float) -> float:
        """How long to wait for the candidate, in seconds: not for long where legacy may answer instead."""
        return self._breaker.patience(most) if self.legacy_may else most

    @property
    def mirror_patience(self) -> float:
        """A probe waits as long as a caller would: else a slow candidate could never come back."""
        service = self._course.service
        least = service.mirror_patience
        return max(least, self._breaker.patience(service.candidate_patience)) if self.probe else least

    # ------------------------------------------------------------------------ what happened

    def began(self, now: float) -> None:
        """The candidate is asked. `ended` follows, or one of those that imply it."""
        self._waits = True
        self._breaker.began(now)

    def ended(self) -> None:
        """Nobody waits for the candidate any longer. Harmless where nobody did."""
        if self._waits:
            self._waits = False
            self._breaker.ended(self._now())

    def promised(self, link: Link, *, since: float) -> None:
        """The candidate says that it will answer. Who can be answered by legacy waits no longer for that."""
        if self._course.repeatable and self.legacy_may:
            link.deadline = since + link.patience

    def answered(self, *, status: int, since: float, link: Link) -> None:
        """The candidate's answer is passed on, whatever it says. `since` is when it was asked."""
        now, patience = self._now(), self._course.service.candidate_patience
        if status < SERVER_ERROR and self._waits and not self.probe:
            self._waits = False
            self._breaker.answered(now, since)
        else:
            self.ended()
            self._note(now, status=status, since=since)
        if link.patience != patience:  # from here on only the time between its parts counts
            link.patience, link.deadline = patience, now + patience

    def _note(self, now: float, *, status: int, since: float) -> None:
        if status < SERVER_ERROR:
            self._breaker.succeeded(now, seconds=now - since, probe=self.probe)
        else:
            self._breaker.failed(now, why=f"it answered {status}", probe=self.probe)

    def doubted(self, why: str) -> None:
        """The candidate's answer is dropped: legacy's will tell whether it was wrong."""
        self.ended()
        self._doubt = why

    def failed(self, failure: Failure) -> None:
        """The candidate gave no answer, or no whole one. That a kept connection was closed says nothing."""
        self.ended()
        if failure.trouble is not Trouble.STALE:
            refused = failure.trouble is Trouble.REFUSED
            self._breaker.failed(self._now(), why=failure.message, refused=refused, probe=self.probe)

    def legacy_answered(self, *, status: int) -> None:
        """Legacy answers in the candidate's place. If it says the same, nothing speaks against the candidate."""
        doubt, self._doubt = self._doubt, None
        if doubt is None:
            return
        if status < SERVER_ERROR:
            self._breaker.failed(self._now(), why=doubt, probe=self.probe)
        else:
            self._record.fallback = None

    def mirrored(self) -> None:
        """The second call has ended."""
        reply = self._record.mirrored
        if reply is None or self._record.shed is not None:
            return
        bad, now = failed(reply), self._now()
        if reply.side is Side.LEGACY:
            if not bad:
                self._breaker.legacy_took(reply.milliseconds / 1_000)
        elif self.probe and bad:
            self._breaker.failed(now, why=reply.error or f"it answered {reply.status}", probe=True)
        elif self.probe:
            self._breaker.succeeded(now, seconds=reply.milliseconds / 1_000, probe=True)

    def _now(self) -> float:
        return self._course.service.candidate.now()


def legacy_took(course: Course, reply: Reply) -> None:
    """Legacy answered a caller of a unit that the candidate answers too: now it is better known how long that takes."""
    route = course.route
    if route is not None and route.candidate and reply.side is Side.LEGACY:
        course.service.breakers.of(route.unit).legacy_took(reply.ended - reply.started)
