"""Ctrl-K: any unit, page or act by a few letters. Answers with a list, not a page."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from dashboards.context import PAGES
from dashboards.parameters import text
from dashboards.seats import Seat, seats_of
from migrator.core.stages import Stage
from migrator.inventory.queries import UnitRow, Wanted, matching_units

SHOWN: Final = 8
PROJECTS: Final = 5
"""Projects that are searched where none is named."""
GO_UP: Final = (Stage.SIDE_BY_SIDE, Stage.CANARY)
"""Stages from which a ramp leads on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One line: where it leads, and what kind of place that is."""

    name: str
    href: str
    kind: str


def entries(request: HttpRequest) -> HttpResponse:
    """Units, acts, pages and projects; of the project that is named, or of all of the reader's."""
    search, slug = text(request.GET, "search"), text(request.GET, "project")
    seats = seats_of(request=request)
    here = [seat for seat in seats if slug in ("", seat.project.slug)][:PROJECTS]
    several = len(here) > 1
    rows = [(seat, row) for seat in here if search for row in _units(seat, search)][:SHOWN]
    acts = _fitting(search, (goal for seat, row in rows for goal in _acts_of(seat, row)), always=True)
    common = _fitting(search, (goal for seat in here for goal in _acts(seat, several)))
    pages = _fitting(search, (goal for seat in here for goal in _pages(seat, several)))
    projects = _fitting(search, (_project(seat) for seat in seats if seat.project.slug != slug))
    context = {
        "found_units": [_unit(seat, row) for seat, row in rows],
        "found_goals": [*acts[:4], *common[:SHOWN], *pages[:SHOWN], *projects[:SHOWN]],
        "search": search,
    }
    return render(request, "dashboards/_palette_entries.html", context)


def _fitting(search: str, goals: Iterable[Goal], *, always: bool = False) -> Sequence[Goal]:
    """Those in which every word occurs, in any order and case."""
    wanted = search.lower().split()
    fitting = (goal for goal in goals if always or all(word in goal.name.lower() for word in wanted))
    return list(islice(fitting, 2 * SHOWN))


def _units(seat: Seat, search: str) -> Sequence[UnitRow]:
    """Endpoints before fields. What is looked for may begin with the verb of an act: `roll back /users`."""
    plain = search.lower()
    for verb in (_("Roll back {key}"), _("Start a ramp for {key}")):
        before = verb.partition("{key}")[0].lower()
        if before and plain.startswith(before):
            search = search[len(before) :]
    wanted = Wanted(search=search.strip())
    endpoints = matching_units(project=seat.project, wanted=wanted, limit=SHOWN, condition=Q(parent__isnull=True)).units
    room = SHOWN - len(endpoints)
    if not room:
        return endpoints
    fields = matching_units(project=seat.project, wanted=wanted, limit=room, condition=Q(parent__isnull=False)).units
    return (*endpoints, *fields)


def _unit(seat: Seat, row: UnitRow) -> dict[str, str]:
    href = reverse("unit", args=[seat.project.slug, row.id])
    return {"key": row.key, "stage": row.position.stage.value, "href": href}


def _acts_of(seat: Seat, row: UnitRow) -> Iterator[Goal]:
    """Each leads to the page that says the consequences: nothing is done from here."""
    slug = seat.project.slug
    if row.position.candidate and seat.may_roll_back and row.position.stage is not Stage.REMOVED:
        yield Goal(
            name=_("Roll back {key}").format(key=row.key),
            href=reverse("rollback-unit", args=[slug, row.id]),
            kind=_("act"),
        )
    if seat.may_flip and row.position.stage in GO_UP:
        href = f"{reverse('ramp-new', args=[slug])}?unit={row.id}"
        yield Goal(name=_("Start a ramp for {key}").format(key=row.key), href=href, kind=_("act"))


def _acts(seat: Seat, several: bool) -> Iterator[Goal]:
    slug, named = seat.project.slug, {"project": seat.project.name}
    if seat.may_flip:
        yield Goal(
            name=(_("Start a ramp… of {project}") if several else _("Start a ramp…")).format(**named),
            href=reverse("ramp-new", args=[slug]),
            kind=_("act"),
        )
    if seat.may_roll_back:
        yield Goal(name=_("Freeze {project}…").format(**named), href=reverse("freezes", args=[slug]), kind=_("act"))
        yield Goal(
            name=(_("Roll back everything of {project}…") if several else _("Roll back everything…")).format(**named),
            href=reverse("rollback-project", args=[slug]),
            kind=_("act"),
        )
    if seat.may_edit:
        yield Goal(
            name=(_("Import a specification of {project}…") if several else _("Import a specification…")).format(
                **named
            ),
            href=reverse("welcome", args=[slug]),
            kind=_("act"),
        )


def _pages(seat: Seat, several: bool) -> Iterator[Goal]:
    for place in PAGES:
        name = (
            _("{page} of {project}").format(page=place.name, project=seat.project.name) if several else str(place.name)
        )
        yield Goal(name=name, href=reverse(place.address, args=[seat.project.slug]), kind=_("page"))


def _project(seat: Seat) -> Goal:
    return Goal(name=seat.project.name, href=reverse("project", args=[seat.project.slug]), kind=_("project"))
