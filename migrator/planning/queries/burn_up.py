"""How far a project has come: units or effort per stage, day by day, from the ledger and the history of its scope.

The ledger knows every stage that every unit ever had, and the inventory knows when a unit came and went. So history
cannot disagree with what happened, and is not rewritten when somebody moves a unit to another team. Days are UTC's.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from math import log10
from typing import Any

from django.db.models import Count, DateField, F, FloatField, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Greatest, Least, TruncDate

from migrator.core.forecast import Week
from migrator.core.stages import LADDER, RANK, Stage
from migrator.inventory.models import Absence, Project, TagChange, Unit
from migrator.planning.models import Counted, DayCount, PhaseUnit
from migrator.planning.queries.flips import flips_of
from migrator.planning.queries.slices import Measure, Slice, Tagged, ids, mean_effort
from migrator.rollout.models import Flip

MOVED = (Stage.CUTOVER, Stage.REMOVAL, Stage.REMOVED)
"""Stages in which nobody is answered by legacy any more."""
PACE_WEEKS = 4
DIGITS = 12
"""Of points: further on a sum of them is only what floating point left over, and would be work that nobody has."""
Grown = dict[Stage, Counter[date]]
"""For each stage, by how much it grew on each day. Counts, or points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnUp:
    """What stood in each stage at the end of each day. Every series is as long as `days`; the last day is today."""

    days: tuple[date, ...]
    counts: Mapping[Stage, tuple[float, ...]]
    deadline: date | None
    measure: Measure = Measure.UNITS
    done_stage: Stage = Stage.CUTOVER
    """What is done: this stage and those after it."""
    added: tuple[float, ...] = field(default=())
    """Scope that came on each day."""
    gone: tuple[float, ...] = field(default=())
    """Scope that went on each day."""
    grain: float = 1.0
    """How large one unit is: 1 where units are counted, their mean effort where points are."""

    def last(self, days: int) -> "BurnUp":
        """The same over the last days only."""
        at = max(0, len(self.days) - days - 1)
        return replace(
            self,
            days=self.days[at:],
            counts={stage: counts[at:] for stage, counts in self.counts.items()},
            added=self.added[at:],
            gone=self.gone[at:],
        )

    @property
    def scope(self) -> tuple[float, ...]:
        return tuple(sum(day) for day in zip(*self.counts.values(), strict=True))

    @property
    def done_stages(self) -> tuple[Stage, ...]:
        return tuple(rung.stage for rung in LADDER if RANK[rung.stage] >= RANK[self.done_stage])

    @property
    def done(self) -> tuple[float, ...]:
        return tuple(sum(day) for day in zip(*(self.counts[stage] for stage in self.done_stages), strict=True))

    @property
    def moved(self) -> tuple[float, ...]:
        return tuple(sum(day) for day in zip(*(self.counts[stage] for stage in MOVED), strict=True))

    @property
    def left(self) -> float:
        """What is not done, today."""
        return self.scope[-1] - self.done[-1]

    @property
    def pace(self) -> float | None:
        """Done per week over the last four weeks; None where the history is shorter than one week."""
        span = min(len(self.days) - 1, 7 * PACE_WEEKS)
        if span < 7:
            return None
        done = self.done
        return (done[-1] - done[-1 - span]) / span * 7

    @property
    def pace_needed(self) -> float | None:
        """What the deadline asks for, per week; None without a deadline ahead."""
        if self.deadline is None or self.deadline <= self.days[-1]:
            return None
        return self.left / (self.deadline - self.days[-1]).days * 7

    @property
    def weeks(self) -> tuple[Week, ...]:
        """Whole weeks that end today, oldest first: what was finished, and what came into scope."""
        done, scope = self.done, self.scope
        ends = range(len(self.days) - 1, 6, -7)
        lived = [Week(done=done[end] - done[end - 7], added=scope[end] - scope[end - 7]) for end in ends]
        return tuple(reversed(lived))


