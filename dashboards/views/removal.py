"""Removal with proof: what can be deleted today, what the rest waits for, and where code still names it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from dashboards import words
from dashboards.parameters import text
from dashboards.seats import Seat, forbidden, holders, project_page
from dashboards.vocabulary import spoken
from migrator.access.rights import Forbidden, Right
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import Invalid
from migrator.removal.code import newest_scans
from migrator.removal.listing import READY, Place, Standing, listing
from migrator.removal.models import Reference, Repository, Scan
from migrator.removal.proof import REFERENCES, TRAFFIC
from migrator.removal.queries import Case, cases_of, count_reopened, references_to, reopened
from migrator.removal.services import save_repository, tick

PAGE: Final = 50
REOPENED_SHOWN: Final = 10
LINES_SHOWN: Final = 100
LINES_OF_TICKET: Final = 30


class RepositoryForm(forms.Form):
    """A repository that removal waits for."""

    name = forms.CharField(max_length=200, label=gettext_lazy("Name"))
    branch = forms.CharField(max_length=200, label=gettext_lazy("Branch"), initial="main")
    url = forms.CharField(max_length=500, label=gettext_lazy("Address"), required=False)
    required = forms.BooleanField(required=False, initial=True, label=gettext_lazy("Removal waits for it"))

    def clean_url(self) -> str:
        """An address of the web: its lines become links."""
        url: str = self.cleaned_data["url"].rstrip("/")
        if url:
            try:
                URLValidator(schemes=["http", "https"])(url)
            except ValidationError:
                raise forms.ValidationError(
                    _("An address begins with https://, such as https://code.example/web.")
                ) from None
        return url


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A repository with what is known of it."""

    repository: Repository
    scan: Scan | None
    """The newest that counts."""


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    """The list; a post registers a repository."""
    if request.method == "POST":
        return _register(request, seat)
    return _shown(request, seat, RepositoryForm())


def _shown(request: HttpRequest, seat: Seat, form: RepositoryForm, status: int = 200) -> HttpResponse:
    search, waits, after = text(request.GET, "search"), text(request.GET, "waits"), text(request.GET, "after")
    found = listing(
        project=seat.project, now=timezone.now(), search=search, waits=waits, after=_read_place(after), limit=PAGE
    )
    back = count_reopened(project=seat.project)
    context = {
        "here": "removal",
        "sentence": sentence(found.standing, back),
        "cases": found.cases,
        "next_page": f"{found.after.rank}-{found.after.key}" if found.after else None,
        "after": after,
        "anything": found.standing.total,
        "unseen": found.standing.total - len(found.cases),
        "unknown": found.standing.unknown,
        "looked_at": found.looked_at,
        "reopened": reopened(project=seat.project, limit=REOPENED_SHOWN),
        "more_reopened": max(0, back - REOPENED_SHOWN),
        "search": search,
        "waits": waits,
        "choices": _choices(found.standing),
        "repositories": _repositories(seat.project),
        "form": form,
        "origin": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "dashboards/removal.html", context, status=status)


def _read_place(told: str) -> Place | None:
    """Where the last page ended; None where the address says nothing that makes sense."""
    rank, _dash, key = told.partition("-")
    return Place(rank=int(rank), key=key) if rank.isascii() and rank.isdecimal() and len(rank) == 1 else None


def _choices(standing: Standing) -> list[tuple[str, str]]:
    """What the list can be narrowed to, with how many that would be."""
    named = [(READY, _("Can be deleted {count}").format(count=words.number(standing.ready)))] if standing.ready else []
    return named + [
        (what, _("Waits for {what} {count}").format(what=spoken(what), count=words.number(count)))
        for what, count in standing.waiting.items()
    ]


def sentence(standing: Standing, back: int) -> str:
    """What can be deleted today, and what the rest waits for. `back` are removed units that something returned to."""
    told = [_("No unit is in removal")]
    if standing.total:
        can = ngettext("{count} unit can be deleted today", "{count} units can be deleted today", standing.ready)
        told = [can.format(count=words.number(standing.ready))]
    told += filter(None, [_waiting(standing)])
    needed = ngettext("{count} removed unit is still needed.", "{count} removed units are still needed.", back)
    return " ".join([*([needed.format(count=words.number(back))] if back else []), f"{'; '.join(told)}."])


def _waiting(standing: Standing) -> str:
    """`3 wait for quiet days, 2 for references`: a unit may wait for several things."""
    told = [_("{count} for {what}").format(count=words.number(n), what=spoken(w)) for w, n in standing.waiting.items()]
    for what, number in islice(standing.waiting.items(), 1):
        first = ngettext("{count} waits for {what}", "{count} wait for {what}", number)
        told[0] = first.format(count=words.number(number), what=spoken(what))
    return ", ".join(told)


