"""What the units of a slice went through, day by day: the one read behind burn-up, forecast and plan.

It begins with what stands now and goes back along the ledger and the history of scope, only as far as somebody looks:
the database holds each unit against its flips, so that both ends of the past are the same. History cannot disagree
with what happened, and is not rewritten when somebody moves a unit to another team. Days are UTC's.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final, NamedTuple

from django.db import connection, transaction
from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    Exists,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Least, NullIf, TruncDate

from migrator.core.stages import RANK, Stage
from migrator.inventory.models import Absence, Project, TagChange, Unit
from migrator.planning.models import Counted, DayCount, PhaseUnit
from migrator.planning.queries.flips import flips_of
from migrator.planning.queries.slices import Measure, Slice, ids, mean_effort
from migrator.planning.queries.wanderers import Wanderer, tag_histories
from migrator.rollout.models import Flip

TOLD: Final = ("from_stage", "to_stage")
STAGES: Final[Mapping[str | None, Stage | None]] = {None: None} | {stage.value: stage for stage in Stage}


Stands = Mapping[tuple[int | None, Stage], float]
"""How much stands now, by team and stage."""


class Move(NamedTuple):
    """How much went from one stage to another on one day; None is out of scope."""

    day: date
    before: Stage | None
    after: Stage | None
    size: float
    team: int | None = None
    """Whose it is now. Told of what came, went, became done or ceased to be, from the day that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What stands, and how it came to stand there since the first day. In units, or in points."""

    project: Project
    units: Slice
    measure: Measure
    done_stage: Stage
    first: date | None
    """None is the first there was."""
    grain: float
    """How large one unit is: 1 where units are counted, their mean effort where points are."""
    stands: Stands
    moves: Sequence[Move]
    """In no order."""


def history(
    *,
    project: Project,
    units: Slice,
    measure: Measure,
    done_stage: Stage,
    first: date | None,
    teams_from: date | None = None,
) -> History:
    """A few grouped reads of one moment, however long the history."""
    with at_one_moment():
        reading = _Reading(project, units, measure, done_stage, first, teams_from)
        return History(
            project=project,
            units=units,
            measure=measure,
            done_stage=done_stage,
            first=first,
            grain=reading.mean,
            stands=reading.stands,
            moves=reading.moves(),
        )


@contextmanager
def at_one_moment() -> Iterator[None]:
    """What is read inside is as it was at one moment, whoever writes meanwhile; in a transaction, as that one sees."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


