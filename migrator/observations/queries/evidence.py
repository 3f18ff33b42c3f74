"""What was observed of units: evidence for verdicts, figures for lists."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F

from migrator.core import tally
from migrator.core.gate import Evidence, Latency
from migrator.core.wire import BAD_OUTCOMES, PAIR_OUTCOMES, Outcome
from migrator.inventory.models import Unit
from migrator.observations.models import Counters, Standing
from migrator.observations.queries.arrivals import LOOK_BACK, completeness_since


def evidence_of(*, units: Sequence[Unit], now: datetime) -> dict[int, Evidence]:
    """The evidence of each unit's present epoch by unit id, from two queries however many units there are.

    There is an entry for every unit; one without data says so by its zeros and Nones.
    """
    epochs = {unit.pk: unit.evidence_epoch for unit in units}
    rows: dict[int, list[Standing]] = {pk: [] for pk in epochs}
    for row in Standing.objects.filter(unit_id__in=epochs):
        if row.evidence_epoch == epochs[row.unit_id]:
            rows[row.unit_id].append(row)
    since = {unit.pk: (unit.project_id, unit.evidence_since or now - LOOK_BACK) for unit in units}
    completeness = completeness_since(wanted=since.values(), now=now)
    return {pk: summed(rows[pk], completeness=completeness[since[pk]]) for pk in epochs}


def summed(rows: Sequence[Standing], *, completeness: float | None) -> Evidence:
    """The shards of one unit as one."""
    subjects = distinct(row.subjects for row in rows)
    first = [row.first_at.timestamp() for row in rows if row.first_at]
    last = [row.last_at.timestamp() for row in rows if row.last_at]
    return Evidence(
        outcomes=sum_outcomes(rows),
        served_candidate=sum(row.served_candidate for row in rows),
        subjects=subjects,
        # Two estimates: a part is never more than its whole.
        mismatching_subjects=min(subjects, distinct(row.mismatching_subjects for row in rows)),
        completeness=completeness,
        first_at=min(first, default=None),
        last_at=max(last, default=None),
        legacy_latency=latency(row.legacy_latency for row in rows),
        candidate_latency=latency(row.candidate_latency for row in rows),
    )


def sum_outcomes(rows: Iterable[Counters]) -> dict[Outcome, int]:
    total = dict.fromkeys(Outcome, 0)
    for row in rows:
        for outcome, count in row.outcomes.items():
            total[outcome] += count
    return total


def distinct(columns: Iterable[bytes | memoryview]) -> int:
    """How many distinct callers packed sketches stand for together."""
    sketches = [tally.unpack_sketch(column) for column in columns]
    return tally.estimate(sketches[0] if len(sketches) == 1 else tally.merge_sketches(sketches))


def latency(histograms: Iterable[Mapping[int, int]]) -> Latency:
    """Quantiles in milliseconds of histograms laid together."""
    together = tally.merge_histograms(histograms)
    return Latency(**{f"p{n}": tally.quantile(together, n / 100) for n in (50, 90, 99)})


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingFigures:
    """One unit in a list. Rates and shares are fractions, None where there is nothing to divide by."""

    pairs: int = 0
    bad: int = 0
    received: int = 0
    served_candidate: int = 0
    last_seen_at: datetime | None = None

    @property
    def mismatch_rate(self) -> float | None:
        return self.bad / self.pairs if self.pairs else None

    @property
    def candidate_share(self) -> float | None:
        """The share of requests that the candidate really answered."""
        return self.served_candidate / self.received if self.received else None

    def as_record(self) -> dict[str, Any]:
        """Plain JSON, as the ledger keeps it beside a rollback."""
        return {
            "pairs": self.pairs,
            "bad": self.bad,
            "mismatch_rate": self.mismatch_rate,
            "received": self.received,
            "served_candidate": self.served_candidate,
        }


NOTHING_SEEN = StandingFigures()


def standings(*, unit_ids: Sequence[int]) -> dict[int, StandingFigures]:
    """Figures of many units by id, from one query. Units that were never seen are left out: NOTHING_SEEN."""
    columns = ("served_candidate", *map(str, Outcome))
    rows = (
        Standing.objects.filter(unit_id__in=list(unit_ids))
        .annotate(current=F("unit__evidence_epoch"))
        .values("unit_id", "evidence_epoch", "current", "last_seen_at", *columns)
    )
    found: dict[int, StandingFigures] = {}
    for row in rows:
        before = found.get(row["unit_id"], NOTHING_SEEN)
        counts = row if row["evidence_epoch"] == row["current"] else dict.fromkeys(columns, 0)
        found[row["unit_id"]] = StandingFigures(
            pairs=before.pairs + sum(counts[str(outcome)] for outcome in PAIR_OUTCOMES),
            bad=before.bad + sum(counts[str(outcome)] for outcome in BAD_OUTCOMES),
            received=before.received + sum(counts[str(outcome)] for outcome in Outcome),
            served_candidate=before.served_candidate + counts["served_candidate"],
            last_seen_at=max(filter(None, (before.last_seen_at, row["last_seen_at"]))),
        )
    return found
