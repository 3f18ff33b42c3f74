"""What the gate was shown on each day of the past, so that it opens and closes as it does in life.

Made up like the history, and taken away at its end: only the entries in the ledger keep what was known then.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from migrator.core.stages import Operation
from migrator.core.tally import smallest
from migrator.core.wire import Outcome
from migrator.inventory.models import Project, Unit
from migrator.observations.folding import MINUTE, Batch, Course, Sum
from migrator.observations.models import Arrival, Standing
from migrator.observations.writing import write_arrivals, write_standings

SHARD: Final = 0
PAIRS: Final = range(1_800, 3_200)
"""How many pairs are compared before somebody takes the next step."""
HARM: Final = 0.2
"""Share of the callers that meet a difference before somebody rolls back."""


@contextmanager
def passing_evidence(*, project: Project) -> Iterator[None]:
    """Evidence that is shown within is gone afterwards, before anything real is counted."""
    yield
    Standing.objects.filter(unit__project=project).delete()
    Arrival.objects.filter(project=project).delete()


def show(*, units: Sequence[Unit], harmed: bool, now: datetime, dice: random.Random) -> None:
    """Let pairs of these units have been compared just before `now`. Writes are executed once: nothing is compared."""
    compared = [unit for unit in units if unit.operation == Operation.READ]
    if not compared:
        return
    pairs, second = dice.choice(PAIRS), int(now.timestamp()) // MINUTE * MINUTE - MINUTE
    callers = {dice.getrandbits(64) for _ in range(pairs)}
    batch = Batch()
    for unit in compared:
        batch.minutes[unit.pk, second, unit.evidence_epoch] = _sum(callers, harmed=harmed)
        batch.courses[unit.pk, unit.evidence_epoch] = Course(first_pair=second, last_pair=second, last_seen=second)
    write_standings(batch, shard=SHARD)
    write_arrivals({compared[0].project_id: _arrived(pairs)}, shard=SHARD, now=now)


def _sum(callers: set[int], *, harmed: bool) -> Sum:
    bad = {caller for caller in callers if harmed and caller % 1_000 < HARM * 1_000}
    return Sum(
        outcomes={Outcome.MATCH: len(callers) - len(bad), Outcome.MISMATCH: len(bad)},
        subjects=set(smallest(callers)),
        mismatching_subjects=set(smallest(bad)),
    )


def _arrived(pairs: int) -> tuple[int, ...]:
    """Everything that was sent arrived: sent, dropped, committed, stray, refused, passed."""
    return (pairs, 0, pairs, 0, 0, 0)