def burn_up(
    *,
    project: Project,
    now: datetime,
    units: Slice | None = None,
    days: int | None = 90,
    measure: Measure = Measure.UNITS,
    done_stage: Stage = Stage.CUTOVER,
) -> BurnUp:
    """The last `days` days until `now`; None is all there were. A few grouped reads, however long the history."""
    units, today = units or Slice(), now.date()
    wanted = None if days is None else today - timedelta(days=days)
    mean = mean_effort(project=project) if measure is Measure.EFFORT else 1.0
    grown, added, gone = _Reading(project, units, measure, mean, first=wanted).grown()
    first = wanted or _first_day(grown, today)
    span = tuple(first + timedelta(days=offset) for offset in range((today - first).days + 1))
    return BurnUp(
        days=span,
        counts={rung.stage: _running(grown[rung.stage], span) for rung in LADDER},
        deadline=_deadline(project, units),
        measure=measure,
        done_stage=done_stage,
        added=tuple(added.get(day, 0) for day in span),
        gone=tuple(gone.get(day, 0) for day in span),
        grain=mean,
    )


def _deadline(project: Project, units: Slice) -> date | None:
    phase = project.phases.filter(name=units.phase).first() if units.phase else None
    return phase.deadline if phase and phase.deadline else project.deadline


def _first_day(grown: Grown, today: date) -> date:
    known = (day for days in grown.values() for day in days)
    # Another computer's clock may be ahead: what it wrote tomorrow is no history yet.
    return min(today, min(known, default=today - timedelta(days=1)))


def _running(changes: Mapping[date, float], span: tuple[date, ...]) -> tuple[float, ...]:
    """Changes per day -> what stood at the end of each day; what lies before the span is its beginning."""
    before = sum(change for day, change in changes.items() if day < span[0])
    stood = accumulate((changes.get(day, 0) for day in span), initial=before)
    if all(isinstance(change, int) for change in changes.values()):
        return tuple(stood)[1:]
    decimals = DIGITS - 1 - int(log10(max(1.0, sum(map(abs, changes.values())))))
    return tuple(round(each, decimals) for each in stood)[1:]


