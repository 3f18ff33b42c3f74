"""What is done with many units of the inventory at once: moved together, or kept as a view under a name."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from dashboards import words
from dashboards.parameters import key, text
from dashboards.seats import Seat, forbidden, holders, project_page
from dashboards.unit_search import chosen
from dashboards.vocabulary import spoken
from migrator.access.rights import Forbidden, Right
from migrator.core.stages import RUNGS, Stage
from migrator.inventory.services import Invalid
from migrator.planning.models import SavedView
from migrator.planning.saved_views import remove_view, save_view
from migrator.rollout.bulk import MOST, Prospect, look_over
from migrator.rollout.irreversible import among
from migrator.rollout.services import Change, Refused, Unknown, flip

PAGE = "inventory"


@require_POST
@project_page
def move(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Show what moving the ticked units would do; with `confirm`, do what was shown, in one version.

    The other button of the same form leads on to a ramp for them.
    """
    ids = chosen(request.POST.getlist("unit"), most=MOST)
    stage = text(request.POST, "to")
    if ids and text(request.POST, "act") == "ramp":
        page = reverse("ramp-new", args=[seat.project.slug])
        return HttpResponseRedirect(f"{page}?units={','.join(map(str, ids))}")
    if not ids or stage not in list(Stage):
        messages.error(request, _("Nothing to move: tick units first, and say where they go."))
        return HttpResponseRedirect(reverse("inventory", args=[seat.project.slug]))
    rows = look_over(project=seat.project, unit_ids=ids, stage=Stage(stage), actor=seat.actor, now=timezone.now())
    going = [row for row in rows if not row.skipped]
    if not (text(request.POST, "confirm") and going):
        return _preview(request, seat, Stage(stage), rows, going)
    return _moved(request, seat, Stage(stage), rows, going)


def _preview(
    request: HttpRequest, seat: Seat, stage: Stage, rows: list[Prospect], going: list[Prospect], refused: str = ""
) -> HttpResponse:
    label = spoken(RUNGS[stage].label).lower()
    context = {
        "here": PAGE,
        "sentence": _foreseen(len(going), len(rows) - len(going), label),
        "stage": stage,
        "label": label,
        "going": going,
        "staying": [row for row in rows if row.skipped],
        "lasting": among(unit_ids=[row.unit_id for row in going if row.after.candidate > row.before.candidate]),
        "refused": refused,
        "reason": text(request.POST, "reason"),
    }
    return render(request, "dashboards/selection.html", context, status=409 if refused else 200)


def _foreseen(going: int, stay: int, label: str) -> str:
    """How many would move, and how many would not."""
    if not stay:
        told = ngettext("{count} unit would move to {stage}.", "{count} units would move to {stage}.", going)
        return told.format(count=words.number(going), stage=label)
    told = ngettext(
        "{units} would move to {stage}; {count} stays.", "{units} would move to {stage}; {count} stay.", stay
    )
    return told.format(units=words.units(going), stage=label, count=words.number(stay))


def _moved(request: HttpRequest, seat: Seat, stage: Stage, rows: list[Prospect], going: list[Prospect]) -> HttpResponse:
    """In one call and one version. A unit that changed since it was shown stops all of them."""
    seen = dict(each.split(":", 1) for each in request.POST.getlist("seen") if ":" in each)
    shown = [row for row in going if str(row.unit_id) in seen]
    try:
        done = flip(
            project=seat.project,
            changes=[
                Change(unit_id=row.unit_id, version=_number(seen[str(row.unit_id)]), stage=stage) for row in shown
            ],
            actor=seat.actor,
            reason=text(request.POST, "reason"),
            now=timezone.now(),
        )
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    except Refused as refused:
        return _preview(request, seat, stage, rows, going, refused=refused.message)
    except Unknown as unknown:
        return _preview(request, seat, stage, rows, going, refused=str(unknown))
    messages.success(
        request,
        _("{units} moved to {stage}, in one version.").format(
            units=words.units(len(done)), stage=spoken(RUNGS[stage].label).lower()
        ),
    )
    return HttpResponseRedirect(f"{reverse('inventory', args=[seat.project.slug])}?stage={stage}")


def _number(told: str) -> int:
    """A version that nobody ever saw where it is no number."""
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 10 else -1


# ----------------------------------------------------------------------------------------- views


@require_POST
@project_page
def keep_view(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Keep the filters of the inventory under a name."""
    query = text(request.POST, "query")
    try:
        view = save_view(
            project=seat.project,
            user_id=seat.actor.user_id or 0,
            page=PAGE,
            name=text(request.POST, "name"),
            query=query,
            shared=bool(text(request.POST, "shared")),
        )
    except Invalid as invalid:
        messages.error(request, _("Not kept: {why}").format(why=invalid.message))
        return HttpResponseRedirect(f"{reverse('inventory', args=[seat.project.slug])}?{query}")
    messages.success(
        request, (_("{view} is kept for everybody.") if view.shared else _("{view} is kept.")).format(view=view.name)
    )
    return HttpResponseRedirect(f"{reverse('inventory', args=[seat.project.slug])}?{view.query}")


@require_POST
@project_page
def forget_view(request: HttpRequest, seat: Seat) -> HttpResponse:
    view = get_object_or_404(SavedView, project=seat.project, page=PAGE, pk=key(request.POST, "view") or 0)
    name = view.name
    try:
        remove_view(view=view, user_id=seat.actor.user_id or 0, may_manage=seat.actor.may(Right.MANAGE))
    except Invalid as invalid:
        messages.error(request, _("Not removed: {why}").format(why=invalid.message))
    else:
        messages.success(request, _("{name} is removed.").format(name=name))
    return HttpResponseRedirect(reverse("inventory", args=[seat.project.slug]))
