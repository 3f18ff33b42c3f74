"""Removal with proof: what can be deleted today, what the rest waits for, and where code still names it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboards import words
from dashboards.parameters import text
from dashboards.seats import Seat, forbidden, holders, project_page
from migrator.access.rights import Forbidden, Right
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import Invalid
from migrator.removal.code import newest_scans
from migrator.removal.models import Reference, Reopening, Repository, Scan
from migrator.removal.proof import REFERENCES, TRAFFIC
from migrator.removal.queries import Case, cases_of, in_removal, references_to, reopened
from migrator.removal.services import save_repository, tick

SHOWN: Final = 200
"""Units on the page. Whoever has more finds them by search."""
LINES_SHOWN: Final = 500
LINES_OF_TICKET: Final = 30
READY: Final = "ready"


class RepositoryForm(forms.Form):
    """A repository that removal waits for."""

    name = forms.CharField(max_length=200, label="Name")
    branch = forms.CharField(max_length=200, label="Branch", initial="main")
    url = forms.CharField(max_length=500, label="Address", required=False)
    required = forms.BooleanField(required=False, initial=True, label="Removal waits for it")

    def clean_url(self) -> str:
        """An address of the web: its lines become links."""
        url: str = self.cleaned_data["url"].rstrip("/")
        if url:
            try:
                URLValidator(schemes=["http", "https"])(url)
            except ValidationError:
                raise forms.ValidationError(
                    "An address begins with https://, such as https://code.example/web."
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
    now, search, waits = timezone.now(), text(request.GET, "search"), text(request.GET, "waits")
    cases = list(cases_of(units=in_removal(project=seat.project), now=now).values())
    back = reopened(project=seat.project)
    found = [case for case in cases if search.casefold() in case.unit.key.casefold() and _waits(case, waits)]
    # What can be deleted stands first; below it, what is nearest to it.
    found.sort(key=lambda case: (not case.proof.complete, len(case.proof.waits_for), case.unit.key))
    context = {
        "here": "removal",
        "sentence": sentence(cases, back),
        "cases": found[:SHOWN],
        "more": max(0, len(found) - SHOWN),
        "anything": bool(cases),
        "reopened": back,
        "search": search,
        "waits": waits,
        "choices": _choices(cases),
        "repositories": _repositories(seat.project),
        "form": form,
        "origin": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "dashboards/removal.html", context, status=status)


def _waits(case: Case, wanted: str) -> bool:
    return not wanted or (case.proof.complete if wanted == READY else wanted in case.proof.waits_for)


def _choices(cases: Sequence[Case]) -> list[tuple[str, str]]:
    """What the list can be narrowed to, with how many that would be."""
    waiting = Counter(what for case in cases for what in case.proof.waits_for)
    ready = sum(case.proof.complete for case in cases)
    named = [(READY, f"Can be deleted {ready:,}")] if ready else []
    return named + [(what, f"Waits for {what} {count:,}") for what, count in waiting.most_common()]


def sentence(cases: Sequence[Case], back: Sequence[Reopening]) -> str:
    """What can be deleted today, and what the rest waits for."""
    ready = sum(case.proof.complete for case in cases)
    told = f"{words.count(ready, 'unit')} can be deleted today" if cases else "No unit is in removal"
    needed = f"{words.count(len(back), 'removed unit is', 'removed units are')} still needed. " if back else ""
    return f"{needed}{told}{_waiting(cases)}."


def _waiting(cases: Sequence[Case]) -> str:
    """`; 3 wait for quiet days, 2 for references`: a unit may wait for several things."""
    counted = Counter(what for case in cases for what in case.proof.waits_for).most_common()
    if not counted:
        return ""
    verb = "waits" if counted[0][1] == 1 else "wait"
    told = ", ".join(f"{count:,} for {what}" for what, count in counted)
    return f"; {told.replace(' for ', f' {verb} for ', 1)}"


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
    waits = "Removal waits for a scan of it." if saved.required else "Removal does not wait for it."
    messages.success(request, f"Repository {saved.name}, branch {saved.branch}. {waits}")
    return HttpResponseRedirect(f"{reverse('removal', args=[seat.project.slug])}#repositories")


@project_page
def unit(request: HttpRequest, seat: Seat, unit_id: int) -> HttpResponse:
    """One unit: the four parts of its proof, the lines that name it, the checklist, the text of the ticket."""
    found = _unit(seat, unit_id)
    case = cases_of(units=[found], now=timezone.now())[found.pk]
    lines = references_to(unit=found)
    context = {
        "here": "removal",
        "unit": found,
        "case": case,
        "sentence": _of_unit(case),
        "reopened": found.reopenings.filter(closed_at__isnull=True).first(),
        "lines": lines[:LINES_SHOWN],
        "more": max(0, len(lines) - LINES_SHOWN),
        "ticket": ticket(case, lines),
        "traffic": case.proof.part(TRAFFIC),
        "references": case.proof.part(REFERENCES),
        "may_move": found.stage == Stage.REMOVAL and case.proof.complete and seat.may_flip,
    }
    return render(request, "dashboards/removal_unit.html", context)


def _unit(seat: Seat, unit_id: int) -> Unit:
    found = Unit.objects.filter(project=seat.project, pk=unit_id).select_related("project", "service", "team").first()
    if found is None:
        raise Http404(f"{seat.project.name} has no unit with this number.")
    return found


def _of_unit(case: Case) -> str:
    """What the page's sentence says after the unit's key."""
    if case.unit.stage not in (Stage.REMOVAL, Stage.REMOVED):
        return "is not in removal: legacy is still needed."
    if case.unit.stage == Stage.REMOVED:
        return "is removed."
    if case.proof.complete:
        return "can be deleted from legacy."
    *others, last = case.proof.waits_for
    waits = f"{', '.join(others)} and {last}" if others else last
    return f"cannot be deleted yet: it waits for {waits}."


def ticket(case: Case, lines: Sequence[Reference]) -> str:
    """What somebody who deletes the code needs to know, to be copied."""
    told = [f"Delete {case.unit.key} from legacy ({case.service.name}).", ""]
    told += [f"- {part.sentence}" for part in case.proof.parts]
    if lines:
        told += ["", "Lines that name it:"]
        told += [f"- {line.scan.repository.name} {line.path}:{line.line} at {line.scan.commit[:12]}"
                 for line in lines[:LINES_OF_TICKET]]  # fmt: skip
        told += [f"- … and {len(lines) - LINES_OF_TICKET:,} more"] if len(lines) > LINES_OF_TICKET else []
    if aliases := ", ".join(map(str, case.unit.aliases)):
        told += ["", f"Also known as: {aliases}."]
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
        messages.error(request, f"Not kept: {invalid.message}")
    return HttpResponseRedirect(f"{reverse('removal-unit', args=[seat.project.slug, found.pk])}#tear-down")
