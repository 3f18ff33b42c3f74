"""Causes: the list of a project, news first, its export, and one cause in full."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dashboards.cause_chart import CAUSE_SPANS, USUAL_SPAN, cause_chart
from dashboards.causes import STATUSES, callers_of, cause_sentence, kinds, list_sentence, shown_sample
from dashboards.exports import exported
from dashboards.parameters import key, text
from dashboards.rule_form import sent, typed
from dashboards.seats import Seat, project_page
from migrator.access.models import Membership, Role
from migrator.access.rights import RIGHTS, Right
from migrator.core.advice import explain
from migrator.core.wire import RuleKind
from migrator.inventory.models import Project, Unit
from migrator.observations.folding import FAILED
from migrator.observations.models import OPEN_STATUSES, RULED_STATUSES, GroupStatus, MismatchGroup, SettledAs
from migrator.observations.queries.causes import CauseRow, Mark, Wanted, count_by_status, leaders, mismatches
from migrator.observations.queries.details import Cause, Suggestion, cause, suggestions
from migrator.rollout.queries import ledger

PAGE = 50
EXPORT_STEP: Final = 500
HISTORY: Final = 50
EVERYTHING: Final = "all"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NEWS: Final = (GroupStatus.NEW, GroupStatus.REGRESSED, GroupStatus.ESCALATING)
COLUMNS: Final = (
    "id", "status", "unit_key", "service", "sentence", "path", "kind", "pattern", "places", "count", "share", "total",
    "settled_as", "assignee", "rule_id", "raised_at", "first_seen_at", "last_seen_at",
)  # fmt: skip
KEYS: Final = (
    ("n r a b e", _("Noise, race, accepted, bug, archive")),
    ("[ ]", _("Newer and older sample")),
    ("x", _("Next open cause")),
)


# ---------------------------------------------------------------------------------- the list


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the list."""

    row: CauseRow
    mostly: str
    """Who met it most: `98 % ios`; empty where callers name themselves nowhere."""


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    wanted, now = _wanted(request, seat), timezone.now()
    after = _read_mark(text(request.GET, "after"))
    rows = mismatches(project=seat.project, wanted=wanted, after=after, limit=PAGE + 1)
    counts, shown = count_by_status(project=seat.project), rows[:PAGE]
    mostly = callers_of(row.id for row in shown)
    context = {
        "here": "mismatches",
        "sentence": list_sentence(counts, news=_news(seat.project, now)),
        "lines": [Line(row=row, mostly=mostly.get(row.id, "")) for row in shown],
        "next_page": _write_mark(shown[-1]) if len(rows) > PAGE else None,
        "after": after,
        "chips": [(status.value, str(status.label), counts.get(status, 0)) for status in STATUSES],
        "total": sum(counts.values()),
        "opened": sum(counts.get(status, 0) for status in OPEN_STATUSES),
        "status": text(request.GET, "status"),
        "wanted": wanted,
        "kinds": kinds([FAILED[1]]),
        "mine": text(request.GET, "mine"),
        "unit": _unit(seat, wanted.unit_id),
        "filtered": any((wanted.search, wanted.kind, wanted.unit_id, wanted.assignee_id, wanted.rule_id)),
    }
    return render(request, "dashboards/mismatches.html", context)


def _wanted(request: HttpRequest, seat: Seat) -> Wanted:
    status = text(request.GET, "status")
    statuses = () if status == EVERYTHING else (status,) if status in GroupStatus.values else OPEN_STATUSES
    return Wanted(
        statuses=statuses,
        unit_id=key(request.GET, "unit"),
        kind=text(request.GET, "kind") or None,
        rule_id=key(request.GET, "rule"),
        assignee_id=seat.actor.user_id if text(request.GET, "mine") else None,
        search=text(request.GET, "search"),
    )


def _news(project: Project, now: datetime) -> int:
    lately = leaders(project=project, wanted=Wanted(statuses=NEWS)).filter(raised_at__gte=now - timedelta(days=1))
    return lately.count()


def _unit(seat: Seat, unit_id: int | None) -> Unit | None:
    return Unit.objects.filter(project=seat.project, pk=unit_id).first() if unit_id is not None else None


def _write_mark(row: CauseRow) -> str:
    return f"{(row.raised_at - EPOCH) // timedelta(microseconds=1)}-{row.id}"


def _read_mark(told: str) -> Mark | None:
    """Where the last page ended; None where the address says nothing that makes sense."""
    raised, _dash, pk = told.partition("-")
    if not (raised.isascii() and raised.isdecimal() and pk.isascii() and pk.isdecimal() and len(told) < 38):
        return None
    try:
        return Mark(raised_at=EPOCH + timedelta(microseconds=int(raised)), id=min(int(pk), 2**63 - 1))
    except OverflowError:
        return None


# --------------------------------------------------------------------------------- the export


@project_page
def export(request: HttpRequest, seat: Seat, form: str) -> StreamingHttpResponse:
    """The list as it is filtered, all pages of it, as CSV or as one JSON object a line."""
    rows = _all_rows(seat.project, _wanted(request, seat))
    return exported(
        name=f"{seat.project.slug}-mismatches",
        form=form,
        columns=COLUMNS,
        cells=([getattr(row, column) for column in COLUMNS] for row in rows),
        objects=map(asdict, rows),
    )


