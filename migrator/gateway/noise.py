"""Does a side agree with itself? Now and then one is asked twice, after a pair.

Where it does not, the difference between the two sides at that place says nothing about the candidate: it is
noise. The control plane adds up what is counted here and makes rules of it that expire. A side that fails is
no noise, however often: failures, and answers of another status, are not counted here at all.
"""

from random import random
from typing import Final

from migrator.core.failures import failed_in_words
from migrator.core.stages import ALL, Scrutiny
from migrator.core.walk import Kind
from migrator.core.wire import Manners, Side
from migrator.gateway.comparing import Compared, Comparing
from migrator.gateway.drift import Drift
from migrator.gateway.record import Record, Reply, failed
from migrator.sdk.reporter import Reporter

CALLS: Final = 2


class Noise:
    """Belongs to one worker's loop."""

    def __init__(self, *, comparing: Comparing, drift: Drift, reporter: Reporter) -> None:
        self._comparing = comparing
        self._drift = drift
        self._reporter = reporter
        self._share = 0
        self._turn: dict[int, Side] = {}
        """The side of each unit that was asked last."""

    def apply(self, manners: Manners) -> None:
        """Ask as often as another table has it."""
        self._share = manners.noise_share

    def consider(self, record: Record) -> None:
        """A pair was compared. Where chance and the mirror's limits have it, ask one of the sides twice more."""
        again = record.again
        if again is None or random() * ALL >= self._share or record.route.scrutiny is not Scrutiny.BODIES:
            return
        if not again.has_room(CALLS):
            return
        unit = record.route.unit.id
        side = self._turn[unit] = self._turn.get(unit, Side.CANDIDATE).other
        pair = record.another()
        pair.served = again.reply(side, pair)
        again.send(record=pair, reply=pair.served, settled=self._once)

    # ------------------------------------------------------------------------------ inside

    def _once(self, pair: Record) -> None:
        """The first answer has come: ask for the second. One after the other, so that time is seen to pass."""
        first, again = pair.served, pair.again
        assert first is not None
        assert again is not None
        if pair.shed is None and not failed(first) and again.has_room(1):
            pair.mirrored = again.reply(first.side, pair)
            again.send(record=pair, reply=pair.mirrored, settled=self._twice)

    def _twice(self, pair: Record) -> None:
        first, second = pair.served, pair.mirrored
        if pair.shed is None and _answered(first, second) and not self._drift.near(pair):
            self._comparing.pair(pair, self._compared)

    def _compared(self, pair: Record, compared: Compared | None) -> None:
        if compared is None or compared.comparison.partial or compared.comparison.unfinished:
            return
        assert pair.served is not None
        documents = compared.comparison.documents or (None, None)
        if any(failed_in_words(pair.served.status, document) for document in documents):
            return
        shapes = [place for place in compared.comparison.shapes if place[1] is not Kind.STATUS]
        self._reporter.disagree(pair.route.unit, at=pair.at, side=pair.served.side, shapes=shapes)


def _answered(first: Reply | None, second: Reply | None) -> bool:
    """Whether both are whole answers of one status, and none says that it failed."""
    return (
        first is not None
        and second is not None
        and not failed(first)
        and not failed(second)
        and first.status == second.status
    )