class _Reading:
    """One look at the history: which units, in which measure, since when."""

    def __init__(
        self,
        project: Project,
        units: Slice,
        measure: Measure,
        done_stage: Stage,
        first: date | None,
        teams_from: date | None,
    ) -> None:
        self._project, self._units, self._first = project, units, first
        self._teams_from = teams_from or date.max
        self._done = [stage for stage in RANK if RANK[stage] >= RANK[done_stage]]
        self._by_effort = measure is Measure.EFFORT
        self.mean, self.stands = self._points_standing() if self._by_effort else (1.0, self._standing())
        self._moves: list[Move] = []

    def _chosen(self) -> QuerySet[Unit]:
        return Unit.objects.filter(self._units.of_units(self._project), project=self._project)

    def _standing(self) -> Stands:
        found = self._chosen().filter(gone_at=None).values_list("team_id", "stage").annotate(number=Count("*"))
        return {(team, Stage(stage)): number for team, stage, number in found.order_by()}

    def _points_standing(self) -> tuple[float, Stands]:
        """The mean of what somebody estimated in the whole project, and the points that stand where: one join."""
        by = self._chosen().annotate(is_gone=Q(gone_at__isnull=False)).values_list("is_gone", "team_id", "stage")
        found = by.annotate(points=Sum("effort__points"), known=Count("effort__points"), number=Count("*")).order_by()
        points, known = (sum(row[at] or 0 for row in found) for at in (3, 4))
        mean = (points / known if known else 1.0) if self._units.is_everything else mean_effort(project=self._project)
        return mean, {
            (team, Stage(stage)): (points or 0.0) + mean * (number - known)
            for is_gone, team, stage, points, known, number in found
            if not is_gone
        }

    def moves(self) -> list[Move]:
        if self._units.as_then:
            (self._as_in_phase_then if self._units.phase else self._as_tagged_then)()
            return self._moves
        self._scope(self._chosen())
        if self._units.by_tags:
            self._flips(flips_of(project=self._project, units=self._units))
        else:
            upto = self._counted({"kind": self._units.kind} if self._units.kind else {})
            self._whose_it_is_now(upto)
        return self._moves

    # ------------------------------------------------------------------------------ scope and flips

    def _scope(self, chosen: QuerySet[Unit]) -> None:
        for team, day, number in self._per_day(chosen, "added_at"):
            self._move(day, None, Stage.BACKLOG, number, team)
        for team, day, number, stage in self._per_day(chosen, "gone_at", "stage"):
            self._move(day, stage, None, number, team)
        self._away(Absence.objects.filter(unit__in=chosen.order_by()))

    def _away(self, absences: QuerySet[Absence]) -> None:
        """Units that were gone for a while. None moves while it is away."""
        there = absences.annotate(stood=stage_at("gone_at"))
        for team, day, number, stage in self._per_day(there, "gone_at", "stood", unit="unit__"):
            self._move(day, stage, None, number, team)
        for team, day, number, stage in self._per_day(there, "back_at", "stood", unit="unit__"):
            self._move(day, None, stage, number, team)

    def _flips(self, flips: QuerySet[Flip]) -> None:
        changes = flips.exclude(from_stage=F("to_stage"))
        for team, day, number, before, after in self._per_day(changes, "at", *TOLD, unit="unit__", only=self._crossing):
            self._move(day, before, after, number, team)

    def _counted(self, which: Mapping[str, Any], without: Collection[int] = ()) -> int:
        """From the days that are counted, and what came since, but for these units. Returns the last counted flip."""
        upto = Counted.objects.filter(project=self._project).values_list("flip", flat=True).first() or 0
        rows = DayCount.objects.filter(self._lately("day", self._first), project=self._project, **which)
        told = self._lately("day", self._teams_from) & self._crossing  # in this order: most days are earlier
        team = Case(When(told, then=NullIf(F("team_id"), Value(0))), output_field=BigIntegerField())
        total: Any = Sum("points") + Value(self.mean) * Sum("unknown") if self._by_effort else Sum("units")
        found = rows.annotate(whose=team).values_list("whose", "day", *TOLD).annotate(number=total)
        for whose, day, before, after, number in found.order_by():
            self._move(day, before, after, number, whose)
        newer = {f"unit__{tag}": value for tag, value in which.items()}
        self._flips(Flip.objects.filter(project=self._project, pk__gt=upto, **newer).exclude(unit_id__in=without))
        return upto

    def _whose_it_is_now(self, upto: int) -> None:
        """Days are counted by the teams of then: what a unit brought another team goes to the one that has it now."""
        if self._teams_from == date.max:
            return
        later = TagChange.objects.filter(unit=OuterRef("unit"), at__gt=OuterRef("at")).order_by("at", "pk")
        changed = TagChange.objects.filter(unit__project=self._project).values("unit")
        of_kind = Slice(kind=self._units.kind).of_units(self._project, "unit__")
        flips = Flip.objects.filter(
            of_kind, self._crossing, self._lately("at", self._teams_from), project=self._project
        )
        moved = flips.exclude(from_stage=F("to_stage")).filter(Exists(later), pk__lte=upto, unit__in=changed)
        then = moved.annotate(then=Subquery(later.values("team_before")[:1]))
        for team, day, number, before, after, once in self._per_day(then, "at", *TOLD, "then", unit="unit__"):
            self._move(day, before, after, number, team)
            self._move(day, before, after, -number, once)

    @property
    def _crossing(self) -> Q:
        """What became done, or ceased to be."""
        return Q(to_stage__in=self._done) ^ Q(from_stage__in=self._done)

    def _per_day(
        self, rows: QuerySet[Any], moment: str, *by: str, unit: str = "", only: Q | None = None
    ) -> Iterator[tuple[Any, ...]]:
        """(team, day, how much, *by) for each day on which something happened; the team where `only` that holds."""
        told = self._lately(moment, self._teams_from) & (only or Q())
        whose = Case(When(told, then=F(f"{unit}team_id")), output_field=BigIntegerField())
        dated = rows.filter(self._lately(moment, self._first) & Q(**{f"{moment}__isnull": False}))
        dated = dated.annotate(day=TruncDate(moment, tzinfo=UTC), whose=whose)
        found = dated.values_list("whose", "day", *by).annotate(number=self._size(unit))
        for team, day, *groups, number in found.order_by():
            yield team, day, number, *groups

    def _lately(self, moment: str, first: date | None) -> Q:
        """From the beginning of that day on."""
        if first is None:
            return Q()
        since = first if moment == "day" else datetime.combine(first, time(), tzinfo=UTC)
        return Q(**{f"{moment}__gte": since})

    def _size(self, unit: str = "") -> Any:
        if not self._by_effort:
            return Count("*")
        return Sum(Coalesce(F(f"{unit}effort__points"), Value(self.mean), output_field=FloatField()))

    def _move(self, day: date, before: str | None, after: str | None, size: float, team: int | None = None) -> None:
        if self._first is None or day >= self._first:
            self._moves.append(Move(day, STAGES[before], STAGES[after], size, team))

    # ------------------------------------------------------------------------------- as tagged then

    def _as_tagged_then(self) -> None:
        services = self._units.services(self._project) if self._units.service else None
        teams = self._units.teams(self._project) if self._units.team else None
        changed = tag_histories(self._project, self._units.kind)
        self._scope(self._chosen().exclude(pk__in=changed.keys()))
        tags = {"kind": self._units.kind or None, "service_id__in": services, "team_id__in": teams}
        upto = self._counted({tag: value for tag, value in tags.items() if value is not None}, without=changed.keys())
        for wanderer in changed.values():
            self._wandered(wanderer, services, teams, upto)

    def _wandered(self, wanderer: Wanderer, services: list[int] | None, teams: list[int] | None, upto: int) -> None:
        """A unit that changed its tags: in scope from when it was theirs until it was not.

        Its moves up to a flip are counted already, as it was tagged then.
        """

        def fit(service: int, team: int | None) -> bool:
            return (services is None or service in services) and (teams is None or team in teams)

        size = (wanderer.points or self.mean) if self._by_effort else 1
        for at, before, after, flip in wanderer.moves:
            if flip > upto and fit(*wanderer.tags_at(at)):
                self._move(at.date(), before, after, size)
        here = False
        for at in wanderer.turns():
            fits = wanderer.is_tracked(at) and fit(*wanderer.tags_at(at))
            if fits != here:
                stage = wanderer.stage_at(at)
                self._move(at.date(), None if fits else stage, stage if fits else None, size)
            here = fits

    def _as_in_phase_then(self) -> None:
        """From when a unit came into the phase until it left it. In the database: a phase may hold all there are."""
        phases = ids(self._project.phases.filter(name=self._units.phase))
        wanted = Slice(kind=self._units.kind, service=self._units.service, team=self._units.team)
        members = PhaseUnit.objects.filter(wanted.of_units(self._project, "unit__"), phase__in=phases)
        members = members.annotate(ended=Least("removed_at", "unit__gone_at"))
        inside = members.filter(Q(ended=None) | Q(ended__gt=F("added_at")))
        came, went = inside.annotate(stood=stage_at("added_at")), inside.annotate(stood=stage_at("ended"))
        for team, day, number, stage in self._per_day(came, "added_at", "stood", unit="unit__"):
            self._move(day, None, stage, number, team)
        for team, day, number, stage in self._per_day(went, "ended", "stood", unit="unit__"):
            self._move(day, stage, None, number, team)
        stays = Q(unit__phases__removed_at__isnull=True) | Q(unit__phases__removed_at__gt=F("back_at"))
        there = Q(unit__phases__phase__in=phases, unit__phases__added_at__lte=F("gone_at"))
        self._away(Absence.objects.filter(stays & there & wanted.of_units(self._project, "unit__")))
        self._flips(flips_of(project=self._project, units=self._units))


def stage_at(moment: str) -> Any:
    """Where a unit stood at a moment that its row names."""
    before = Flip.objects.filter(unit=OuterRef("unit"), at__lte=OuterRef(moment)).order_by("-unit_version")
    return Coalesce(Subquery(before.values("to_stage")[:1]), Value(Stage.BACKLOG.value))