def _all_rows(project: Project, wanted: Wanted) -> Iterator[CauseRow]:
    after: Mark | None = None
    while rows := mismatches(project=project, wanted=wanted, after=after, limit=EXPORT_STEP):
        yield from rows
        after = Mark(raised_at=rows[-1].raised_at, id=rows[-1].id)


# ---------------------------------------------------------------------------------- one cause


@project_page
def group(request: HttpRequest, seat: Seat, group_id: int) -> HttpResponse:
    found = group_of(seat, group_id)
    if found.leader_id is not None:
        here = reverse("mismatch", args=[seat.project.slug, found.leader_id])
        return HttpResponseRedirect(f"{here}?{request.GET.urlencode()}" if request.GET else here)
    now = timezone.now()
    known = cause(group=found)
    with_hidden = text(request.GET, "hidden") == "1"
    sample = shown_sample(
        cause=known, unit=found.unit, asked=key(request.GET, "sample"), with_hidden=with_hidden, now=now
    )
    is_ruled = found.status in RULED_STATUSES
    context = {
        "here": "mismatches",
        "sentence": cause_sentence(known),
        "cause": known,
        "row": known.row,
        "unit": found.unit,
        "service": found.unit.service,
        "kept": sample,
        "with_hidden": with_hidden,
        "status_label": GroupStatus(found.status).label,
        "is_ruled": is_ruled,
        "is_settled": is_ruled or found.status == GroupStatus.ARCHIVED or bool(found.settled_as),
        "next_cause": _next(seat.project, found.pk),
        "assignee_id": found.assignee_id,
        "more_keys": KEYS,
        **_chart(request, seat, known, found.unit, now),
        **_settling(seat, found, is_ruled=is_ruled, now=now),
    }
    return render(request, "dashboards/group.html", context)


def group_of(seat: Seat, group_id: int) -> MismatchGroup:
    """Raises Http404 where the project has no such group."""
    rows = MismatchGroup.objects.filter(project=seat.project, pk=group_id)
    found = rows.select_related("project", "unit__service", "unit__project").first()
    if found is None:
        raise Http404(gettext("{project} has no cause with this number.").format(project=seat.project.name))
    return found


def _next(project: Project, group_id: int) -> CauseRow | None:
    """The open cause that is news most, other than this one."""
    rows = mismatches(project=project, limit=2)
    return next((row for row in rows if row.id != group_id), None)


def _chart(request: HttpRequest, seat: Seat, known: Cause, unit: Unit, now: datetime) -> dict[str, Any]:
    span = text(request.GET, "span")
    span = span if span in CAUSE_SPANS else USUAL_SPAN
    entries = ledger(project=seat.project, unit_id=unit.pk, limit=HISTORY)
    chart = cause_chart(hours=known.hours, unit=unit, span=span, entries=entries, slug=seat.project.slug, now=now)
    return {"chart": chart, "span": span, "spans": [(name, gettext(label)) for name, label in CAUSE_SPANS.items()]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A rule that would settle the cause, ready to be pressed."""

    suggestion: Suggestion
    sentence: str
    is_narrow: bool
    """It explains what differs, instead of taking the place out of the comparison."""
    rules: str
    """The rules as JSON, as the button sends them."""
    settled_as: str
    address: str
    """The form of rules, filled in with the first of them."""


def _settling(seat: Seat, found: MismatchGroup, *, is_ruled: bool, now: datetime) -> dict[str, Any]:
    """What may be done with the cause: empty for those who may only look."""
    if not seat.may_edit:
        return {}
    made = [] if is_ruled else suggestions(group=found, now=now)
    return {"offers": [_offer(seat, each) for each in made], "people": _people(seat)}


def _offer(seat: Seat, suggestion: Suggestion) -> Offer:
    first = suggestion.rules[0]
    return Offer(
        suggestion=suggestion,
        # Proposals speak of the whole project; what is made here is of the unit.
        sentence=suggestion.sentence.replace(explain(replace(first, unit=None)), explain(first)),
        is_narrow=first.kind not in (RuleKind.ACCEPT, RuleKind.IGNORE),
        rules=msgspec.json.encode([sent(spec) for spec in suggestion.rules]).decode(),
        settled_as=SettledAs.ACCEPTED if first.kind is RuleKind.ACCEPT else SettledAs.NOISE,
        address=f"{reverse('rules', args=[seat.project.slug])}?{urlencode(typed(first) | {'preview': 1})}#new",
    )


def _people(seat: Seat) -> list[tuple[int, str]]:
    """Whom a cause can be given to: those who may settle it."""
    roles = [role for role in Role if Right.EDIT in RIGHTS[role]]
    members = Membership.objects.filter(project=seat.project, role__in=roles).order_by("user__username")
    people = dict(members.values_list("user_id", "user__username")[:200])
    if seat.actor.user_id is not None:
        people.setdefault(seat.actor.user_id, seat.actor.name)
    return list(people.items())
