"""The ledger: every change that anybody or anything made, newest first, to search and to take away."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext, ngettext, override
from django.utils.translation import gettext_lazy as _

from dashboards.changes import Act, acts
from dashboards.exports import exported
from dashboards.ledger_words import tells_who, told
from dashboards.parameters import key, text
from dashboards.proposals import place
from dashboards.seats import Seat, project_page
from dashboards.vocabulary import spoken
from migrator.core.stages import Direction, Position
from migrator.inventory.models import Project
from migrator.ledger.models import Kind
from migrator.rollout.chain import anchor, check
from migrator.rollout.history import Line, Wanted, every_line, lines, unsealed_lines
from migrator.rollout.queries import Entry

PAGE = 50
DIRECTIONS = ((Direction.FORWARD, _("Forward")), (Direction.BACK, _("Back")), (Direction.SIDEWAYS, _("Mirror only")))
OTHERS = [(kind.value, str(kind.label)) for kind in Kind if kind not in (Kind.FLIP, Kind.ROLLBACK)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table: flips of one press, or another kind of change."""

    line: Line
    act: Act | None
    first: bool
    """Whether it is the first row of its line: pins lead to it."""
    unseen: int = 0
    """Flips of the line that the table leaves out."""

    @property
    def told(self) -> str:
        """What a change that is no flip was."""
        return told(self.line.kind, self.line.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One page of lines: links, and behind the last of them flips from before sealing began."""

    lines: tuple[Line, ...]
    older_than: int | None = None
    """Number of the last link, where there are more of them."""
    unsealed_below: int | None = None
    """Id of the last flip that no link seals, where there are more of them."""


def sheet(*, project: Project, wanted: Wanted, older_than: int | None, unsealed_below: int | None) -> Sheet:
    """At most `PAGE` lines."""
    found = [] if unsealed_below else lines(project=project, wanted=wanted, older_than=older_than, limit=PAGE + 1)
    if len(found) > PAGE:
        return Sheet(lines=tuple(found[:PAGE]), older_than=found[PAGE - 1].number)
    room = PAGE - len(found)
    older = unsealed_lines(project=project, wanted=wanted, older_than=unsealed_below, limit=room + 1)
    if len(older) <= room:
        return Sheet(lines=(*found, *older))
    # Where links leave no room, the next page begins above all of them.
    below = older[room - 1].oldest if room else older[0].newest + 1
    return Sheet(lines=(*found, *older[:room]), unsealed_below=below)


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    wanted = _wanted(request)
    older_than, unsealed_below = key(request.GET, "older_than"), key(request.GET, "unsealed_below")
    shown = sheet(project=seat.project, wanted=wanted, older_than=older_than, unsealed_below=unsealed_below)
    is_first = older_than is None and unsealed_below is None
    context = {
        "here": "ledger",
        "sentence": sentence(shown.lines, filtered=wanted.asks_something or not is_first),
        "rows": [row for line in shown.lines for row in rows_of(line)],
        "sheet": shown,
        "is_first": is_first,
        "directions": DIRECTIONS,
        "others": [(value, spoken(label).capitalize()) for value, label in OTHERS],
        "wanted": wanted,
        "since": text(request.GET, "since"),
        "until": text(request.GET, "until"),
        "head": anchor(project=seat.project),
    }
    return render(request, "dashboards/ledger.html", context)


def rows_of(line: Line) -> list[Row]:
    if not line.flips:
        return [Row(line=line, act=None, first=True)]
    pressed = acts(line.flips)
    unseen = line.count - len(line.flips)
    return [
        Row(line=line, act=act, first=number == 0, unseen=unseen if number == len(pressed) - 1 else 0)
        for number, act in enumerate(pressed)
    ]


def _wanted(request: HttpRequest) -> Wanted:
    kind, direction = text(request.GET, "kind"), text(request.GET, "direction")
    return Wanted(
        kind=kind if kind in Kind.values else "",
        direction=direction if direction in list(Direction) else "",
        search=text(request.GET, "search"),
        since=_midnight(text(request.GET, "since")),
        until=_midnight(text(request.GET, "until"), days_later=1),
    )


def _midnight(told: str, *, days_later: int = 0) -> datetime | None:
    """The beginning of a day as the reader counts days; None where it is none."""
    try:
        day = parse_date(told)
        if day is None:
            return None
        return datetime.combine(day + timedelta(days=days_later), time(), timezone.get_current_timezone())
    except (ValueError, OverflowError):
        return None


def sentence(shown: Sequence[Line], *, filtered: bool) -> str:
    """What changed last, in one line."""
    if not shown:
        return gettext("No change matches this filter.") if filtered else gettext("Nothing has changed yet.")
    found = gettext("Found: {change}.") if filtered else gettext("Last change: {change}.")
    return found.format(change=_in_words(shown[0]))


def _in_words(last: Line) -> str:
    if not last.flips:
        what = told(last.kind, last.body).rstrip(".")
        if tells_who(last.kind, last.body):
            return gettext("{what} {unit}").format(what=what[:1].lower() + what[1:], unit=last.unit_key).strip()
        by = gettext("{what} ({unit}), by {who}") if last.unit_key else gettext("{what}, by {who}")
        return by.format(what=what[:1].lower() + what[1:], unit=last.unit_key, who=last.actor)
    act, others = acts(last.flips)[0], last.count - 1
    if not others:
        moved = gettext("{who} set {unit} to {place}")
    elif act.is_family and act.others == others:
        moved = ngettext(
            "{who} set {unit} and {count} of its fields to {place}",
            "{who} set {unit} and {count} of its fields to {place}",
            others,
        )
    else:
        moved = ngettext(
            "{who} set {unit} and {count} more to {place}", "{who} set {unit} and {count} more to {place}", others
        )
    return moved.format(who=last.actor, unit=act.entry.unit_key, count=others, place=place(act.entry.after).lower())


@project_page
def verify(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Hash everything again, and say whether it fits."""
    found = check(project=seat.project)
    context = {"here": "ledger", "found": found, "head": anchor(project=seat.project)}
    return render(request, "dashboards/ledger_check.html", context)


@project_page
def keep(request: HttpRequest, seat: Seat) -> HttpResponse:
    """The chain's head, to be kept outside: `manage.py check_ledger --anchor` holds the ledger against it."""
    head = anchor(project=seat.project)
    if head is None:
        raise Http404(gettext("There is no change yet that an anchor could hold."))
    kept = {"project": head.project, "number": head.number, "digest": head.digest, "at": head.at.isoformat()}
    name = f'attachment; filename="{seat.project.slug}-ledger-{head.number}.json"'
    return JsonResponse([kept], safe=False, headers={"Content-Disposition": name})


# --------------------------------------------------------------------------------- the export


@project_page
def export(request: HttpRequest, seat: Seat, form: str) -> HttpResponseBase:
    """The ledger as it is filtered, all of it, oldest first: CSV, or one JSON object for each link."""
    found = every_line(project=seat.project, wanted=_wanted(request))
    name = f"{seat.project.slug}-ledger"
    return exported(name=name, form=form, columns=COLUMNS, cells=_cells(found), objects=map(_object, found))


COLUMNS = ("number", "at", "kind", "actor", "via", "unit", "from", "to", "against_the_gate", "reason", "digest")


def _cells(found: Iterable[Line]) -> Iterator[tuple[object, ...]]:
    """A row for each flip, and one for each change of another kind. Programs read them: they are in English."""
    for line in found:
        head, tail = (line.number, line.at, line.kind, line.actor, line.via), (line.reason, line.digest)
        if not line.flips:
            yield (*head, line.unit_key, "", "", "", *tail)
        for flip in line.flips:
            yield (*head, flip.unit_key, _in_english(flip.before), _in_english(flip.after), flip.override, *tail)


def _in_english(position: Position) -> str:
    with override("en"):
        return place(position)


def _object(line: Line) -> dict[str, Any]:
    return {
        "number": line.number, "at": line.at, "kind": line.kind, "actor": line.actor, "via": line.via,
        "unit": line.unit_key or None, "reason": line.reason, "body": line.body, "digest": line.digest,
        "flips": [_flip(flip) for flip in line.flips],
    }  # fmt: skip


def _flip(flip: Entry) -> dict[str, Any]:
    return {
        "unit": flip.unit_key, "unit_version": flip.unit_version, "direction": flip.direction,
        "override": flip.override, "reason": flip.reason, "evidence": flip.evidence,
        "from": [flip.before.stage, flip.before.candidate, flip.before.mirror],
        "to": [flip.after.stage, flip.after.candidate, flip.after.mirror],
        "version": str(flip.version),
    }  # fmt: skip