def _repositories(project: Project) -> list[Row]:
    repositories = list(Repository.objects.filter(project=project))
    scans = {scan.repository_id: scan for scan in newest_scans(repositories)}
    return [Row(repository=each, scan=scans.get(each.pk)) for each in repositories]


def _register(request: HttpRequest, seat: Seat) -> HttpResponse:
    form = RepositoryForm(request.POST)
    if not form.is_valid():
        return _shown(request, seat, form, status=422)
    try:
        saved = save_repository(project=seat.project, actor=seat.actor, now=timezone.now(), **form.cleaned_data)
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    told = _("Repository {name}, branch {branch}. Removal waits for a scan of it.")
    if not saved.required:
        told = _("Repository {name}, branch {branch}. Removal does not wait for it.")
    messages.success(request, told.format(name=saved.name, branch=saved.branch))
    return HttpResponseRedirect(f"{reverse('removal', args=[seat.project.slug])}#repositories")


@project_page
def unit(request: HttpRequest, seat: Seat, unit_id: int) -> HttpResponse:
    """One unit: the four parts of its proof, the lines that name it, the checklist, the text of the ticket."""
    found = _unit(seat, unit_id)
    case = cases_of(units=[found], now=timezone.now())[found.pk]
    lines = references_to(unit=found, limit=LINES_SHOWN)
    context = {
        "here": "removal",
        "unit": found,
        "case": case,
        "sentence": _of_unit(case),
        "reopened": found.reopenings.filter(closed_at__isnull=True).first(),
        "lines": lines,
        "more": case.sighting.total - len(lines),
        "ticket": ticket(case, lines),
        "traffic": case.proof.part(TRAFFIC),
        "references": case.proof.part(REFERENCES),
        "may_move": found.stage == Stage.REMOVAL and case.proof.complete and seat.may_flip,
    }
    return render(request, "dashboards/removal_unit.html", context)


def _unit(seat: Seat, unit_id: int) -> Unit:
    found = Unit.objects.filter(project=seat.project, pk=unit_id).select_related("project", "service", "team").first()
    if found is None:
        raise Http404(_("{project} has no unit with this number.").format(project=seat.project.name))
    return found


def _of_unit(case: Case) -> str:
    """What the page's sentence says after the unit's key."""
    if case.unit.stage not in (Stage.REMOVAL, Stage.REMOVED):
        return _("is not in removal: legacy is still needed.")
    if case.unit.stage == Stage.REMOVED:
        return _("is removed.")
    if case.proof.complete:
        return _("can be deleted from legacy.")
    *others, last = map(spoken, case.proof.waits_for)
    waits = _("{others} and {last}").format(others=", ".join(others), last=last) if others else last
    return _("cannot be deleted yet: it waits for {parts}.").format(parts=waits)


def ticket(case: Case, lines: Sequence[Reference]) -> str:
    """What somebody who deletes the code needs to know, to be copied."""
    told = [_("Delete {key} from legacy ({service}).").format(key=case.unit.key, service=case.service.name), ""]
    told += [f"- {part.sentence}" for part in case.proof.parts]
    if lines:
        told += ["", _("Lines that name it:")]
        told += [f"- {line.scan.repository.name} {line.path}:{line.line} at {line.scan.commit[:12]}"
                 for line in lines[:LINES_OF_TICKET]]  # fmt: skip
        more = case.sighting.total - LINES_OF_TICKET
        told += [_("- … and {count} more").format(count=words.number(more))] if more > 0 else []
    if aliases := ", ".join(map(str, case.unit.aliases)):
        told += ["", _("Also known as: {aliases}.").format(aliases=aliases)]
    return "\n".join(told)


@require_POST
@project_page
def tear_down(request: HttpRequest, seat: Seat, unit_id: int) -> HttpResponse:
    """Tick one item of a unit's checklist, or take the word back."""
    found = _unit(seat, unit_id)
    done = request.POST.get("done") != "no"
    try:
        tick(unit=found, what=text(request.POST, "what"), actor=seat.actor, now=timezone.now(), done=done)
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=Right.EDIT))
    except Invalid as invalid:
        messages.error(request, _("Not kept: {why}").format(why=invalid.message))
    return HttpResponseRedirect(f"{reverse('removal-unit', args=[seat.project.slug, found.pk])}#tear-down")