class _Reading:
    """One look at the history: which units, in which measure. What lies before the first day is read as one sum."""

    def __init__(self, project: Project, units: Slice, measure: Measure, mean: float, first: date | None) -> None:
        self._project, self._units = project, units
        self._before = None if first is None else first - timedelta(days=1)
        self._by_effort = measure is Measure.EFFORT
        self._mean = mean
        self._added: Counter[date] = Counter()
        self._gone: Counter[date] = Counter()
        self._grown: Grown = {stage: Counter() for stage in RANK}

    def grown(self) -> tuple[Grown, Counter[date], Counter[date]]:
        """What each stage grew by; what came into scope; what went."""
        if self._units.by_tags and self._units.tagged is Tagged.THEN:
            self._as_tagged_then()
        else:
            chosen = Unit.objects.filter(self._units.of_units(self._project), project=self._project)
            self._scope(chosen)
            if self._units.by_tags:
                self._flips(flips_of(project=self._project, units=self._units))
            else:
                self._counted({"kind": self._units.kind} if self._units.kind else {})
        return self._grown, self._added, self._gone

    def _scope(self, chosen: QuerySet[Unit]) -> None:
        for day, number in self._per_day(chosen, "added_at"):
            self._came(day, Stage.BACKLOG, number)
        for day, number, stage in self._per_day(chosen.filter(gone_at__isnull=False), "gone_at", "stage"):
            self._went(day, Stage(stage), number)
        self._away(Absence.objects.filter(unit__in=chosen.order_by()))

    def _away(self, absences: QuerySet[Absence]) -> None:
        """Units that were gone for a while. None moves while it is away."""
        there = absences.annotate(stood=stage_at("gone_at"), back=TruncDate("back_at", tzinfo=UTC))
        for day, number, stage, back in self._per_day(there, "gone_at", "stood", "back", unit="unit__"):
            self._went(day, Stage(stage), number)
            self._came(back, Stage(stage), number)

    def _came(self, day: date, stage: Stage, number: float) -> None:
        self._grown[stage][day] += number  # type: ignore[assignment]  # points are no whole numbers
        self._added[day] += number  # type: ignore[assignment]

    def _went(self, day: date, stage: Stage, number: float) -> None:
        self._grown[stage][day] -= number  # type: ignore[assignment]
        self._gone[day] += number  # type: ignore[assignment]

    def _moved(self, day: date, before: str, after: str, number: float) -> None:
        self._grown[Stage(before)][day] -= number  # type: ignore[assignment]
        self._grown[Stage(after)][day] += number  # type: ignore[assignment]

    def _flips(self, flips: QuerySet[Flip]) -> None:
        changes = flips.exclude(from_stage=F("to_stage"))
        for day, number, before, after in self._per_day(changes, "at", "from_stage", "to_stage", unit="unit__"):
            self._moved(day, before, after, number)

    def _counted(self, which: Mapping[str, Any], without: Collection[int] = ()) -> int:
        """From the days that are counted, and what came since, but for these units. Returns the last counted flip."""
        upto = Counted.objects.filter(project=self._project).values_list("flip", flat=True).first() or 0
        rows = DayCount.objects.filter(project=self._project, **which)
        total: Any = Sum("points") + Value(self._mean) * Sum("unknown") if self._by_effort else Sum("units")
        found = (
            rows.annotate(on=self._clipped(F("day"))).values_list("on", "from_stage", "to_stage").annotate(number=total)
        )
        for day, before, after, number in found.order_by():
            self._moved(day, before, after, number)
        newer = {f"unit__{tag}": value for tag, value in which.items()}
        self._flips(Flip.objects.filter(project=self._project, pk__gt=upto, **newer).exclude(unit_id__in=without))
        return upto

    def _clipped(self, day: Combinable) -> Combinable:
        """That day, or the one before the first for all that are earlier."""
        return day if self._before is None else Greatest(day, Value(self._before, output_field=DateField()))

    def _per_day(self, rows: QuerySet[Any], moment: str, *by: str, unit: str = "") -> Iterator[tuple[Any, ...]]:
        """(day, how much, *by) for each day on which something happened."""
        if self._by_effort:
            points = Coalesce(F(f"{unit}effort__points"), Value(self._mean), output_field=FloatField())
            total: Any = Sum(points)
        else:
            total = Count("*")
        dated = rows.annotate(day=self._clipped(TruncDate(moment, tzinfo=UTC)))
        found = dated.values_list("day", *by).annotate(number=total)
        for day, *groups, number in found.order_by():
            yield day, number, *groups

    # -------------------------------------------------------------------------- as tagged then

    def _as_tagged_then(self) -> None:
        if self._units.phase:
            return self._as_in_phase_then()
        services = self._units.services(self._project) if self._units.service else None
        teams = self._units.teams(self._project) if self._units.team else None
        changed = _tag_histories(self._project, self._units.kind)
        steady = Unit.objects.filter(self._units.of_units(self._project), project=self._project)
        self._scope(steady.exclude(pk__in=changed.keys()))
        tags = {"kind": self._units.kind or None, "service_id__in": services, "team_id__in": teams}
        upto = self._counted({tag: value for tag, value in tags.items() if value is not None}, without=changed.keys())
        for history in changed.values():
            self._wandered(history, services, teams, upto)
        return None

    def _wandered(self, history: "_Wanderer", services: list[int] | None, teams: list[int] | None, upto: int) -> None:
        """A unit that changed its tags: in scope from when it was theirs until it was not.

        Its moves up to a flip are counted already, as it was tagged then.
        """

        def fit(service: int, team: int | None) -> bool:
            return (services is None or service in services) and (teams is None or team in teams)

        for at, before, after, flip in history.moves:
            if flip > upto and fit(*history.tags_at(at)):
                self._moved(at.date(), before, after, self._weight(history))
        here = False
        for at in history.turns():
            fits = history.is_tracked(at) and fit(*history.tags_at(at))
            if fits != here:
                (self._came if fits else self._went)(at.date(), history.stage_at(at), self._weight(history))
            here = fits

    def _weight(self, history: "_Wanderer") -> float:
        return (history.points or self._mean) if self._by_effort else 1

    def _as_in_phase_then(self) -> None:
        """From when a unit came into the phase until it left it. In the database: a phase may hold all there are."""
        phases = ids(self._project.phases.filter(name=self._units.phase))
        wanted = Slice(kind=self._units.kind, service=self._units.service, team=self._units.team)
        members = PhaseUnit.objects.filter(wanted.of_units(self._project, "unit__"), phase__in=phases)
        came = members.annotate(stood=stage_at("added_at"))
        for day, number, stage in self._per_day(came, "added_at", "stood", unit="unit__"):
            self._came(day, Stage(stage), number)
        ended = members.annotate(ended=Least("removed_at", "unit__gone_at")).filter(ended__gt=F("added_at"))
        for day, number, stage in self._per_day(
            ended.annotate(stood=stage_at("ended")), "ended", "stood", unit="unit__"
        ):
            self._went(day, Stage(stage), number)
        stays = Q(unit__phases__removed_at__isnull=True) | Q(unit__phases__removed_at__gt=F("back_at"))
        inside = Q(unit__phases__phase__in=phases, unit__phases__added_at__lte=F("gone_at"))
        self._away(Absence.objects.filter(stays & inside & wanted.of_units(self._project, "unit__")))
        self._flips(flips_of(project=self._project, units=self._units))


