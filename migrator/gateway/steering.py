"""Which way a request goes: the routing table of the moment, its services, and what was forced.

A Steering is replaced piece by piece, each piece in one assignment, while requests pass. A request
reads it once, at its beginning, and keeps what it read.
"""

from dataclasses import dataclass
from random import random
from typing import Final

import structlog

from migrator.core.override import Hold
from migrator.core.routing import (
    METHOD_OVERRIDES,
    NO_UNIT,
    SAFE_METHODS,
    Decision,
    Route,
    Routes,
    decide,
    is_repeatable,
)
from migrator.core.stages import ALL, Operation
from migrator.core.wire import Side, Upstreams
from migrator.gateway.faults import told
from migrator.gateway.headers import upgrades
from migrator.gateway.mirror import MirrorCall
from migrator.gateway.subject import ReadSubject, subject_reader
from migrator.sdk.breaker import Breakers
from migrator.sdk.framing import OVERRIDES, RequestHead
from migrator.sdk.upstream import Upstream

DICE: Final = 100_000_000
MOST_LEFT_OUT: Final = 1_000
BOOTSTRAP: Final = "legacy"
"""Name of the service that exists only as `--legacy`."""
log = structlog.get_logger()


@dataclass(slots=True)
class Service:
    """A service's two sides, ready for use. Patience in seconds."""

    name: str
    legacy: Upstream
    candidate: Upstream
    legacy_patience: float
    candidate_patience: float
    mirror_patience: float
    mirror_limit: int
    body_limit: int
    mirrors: set[MirrorCall]
    """Mirrored calls under way. They outlive the table that they were made under."""
    breakers: Breakers

    def side(self, side: Side) -> tuple[Upstream, float]:
        if side is Side.LEGACY:
            return self.legacy, self.legacy_patience
        return self.candidate, self.candidate_patience


@dataclass(slots=True)
class Course:
    """What happens to one request."""

    service: Service
    decision: Decision
    route: Route | None
    """None where no unit matches."""
    method: str
    path: str
    subject: str | None
    repeatable: bool
    """Executing it twice harms nobody, as far as its head tells."""
    asks_body: bool
    """Whether it is repeatable is for its body to say: a GraphQL query is, a mutation is not."""
    upgrades: bool
    """The connection is to become a tunnel: one side, nothing compared."""
    announce: bool


