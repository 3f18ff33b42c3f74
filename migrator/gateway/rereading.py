"""Was it a race? A mismatch of a read is looked into before it counts.

1. Where both answers name the version of their data, that decides at once.
2. What was confirmed several times of late at the same places needs no further proof.
3. Otherwise both sides are read again, after pauses that grow. If they agree, the pair proves nothing: its data
   moved, or the candidate was behind. If the same places differ each time, the mismatch is confirmed.

Reading again is load that nobody asked for: it has a budget of its own, and where that is spent the mismatch
counts as it is, unconfirmed. Writes are never read again. Whatever happens, each pair ends as one outcome, in
the window of its own request.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from migrator.core.paths import STATUS
from migrator.core.walk import Kind
from migrator.core.wire import Manners, Outcome, Proof, Side
from migrator.gateway.allowance import Allowance
from migrator.gateway.comparing import Compared, Comparing
from migrator.gateway.drift import Drift
from migrator.gateway.fingerprint import fingerprint
from migrator.gateway.record import Record, failed, sides

WAITING: Final = 64
"""Pairs that are being looked into at a time."""
HELD_BYTES: Final = 33_554_432
"""Of their answers."""
NEEDED: Final = 3
"""Confirmations of one place after which it is known."""
FRESH_SECONDS: Final = 600.0
"""How long it stays known after the last."""
UNITS_KEPT: Final = 10_000

ACQUITTED: Final = frozenset({Proof.MOVED, Proof.LAGGED, Proof.OTHER_VERSION})
"""What makes a mismatch incomparable."""
AGREES: Final = frozenset({Outcome.MATCH, Outcome.ACCEPTED})

Shapes = tuple[tuple[str, Kind], ...]
Ended = Callable[[Record, Compared, Proof], None]


class Known:
    """Places of units at which mismatches were confirmed of late."""

    def __init__(self) -> None:
        self._units: dict[tuple[int, int], dict[tuple[str, str], tuple[int, float]]] = {}

    def confirm(self, record: Record, shapes: Shapes, now: float) -> None:
        if len(self._units) >= UNITS_KEPT:
            self._units.clear()
        places = self._units.setdefault(_epoch(record), {})
        for place in shapes:
            count, last = places.get(place, (0, now))
            places[place] = (count + 1 if now - last < FRESH_SECONDS else 1, now)

    def holds(self, record: Record, shapes: Shapes, now: float) -> bool:
        """Whether all of them are known."""
        places = self._units.get(_epoch(record))
        if places is None:
            return False
        found = [places.get(place, (0, 0.0)) for place in shapes]
        return all(count >= NEEDED and now - last < FRESH_SECONDS for count, last in found)


@dataclass(slots=True, eq=False)
class Doubt:
    """A mismatch that is being looked into."""

    record: Record
    compared: Compared
    pauses: list[float]
    """Seconds before each of the readings that are left."""
    size: int
    stayed: Shapes
    """The places that differed each time so far."""
    read: bool = False
    """A reading has said something."""
    timer: asyncio.TimerHandle | None = None


class Rereading:
    """Belongs to one worker's loop."""

    def __init__(self, *, comparing: Comparing, drift: Drift, ended: Ended) -> None:
        """`ended` is told what became of each mismatch that was taken on, with the places that stayed."""
        self._loop = asyncio.get_running_loop()
        self._comparing = comparing
        self._drift = drift
        self._ended = ended
        self._known = Known()
        self._doubts: set[Doubt] = set()
        self._held = 0
        self._closed = False
        self._terms: tuple[int, float, int] | None = None
        self.apply(Manners())

    def apply(self, manners: Manners) -> None:
        """Look into mismatches as another table has it. What is under way goes on."""
        self._pauses = [pause / 1_000 for pause in manners.rereads_after_ms]
        self._fingerprint = fingerprint(manners.fingerprint)
        share, per_second, most = manners.reread_share, manners.rereads_per_second, len(self._pauses)
        if self._terms != (share, per_second, most):  # what was earned stays with the terms
            self._terms = (share, per_second, most)
            self._allowance = Allowance(share=share, per_second=per_second, most=most)

    @property
    def waiting(self) -> int:
        """Mismatches that have no outcome yet."""
        return len(self._doubts)

    def met(self) -> None:
        """A pair was compared: a share of them may be read again."""
        self._allowance.earn()

    def look_into(self, record: Record, compared: Compared) -> Proof | None:
        """What is known of a mismatch at once; None where it was taken on, and `ended` will be told."""
        proof = self._fingerprint(record, compared.comparison)
        if proof is not None:
            return proof
        shapes, drifting = compared.comparison.shapes, self._drift.near(record)
        if not drifting and self._known.holds(record, shapes, self._loop.time()):
            return Proof.KNOWN
        size = sum(reply.size for reply in sides(record) if reply is not None)
        full = self._closed or len(self._doubts) >= WAITING or self._held + size > HELD_BYTES
        if record.again is None or full or not self._pauses:
            return Proof.UNCONFIRMED
        if not self._allowance.take(len(self._pauses), self._loop.time()):
            return Proof.UNCONFIRMED
        doubt = Doubt(record, compared, list(self._pauses), size, shapes)
        self._doubts.add(doubt)
        self._held += size
        self._schedule(doubt)
        return None

    def close(self) -> None:
        """What is still being looked into counts as it is, and nothing more is taken on."""
        self._closed = True
        for doubt in list(self._doubts):
            self._end(doubt, Proof.UNCONFIRMED)

    # ------------------------------------------------------------------------------ inside

    def _schedule(self, doubt: Doubt) -> None:
        doubt.timer = self._loop.call_later(doubt.pauses.pop(0), self._read, doubt)

    def _read(self, doubt: Doubt) -> None:
        again = doubt.record.again
        assert again is not None
        if not again.has_room(2):
            self._next(doubt)
            return
        pair = doubt.record.another()
        pair.served, pair.mirrored = again.reply(Side.LEGACY, pair), again.reply(Side.CANDIDATE, pair)
        for reply in (pair.served, pair.mirrored):
            again.send(record=pair, reply=reply, settled=lambda pair: self._came(doubt, pair))

    def _came(self, doubt: Doubt, pair: Record) -> None:
        if not pair.settled or doubt not in self._doubts:
            return
        if pair.shed is not None or any(map(failed, filter(None, sides(pair)))):
            self._next(doubt)
        else:
            self._comparing.pair(pair, lambda pair, compared: self._compared(doubt, pair, compared))

    def _compared(self, doubt: Doubt, pair: Record, compared: Compared | None) -> None:
        if doubt not in self._doubts:
            return
        outcome = Outcome.SKIPPED if compared is None else compared.comparison.outcome
        if compared is not None and outcome is Outcome.MISMATCH:
            doubt.read = True
            again = set(compared.comparison.shapes)
            doubt.stayed = tuple(place for place in doubt.stayed if place in again)
        if outcome in AGREES:
            self._agree(doubt, pair)
        else:
            self._next(doubt)

    def _next(self, doubt: Doubt) -> None:
        if doubt.pauses:
            self._schedule(doubt)
            return
        confirmed = doubt.read and bool(doubt.stayed)
        if confirmed:
            self._known.confirm(doubt.record, doubt.stayed, self._loop.time())
        self._end(doubt, Proof.CONFIRMED if confirmed else Proof.UNCONFIRMED)

    def _agree(self, doubt: Doubt, pair: Record) -> None:
        """Both sides agree now. Whose answer changed: did the data move, or did the candidate catch up?"""
        before, now = sides(doubt.record)[0], sides(pair)[0]
        legacy = doubt.record.another()
        legacy.served, legacy.mirrored = before, now
        self._comparing.pair(legacy, lambda _, compared: self._end(doubt, _blamed(doubt, compared)))

    def _end(self, doubt: Doubt, proof: Proof) -> None:
        if doubt not in self._doubts:
            return
        self._doubts.discard(doubt)
        self._held -= doubt.size
        self._allowance.give_back(len(doubt.pauses))
        if doubt.timer is not None:
            doubt.timer.cancel()
        compared = doubt.compared
        if proof is Proof.CONFIRMED and len(doubt.stayed) < len(compared.comparison.shapes):
            compared = self._comparing.narrowed(doubt.record, compared, set(doubt.stayed))
        self._ended(doubt.record, compared, proof)


def _blamed(doubt: Doubt, compared: Compared | None) -> Proof:
    """Whose answer changed, from legacy's first answer held against its next.

    By place, not by kind: a value that differed may be gone altogether, and with another status so is all.
    """
    changed = set() if compared is None else {shape for shape, _ in compared.comparison.shapes}
    at_issue = {STATUS, *(shape for shape, _ in doubt.stayed)}
    return Proof.MOVED if compared is None or changed & at_issue else Proof.LAGGED


def _epoch(record: Record) -> tuple[int, int]:
    return record.route.unit.id, record.route.unit.evidence_epoch