def stage_at(moment: str) -> Any:
    """Where a unit stood at a moment that its row names."""
    before = Flip.objects.filter(unit=OuterRef("unit"), at__lte=OuterRef(moment)).order_by("-unit_version")
    return Coalesce(Subquery(before.values("to_stage")[:1]), Value(Stage.BACKLOG.value))


@dataclass(slots=True)
class _Wanderer:
    """One unit with all that it went through."""

    added_at: datetime
    gone_at: datetime | None
    points: float | None
    moves: list[tuple[datetime, str, str, int]] = field(default_factory=list)
    """When, from where, to where, by which flip."""
    tags: list[tuple[datetime, int, int | None]] = field(default_factory=list)
    """Since when it was which service's and which team's."""
    absences: list[tuple[datetime, datetime]] = field(default_factory=list)
    """From when to when it was out of scope, before it came back."""

    def turns(self) -> list[datetime]:
        """The moments at which it may come into somebody's scope, or leave it."""
        gone = [] if self.gone_at is None else [self.gone_at]
        return sorted({*(at for at, *_ in self.tags), *(at for each in self.absences for at in each), *gone})

    def is_tracked(self, moment: datetime) -> bool:
        is_away = any(gone <= moment < back for gone, back in self.absences)
        return not is_away and (self.gone_at is None or moment < self.gone_at)

    def stage_at(self, moment: datetime) -> Stage:
        stage = Stage.BACKLOG
        for at, _, after, _ in self.moves:
            if at > moment:
                break
            stage = Stage(after)
        return stage

    def tags_at(self, moment: datetime) -> tuple[int, int | None]:
        """Service and team; only of units whose tags were read."""
        standing = [(service, team) for at, service, team in self.tags if at <= moment]
        return standing[-1] if standing else self.tags[0][1:]


def _wanderers(unit_ids: Iterable[int]) -> dict[int, _Wanderer]:
    rows = Unit.objects.filter(pk__in=list(unit_ids)).values_list("pk", "added_at", "gone_at", "effort__points")
    known = {pk: _Wanderer(added, gone, points) for pk, added, gone, points in rows}
    flips = Flip.objects.filter(unit_id__in=known).exclude(from_stage=F("to_stage")).order_by("pk")
    for pk, at, before, after, flip in flips.values_list("unit_id", "at", "from_stage", "to_stage", "pk"):
        known[pk].moves.append((at, before, after, flip))
    for pk, gone, back in Absence.objects.filter(unit_id__in=known).values_list("unit_id", "gone_at", "back_at"):
        known[pk].absences.append((gone, back))
    return known


def _tag_histories(project: Project, kind: str) -> dict[int, _Wanderer]:
    """Units that ever changed their tags."""
    changes = TagChange.objects.filter(Q(unit__kind=kind) if kind else Q(), unit__project=project).order_by("pk")
    rows = list(changes)
    known = _wanderers({row.unit_id for row in rows})
    for row in rows:
        history = known[row.unit_id]
        if not history.tags:
            history.tags.append((history.added_at, row.service_before, row.team_before))
        history.tags.append((row.at, row.service_after, row.team_after))
    return known