class Steering:
    """The state that requests are steered by. Belongs to one worker."""

    def __init__(self, *, legacy: str | None) -> None:
        """`legacy` is the address to pass everything to while no table has been seen."""
        self.routes: Routes | None = None
        self.hold: Hold | None = None
        """What legacy answers whatever the table says."""
        self.dropped: frozenset[bytes] = frozenset()
        """Lower-case names of the headers that mirrored calls do not carry."""
        self._subject: ReadSubject = lambda head: None
        self._upstreams: dict[str, Upstream] = {}
        self._mirrors: dict[str, set[MirrorCall]] = {}
        self._breakers: dict[str, Breakers] = {}
        self._services: dict[str, Service] = {}
        self._default: Service | None = None
        self._bootstrap = None if legacy is None else Upstreams(name=BOOTSTRAP, legacy_url=legacy, candidate_url=legacy)
        self._arrange(())

    @property
    def mirrors(self) -> list[MirrorCall]:
        """All mirrored calls under way."""
        return [call for calls in self._mirrors.values() for call in calls]

    @property
    def left_out(self) -> tuple[str, ...]:
        """Keys of the units whose candidate is left out because it fails or hangs; the first thousand."""
        keys = [key for breakers in self._breakers.values() for key in breakers.left_out]
        return tuple(sorted(keys)[:MOST_LEFT_OUT]) if keys else ()

    def apply(self, routes: Routes) -> None:
        """Obey another table from the next request on."""
        self._arrange(tuple(routes.services.values()))
        self._subject = subject_reader(routes.manners)
        self.dropped = frozenset(name.lower().encode() for name in routes.manners.candidate_headers_dropped)
        for breakers in self._breakers.values():
            breakers.keep(routes.units)
        self.routes = routes

    def course(self, head: RequestHead) -> Course | None:
        """What happens to a request. None where nobody knows legacy's address.

        A fault of ours in deciding costs no reader an answer: legacy gives it, as before there was a gateway.
        A write is not passed on by guess, because it may be the candidate's by now: the fault is raised.
        """
        try:
            return self._decided(head)
        except Exception as error:
            method = head.method.decode("ascii")
            if method not in SAFE_METHODS:
                raise
            log.error("course.fault", error=told(error))
            return self._passed(head, method, path_of(head.target), safe=False)

    def _decided(self, head: RequestHead) -> Course | None:
        method, path = head.method.decode("ascii"), path_of(head.target)
        overridden = not OVERRIDES.isdisjoint(head.notable)
        routes = self.routes
        route = None if routes is None else routes.match(method=method, path=path)
        service = None if route is None else self._services.get(route.unit.service)
        if routes is None or route is None or service is None:
            return self._passed(head, method, path, safe=method in SAFE_METHODS and not overridden)
        operation = route.unit.operation
        announce = routes.manners.announce_side
        if upgrades(head):
            held = self.hold is not None and self.hold.covers(route.unit)
            alone = (route.candidate_answers if route.candidate == ALL and not held else route.legacy)[0]
            return Course(service, alone, route, method, path, None, False, False, True, announce)
        asks_body = method == "POST" and operation is Operation.READ and not overridden
        repeatable = is_repeatable(method=method, operation=operation, headers=METHOD_OVERRIDES if overridden else ())
        subject = self._subject(head)
        decision = decide(
            route,
            subject,
            int(random() * DICE),
            repeatable=repeatable or asks_body,
            opted_in=head.notable.get(b"x-migrator-shadow") == [b"1"],
            random=routes.anonymous_is_random,
        )
        if self.hold is not None and self.hold.covers(route.unit):
            decision = route.legacy[0]
        return Course(service, decision, route, method, path, subject, repeatable, asks_body, False, announce)

    def _passed(self, head: RequestHead, method: str, path: str, *, safe: bool) -> Course | None:
        service = self._default
        if service is None:
            return None
        announce = self.routes is not None and self.routes.manners.announce_side
        return Course(service, NO_UNIT, None, method, path, None, safe, False, upgrades(head), announce)

    def _arrange(self, services: tuple[Upstreams, ...]) -> None:
        """Make the services ready. Connections and counts of those that stay are kept."""
        ready: dict[str, Service] = {}
        for wired in services:
            try:
                ready[wired.name] = self._service(wired)
            except ValueError as error:  # its units pass to legacy; the rest of the table is obeyed
                log.error("service.refused", service=wired.name, reason=str(error))
        self._default = next(iter(ready.values()), None)
        if self._bootstrap is not None:
            bootstrap = self._service(self._bootstrap)
            self._default = self._default or bootstrap
        self._services = ready
        used = {
            up.url
            for service in (*ready.values(), self._default)
            if service
            for up in (service.legacy, service.candidate)
        }
        for url in self._upstreams.keys() - used:
            self._upstreams.pop(url).close()

    def _service(self, wired: Upstreams) -> Service:
        return Service(
            name=wired.name,
            legacy=self._upstream(wired.legacy_url),
            candidate=self._upstream(wired.candidate_url),
            legacy_patience=wired.legacy_timeout_ms / 1_000,
            candidate_patience=wired.candidate_timeout_ms / 1_000,
            mirror_patience=wired.mirror_timeout_ms / 1_000,
            mirror_limit=wired.mirror_concurrency,
            body_limit=wired.mirror_body_bytes,
            mirrors=self._mirrors.setdefault(wired.name, set()),
            breakers=self._breakers.setdefault(wired.name, Breakers(wired.name)),
        )

    def _upstream(self, url: str) -> Upstream:
        if url not in self._upstreams:
            self._upstreams[url] = Upstream(url)
        return self._upstreams[url]


def path_of(target: bytes) -> str:
    """The path of a request target as sent, without its query: `/a%2Fb` of `/a%2Fb?x=1`."""
    path = target.partition(b"?")[0]
    if not path.startswith(b"/"):  # absolute form: `GET http://host/path`; or `*`
        rest = path.partition(b"://")[2]
        path = b"/" + rest.partition(b"/")[2] if rest else path
    return path.decode("utf-8", "surrogateescape")
