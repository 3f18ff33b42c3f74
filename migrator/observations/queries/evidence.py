"""What was observed of units: evidence for verdicts, figures for lists."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from migrator.core import tally
from migrator.core.gate import Evidence, Latency
from migrator.core.histograms import mean_cost
from migrator.core.policy import Policy
from migrator.core.wire import BAD_OUTCOMES, PAIR_OUTCOMES, Outcome
from migrator.inventory.models import Unit
from migrator.observations.models import Counters, Standing
from migrator.observations.queries.arrivals import LOOK_BACK, completeness_since
from migrator.observations.queries.coverage import covered, span_since
from migrator.observations.queries.parts import (
    Part,
    distinct_of,
    histogram_of,
    quantiles,
    standing_parts,
    sum_callers,
    sum_counts,
    window_parts,
)


def evidence_of(
    *, units: Sequence[Unit], now: datetime, policies: Mapping[int, Policy] | None = None
) -> dict[int, Evidence]:
    """The evidence of each unit's present epoch by unit id, from a few queries however many units there are.

    There is an entry for every unit; one without data says so by its zeros and Nones. With `policies` (by unit id)
    pairs that are older than they allow are left out, and what else they ask about is added.
    """
    epochs = {unit.pk: unit.evidence_epoch for unit in units}
    parts = standing_parts(epochs=epochs)
    cutoffs = _cutoffs(parts, policies or {}, now)
    windows = window_parts(epochs=epochs, spans={pk: span_since(moment) for pk, moment in cutoffs.items()})
    since = {unit.pk: (unit.project_id, _since(unit, cutoffs.get(unit.pk), now)) for unit in units}
    completeness = completeness_since(wanted=since.values(), now=now)
    found = {
        pk: summed(
            windows.get(pk, []) if pk in cutoffs else parts.get(pk, []),
            completeness=completeness[since[pk]],
            last_at=_newest(part.last_at for part in parts.get(pk, [])),
        )
        for pk in epochs
    }
    return found if policies is None else covered(units=units, found=found, policies=policies, now=now)


def summed(parts: Sequence[Part], *, completeness: float | None, last_at: datetime | None) -> Evidence:
    """The parts of one unit as one. `last_at` is its newest pair, which windows know only roughly."""
    subjects = distinct_of([(part.subjects, part.subjects_size) for part in parts])
    # Two estimates: a part is never more than its whole.
    mismatching = min(subjects, distinct_of([(part.mismatching, part.mismatching_size) for part in parts]))
    legacy, candidate = (histogram_of([getattr(part, name) for part in parts]) for name in _HISTOGRAMS)
    first = min((part.first_at for part in parts if part.first_at), default=None)
    return Evidence(
        outcomes=sum_counts(parts),
        served_candidate=sum(part.served_candidate for part in parts),
        subjects=subjects,
        mismatching_subjects=mismatching,
        completeness=completeness,
        first_at=first.timestamp() if first else None,
        last_at=last_at.timestamp() if last_at and first else None,
        legacy_latency=quantiles(legacy),
        candidate_latency=quantiles(candidate),
        legacy_histogram=legacy,
        candidate_histogram=candidate,
        request_shapes=distinct_of([(part.shapes, part.shapes_size) for part in parts]),
        callers=sum_callers(part.callers for part in parts),
        legacy_cost=mean_cost(histogram_of([part.legacy_cost for part in parts])),
        candidate_cost=mean_cost(histogram_of([part.candidate_cost for part in parts])),
    )


_HISTOGRAMS = ("legacy_latency", "candidate_latency")


def _cutoffs(parts: Mapping[int, Sequence[Part]], policies: Mapping[int, Policy], now: datetime) -> dict[int, datetime]:
    """From when pairs count, of the units that have older ones."""
    found = {}
    for pk, mine in parts.items():
        oldest = min((part.first_at for part in mine if part.first_at), default=None)
        cutoff = now - timedelta(days=policies[pk].evidence_days) if pk in policies else None
        if oldest is not None and cutoff is not None and oldest < cutoff:
            found[pk] = cutoff
    return found


def _since(unit: Unit, cutoff: datetime | None, now: datetime) -> datetime:
    """From when observations of a unit must have arrived."""
    begun = unit.evidence_since or now - LOOK_BACK
    return max(begun, cutoff) if cutoff else begun


def _newest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment), default=None)


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
