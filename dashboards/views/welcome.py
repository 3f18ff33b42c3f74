"""The first minutes of a project: what to import, what to connect, and the first comparison coming in."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboards import words
from dashboards.parameters import text
from dashboards.seats import Seat, forbidden, holders, project_page
from dashboards.spec_form import Chosen, chosen
from dashboards.vocabulary import spoken
from migrator.access.rights import Right
from migrator.inventory.importers.reading import read_spec
from migrator.inventory.importers.spec import Spec, SpecError
from migrator.inventory.imports import Declaration, ImportReport, service_for_import
from migrator.inventory.models import Unit
from migrator.inventory.services import Invalid
from migrator.ledger.scoping import import_specs
from migrator.observations.models import Standing
from migrator.rollout.queries import last_heard

PAIRS: Final = ("match", "mismatch", "accepted", "candidate_error")
"""Outcomes that are a comparison."""
KEYS_SHOWN: Final = 5
WARNINGS_SHOWN: Final = 3
"""Of what an import has to say; the command and REST tell all of it."""
KEYS_LISTED: Final = 10
WARNINGS_LISTED: Final = 10
"""The same where it is looked at before it happens."""


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    """The steps with what is done of them; a post imports a spec, or shows first what it would take away."""
    if request.method == "POST":
        return _import(request, seat)
    return shown(request, seat)


def shown(request: HttpRequest, seat: Seat, error: str = "") -> HttpResponse:
    tracked = Unit.objects.tracked().filter(project=seat.project).count()
    heard = last_heard(project=seat.project)
    compared = bool(tracked) and _compared(seat)
    context: dict[str, Any] = {
        "here": "project",
        "sentence": sentence(tracked=tracked, connected=heard is not None, compared=compared),
        "tracked": tracked,
        "heard": heard,
        "compared": compared,
        "services": list(seat.project.services.values_list("name", flat=True)),
        "origin": f"{request.scheme}://{request.get_host()}",
        "error": error,
        "who_may_edit": holders(project=seat.project, right=Right.EDIT),
    }
    return render(request, "dashboards/welcome.html", context, status=422 if error else 200)


def sentence(*, tracked: int, connected: bool, compared: bool) -> str:
    """What comes next."""
    if not tracked:
        return _("Nothing is tracked yet: import what the service offers.")
    if not connected:
        return _("{units} tracked. Next: put a gateway in front of legacy.").format(units=words.units(tracked))
    if not compared:
        return _("A data plane is connected. Waiting for the first comparison…")
    return _("The first answers are compared. Everything is in place.")


def _compared(seat: Seat) -> bool:
    standings = Standing.objects.filter(unit__project=seat.project)
    return any(standings.filter(**{f"{outcome}__gt": 0}).exists() for outcome in PAIRS)


def _import(request: HttpRequest, seat: Seat) -> HttpResponse:
    if not seat.may_edit:
        message = _("{name} may not {right}.").format(name=seat.actor.name, right=spoken(Right.EDIT))
        return forbidden(request, message, holders(project=seat.project, right=Right.EDIT))
    file = chosen(request)
    if file is None:
        return shown(request, seat, error=_("Choose a file first: OpenAPI as JSON or YAML, or a GraphQL schema."))
    try:
        spec = read_spec(file.data, filename=file.name or "the file")
        if not file.was_shown(request):
            ahead = _brought(request, seat, file, spec, dry_run=True)
            if ahead.gone or ahead.claimed:
                return _look_first(request, seat, file, ahead)
        done = _brought(request, seat, file, spec)
    except (SpecError, Invalid) as refused:
        return shown(request, seat, error=str(refused))
    messages.success(request, imported(done.counts()))
    for told in (*_taken_out(done), *_warned(done.warnings)):
        messages.warning(request, told)
    return HttpResponseRedirect(reverse("welcome", args=[seat.project.slug]))


def _brought(request: HttpRequest, seat: Seat, file: Chosen, spec: Spec, *, dry_run: bool = False) -> ImportReport:
    """What the import did, or would do. Raises Invalid."""
    name = text(request.POST, "service") or None
    return import_specs(
        actor=seat.actor,
        file=file.name,
        project=seat.project,
        service=service_for_import(project=seat.project, name=name, dry_run=dry_run),
        specs=[spec],
        now=timezone.now(),
        dry_run=dry_run,
    )


def _look_first(request: HttpRequest, seat: Seat, file: Chosen, ahead: ImportReport) -> HttpResponse:
    """What would happen, and the button that does it. Nothing was changed yet."""
    context: dict[str, Any] = {
        "here": "project",
        "sentence": foretold(ahead, file.name),
        "facts": [fact for fact in _ahead(ahead) if fact["count"]],
        "warnings": ahead.warnings[:WARNINGS_LISTED],
        "more_warnings": max(len(ahead.warnings) - WARNINGS_LISTED, 0),
        "file": file,
        "carried": file.carried,
        "service": text(request.POST, "service"),
    }
    return render(request, "dashboards/import_preview.html", context)


def foretold(ahead: ImportReport, name: str) -> str:
    """`shop.yaml would take 7 units out of scope. Nothing is imported yet.`"""
    parts = []
    if ahead.gone:
        told = _("would take {units} out of scope")
        parts.append(told.format(units=words.units(len(ahead.gone))))
    if ahead.claimed:
        told = _("would claim {units} of another service")
        parts.append(told.format(units=words.units(len(ahead.claimed))))
    told = _("{file} {does}. Nothing is imported yet.")
    return told.format(file=name or _("This file"), does=_(" and ").join(parts))


def _ahead(ahead: ImportReport) -> Iterator[dict[str, Any]]:
    """The kinds of change, what weighs most first."""
    for title, keys in (
        (_("out of scope, because this file does not name them"), ahead.gone),
        (_("claimed: they stay with the service that owns them, marked as contested"), ahead.claimed),
        (_("tracked on though not named, because the candidate answers their callers"), ahead.kept),
        (_("added"), ahead.added),
        (_("changed: stage, traffic and evidence stay"), ahead.changed),
        (_("of these back in scope"), ahead.back),
        (_("of these told another runbook, or whether they can be undone"), _keys(ahead.declared)),
    ):
        first = keys[:KEYS_LISTED]
        yield {"title": title, "count": len(keys), "keys": first, "more": len(keys) - len(first)}


def _keys(declared: Sequence[Declaration]) -> tuple[str, ...]:
    return tuple(each.key for each in declared)


def imported(counts: Mapping[str, int]) -> str:
    """`2 added, 0 changed.`, and what came back."""
    told = _("{added} added, {changed} changed.")
    if counts["back"]:
        told = _("{added} added, {changed} changed; {back} of these came back into scope.")
    return told.format(**{name: words.number(counts[name]) for name in ("added", "changed", "back")})


def _taken_out(done: ImportReport) -> Iterator[str]:
    """What the file no longer names, which is easily the file's fault: how many, which, and the way back."""
    if not done.gone:
        return
    told = ngettext(
        "{count} unit left the scope, because this file does not name it: {keys}. A file that names it brings it back.",
        "{count} units left the scope, because this file does not name them: {keys}."
        " A file that names them brings them back.",
        len(done.gone),
    )
    keys, more = ", ".join(done.gone[:KEYS_SHOWN]), len(done.gone) - KEYS_SHOWN
    if more > 0:
        keys = _("{keys} and {more} more").format(keys=keys, more=words.number(more))
    yield told.format(count=words.number(len(done.gone)), keys=keys)


def _warned(warnings: Sequence[str]) -> Iterator[str]:
    """What the import has to say beside, in one note."""
    if not warnings:
        return
    told, more = "; ".join(warnings[:WARNINGS_SHOWN]), len(warnings) - WARNINGS_SHOWN
    if more > 0:
        told = _("{told}; and {more} more warnings").format(told=told, more=words.number(more))
    yield f"{told}."
