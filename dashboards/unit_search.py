"""The question that an address of the inventory asks, as the database takes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from dashboards.parameters import text
from dashboards.query_bar import Asked, ask
from dashboards.seats import Seat
from migrator.access.models import Membership
from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.inventory.queries import WITHOUT_RUNBOOK, Wanted
from migrator.observations.queries.finding import differing, unseen_since

CONTROLS: Final = ("stage", "service", "team", "kind", "risk")
STALE: Final = timedelta(days=7)
TRAITS: Final = {
    "contested": Q(contested_by__isnull=False),
    "serving": Q(candidate_bp__gt=0) & ~Q(stage=Stage.REMOVED),
    "write": Q(operation="write"),
    "unowned": Q(team__isnull=True),
}
ANSWERS: Final = {
    "irreversible": {"yes": Q(irreversible=True), "no": Q(irreversible=False)},
    "runbook": {"none": WITHOUT_RUNBOOK, "any": ~WITHOUT_RUNBOOK},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, and the same for the database."""

    asked: Asked
    wanted: Wanted
    condition: Q
    problems: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return self.asked.is_empty


def question(*, parameters: QueryDict, seat: Seat, now: datetime) -> Question:
    """Read the bar and its controls. `team:me` is the reader's own team."""
    asked = ask(text=text(parameters, "search"), controls={name: text(parameters, name) for name in CONTROLS})
    values, problems = dict(asked.values), list(asked.problems)
    condition = _condition(asked, seat, now)
    for word, answers in ANSWERS.items():
        condition &= answers[values.pop(word)] if word in values else Q()
    if values.get("team") == "me":
        del values["team"]
        mine = my_teams(seat)
        condition &= Q(team__in=mine)
        problems += [] if mine else [_("“team:me”: no team of this project is yours. Settings say who is in which.")]
    return Question(
        asked=asked,
        wanted=Wanted(search=asked.search, **values),
        condition=condition,
        problems=tuple(problems),
    )


def my_teams(seat: Seat) -> Sequence[int]:
    mine = Membership.objects.filter(project=seat.project, user=seat.actor.user_id, team__isnull=False)
    return list(mine.values_list("team_id", flat=True))


def _condition(asked: Asked, seat: Seat, now: datetime) -> Q:
    condition = Q()
    for trait in asked.traits:
        condition &= _stale(now) if trait == "stale" else TRAITS[trait]
    if asked.mismatch is not None:
        condition &= differing(project=seat.project, above=asked.mismatch.above, rate=asked.mismatch.rate)
    return condition


def _stale(now: datetime) -> Q:
    return ~Q(stage__in=[Stage.BACKLOG, Stage.REMOVED]) & unseen_since(moment=now - STALE)


def chosen(values: Sequence[str], *, most: int) -> list[int]:
    """Numbers of units that boxes were ticked for."""
    good = [each for each in values if each.isascii() and each.isdecimal() and len(each) < 19]
    return list(dict.fromkeys(map(int, good)))[:most]


def units_asked(*, asked: Question, seat: Seat) -> QuerySet[Unit]:
    """All units that a question finds, in the order of their keys."""
    units = Unit.objects.tracked().filter(asked.wanted.as_query(), asked.condition, project=seat.project)
    return units.select_related("service", "team").order_by("key")
