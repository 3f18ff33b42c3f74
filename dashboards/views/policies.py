"""Policies: what the project demands, and what some of its parts demand otherwise."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from django.views.decorators.http import require_POST

from dashboards import words
from dashboards.parameters import text
from dashboards.policy_form import PolicyForm, labelled, marks, stored_form, typed_form
from dashboards.policy_settings import SETTINGS, value_words
from dashboards.seats import Seat, forbidden, holders, project_page
from migrator.access.rights import Right
from migrator.core.policy import Policy, layered
from migrator.core.stages import Operation
from migrator.gates.flaws import flaws_added, flaws_of
from migrator.gates.layers import Layer, LayerKind, layer_of, layers_in, layers_of, own_layer, policy_of
from migrator.gates.models import PolicyLayer
from migrator.gates.services import (
    Changed,
    NeedsSecondPerson,
    StalePolicy,
    Target,
    change_project_policy,
    remove_layer,
    set_layer,
    target_of,
)
from migrator.gates.waivers import waivers_of
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import Invalid
from migrator.rollout.approvals import ask_for

SHOWN: Final = 200
UNPROCESSABLE: Final = 422


# -------------------------------------------------------------------------------- the project's


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    """What the project demands; a post changes it."""
    project, form = seat.project, None
    if request.method == "POST":
        if not seat.actor.may(Right.MANAGE):
            return refused(request, seat, _("change the policy"))
        form = typed_form(data=request.POST, inherited=Policy())
        done = _saved(request, seat, form, lambda: _change_project(request, seat, form))
        if done is not None:
            return done
    own = own_layer(project)
    flaws = flaws_of(project=project, layers=[own])
    layers = layers_in(project=project)
    shown = layers[:SHOWN]
    added = flaws_added(project=project, layers=shown, now=timezone.now())
    context = {
        "here": "policies",
        "sentence": sentence(policy=policy_of(project=project), layers=layers),
        "form": form or stored_form(settings=project.policy, inherited=Policy(), flaws=flaws),
        "version": _shown_version(request, form, own.version),
        "reason": text(request.POST, "reason"),
        "flaws": labelled(flaws),
        "layers": [(layer, told(layer), marks(added[layer.id or 0])) for layer in shown],
        "waivers": waivers_of(project=project, now=timezone.now()),
        "choices": _choices(project),
        **may_manage(seat),
    }
    return render(request, "dashboards/policies.html", context, status=UNPROCESSABLE if form else 200)


def _change_project(request: HttpRequest, seat: Seat, form: PolicyForm) -> Changed:
    return change_project_policy(
        project=seat.project,
        settings=form.settings,
        seen_version=seen_version(request),
        actor=seat.actor,
        now=timezone.now(),
        reason=text(request.POST, "reason")[:1_000],
    )


def sentence(*, policy: Policy, layers: list[Layer]) -> str:
    """What promotion asks for, and who asks for something else."""
    limit, counts = words.rate(policy.mismatch_limit), Counter(layer.kind for layer in layers)
    others = [_asking(kind, counts[kind]) for kind in LayerKind if counts[kind] and kind != LayerKind.PROJECT]
    if not others:
        return _("Promotion asks for a rate proven below {rate}, everywhere.").format(rate=limit)
    return ngettext(
        "Promotion asks for a rate proven below {rate}; {others} asks otherwise.",
        "Promotion asks for a rate proven below {rate}; {others} ask otherwise.",
        sum(counts.values()),
    ).format(rate=limit, others=_(" and ").join(filter(None, [", ".join(others[:-1]), others[-1]])))


def _asking(kind: str, number: int) -> str:
    """`2 classes of risk`."""
    told = {
        LayerKind.SERVICE: ngettext("{count} service", "{count} services", number),
        LayerKind.TEAM: ngettext("{count} team", "{count} teams", number),
        LayerKind.OPERATION: ngettext("{count} kind of operation", "{count} kinds of operation", number),
        LayerKind.RISK: ngettext("{count} class of risk", "{count} classes of risk", number),
        LayerKind.UNIT: ngettext("{count} unit", "{count} units", number),
    }
    return told[LayerKind(kind)].format(count=words.number(number))


NOUNS: Final = {
    LayerKind.SERVICE: gettext_noop("service"),
    LayerKind.TEAM: gettext_noop("team"),
    LayerKind.OPERATION: gettext_noop("kind of operation"),
    LayerKind.RISK: gettext_noop("class of risk"),
    LayerKind.UNIT: gettext_noop("unit"),
}


def told(layer: Layer) -> list[tuple[str, str]]:
    """What a layer sets, as label and words, in the order of the form."""
    policy = layered([layer.settings])
    return [
        (str(setting.label), value_words(setting.name, getattr(policy, setting.name)))
        for setting in SETTINGS.values()
        if setting.name in layer.settings
    ]


# ---------------------------------------------------------------------------------- one layer


@project_page
def new_layer(request: HttpRequest, seat: Seat) -> HttpResponse:
    """A layer for something that has none; where it has one, on to that."""
    kind, of = text(request.GET, "kind"), text(request.GET, "of")
    if kind not in list(LayerKind) or kind == LayerKind.PROJECT or not of:
        messages.error(request, _("Say what the policy is for."))
        return HttpResponseRedirect(reverse("policies", args=[seat.project.slug]))
    target = Target(kind=LayerKind(kind), of=of)
    known = next((each for each in layers_in(project=seat.project) if target_of(each) == target), None)
    if known is not None and request.method != "POST":
        return HttpResponseRedirect(reverse("policy-layer", args=[seat.project.slug, known.id]))
    return _layer_page(request, seat, target=target, layer=None)


@project_page
def one_layer(request: HttpRequest, seat: Seat, layer_id: int) -> HttpResponse:
    """What one layer sets; a post changes it."""
    layer = layer_of(_layer(seat, layer_id))
    return _layer_page(request, seat, target=target_of(layer), layer=layer)


def _layer_page(request: HttpRequest, seat: Seat, *, target: Target, layer: Layer | None) -> HttpResponse:
    """Editing one layer. `layer` is None while there is none."""
    inherited, form = _below(seat.project, target), None
    if request.method == "POST":
        if not seat.actor.may(Right.MANAGE):
            return refused(request, seat, _("change the policy"))
        form = typed_form(data=request.POST, inherited=inherited)
        done = _saved(request, seat, form, lambda: _set_layer(request, seat, target, form))
        if done is not None:
            return done
    flaws = flaws_of(project=seat.project, layers=[own_layer(seat.project), layer]) if layer else ()
    context = {
        "here": "policies",
        "target": target,
        "name": layer.of if layer else _named(seat.project, target),
        "noun": _(NOUNS[target.kind]),
        "layer": layer,
        "form": form or stored_form(settings=layer.settings if layer else {}, inherited=inherited, flaws=flaws),
        "version": _shown_version(request, form, layer.version if layer else 0),
        "reason": text(request.POST, "reason"),
        "flaws": labelled(flaws),
        **may_manage(seat),
    }
    return render(request, "dashboards/policy_layer.html", context, status=UNPROCESSABLE if form else 200)


def _set_layer(request: HttpRequest, seat: Seat, target: Target, form: PolicyForm) -> Changed:
    return set_layer(
        project=seat.project,
        target=target,
        settings=form.settings,
        seen_version=seen_version(request),
        actor=seat.actor,
        now=timezone.now(),
        reason=text(request.POST, "reason")[:1_000],
    )


@require_POST
@project_page
def remove(request: HttpRequest, seat: Seat, layer_id: int) -> HttpResponse:
    """Take a layer away: what it was for falls under the weaker ones."""
    if not seat.actor.may(Right.MANAGE):
        return refused(request, seat, _("change the policy"))
    form = PolicyForm(typed={}, inherited=Policy())
    done = _saved(
        request,
        seat,
        form,
        lambda: remove_layer(
            project=seat.project,
            layer_id=layer_id,
            seen_version=seen_version(request),
            actor=seat.actor,
            now=timezone.now(),
            reason=text(request.POST, "reason")[:1_000],
        ),
    )
    return done or HttpResponseRedirect(reverse("policies", args=[seat.project.slug]))


# ---------------------------------------------------------------------------------- in between


def _saved(request: HttpRequest, seat: Seat, form: PolicyForm, save: Callable[[], Changed]) -> HttpResponse | None:
    """Save what was typed and lead back; None where it cannot be, with the reason beside its control."""
    if form.errors:
        return None
    try:
        changed = save()
    except Invalid as invalid:
        if said := form.refuse(invalid):
            messages.error(request, said)
        return None
    except StalePolicy as stale:
        messages.error(request, _("{stale} Saving again puts yours on top.").format(stale=stale))
        form.overtaken = True
        return None
    except NeedsSecondPerson as needed:
        ask_second(request, seat, needed)
        return HttpResponseRedirect(reverse("policies", args=[seat.project.slug]))
    messages.success(request, " ".join(_done(changed)))
    return HttpResponseRedirect(reverse("policies", args=[seat.project.slug]))


def _done(changed: Changed) -> Iterator[str]:
    """What came of it."""
    if changed.layer:
        yield _("Saved. It is version {version}.").format(version=changed.layer.version)
    else:
        yield _("Removed.")
    if flaws := len(changed.flaws):
        told = ngettext("Look at it: {count} flaw.", "Look at it: {count} flaws.", flaws)
        yield told.format(count=words.number(flaws))


def ask_second(request: HttpRequest, seat: Seat, needed: NeedsSecondPerson) -> None:
    """Ask for what takes a second person, and say that nothing holds until then."""
    reason = text(request.POST, "reason")[:1_000]
    asked = ask_for(project=seat.project, kept_back=needed, actor=seat.actor, reason=reason, now=timezone.now())
    who = holders(project=seat.project, right=Right.APPROVE, unit=needed.unit)
    messages.warning(
        request,
        _("Not in force yet: {headline} waits for a second person. Who may approve: {who}.").format(
            headline=asked.headline, who=who
        ),
    )


def may_manage(seat: Seat) -> dict[str, Any]:
    return {
        "may_manage": seat.actor.may(Right.MANAGE),
        "who_may_manage": holders(project=seat.project, right=Right.MANAGE),
    }


def refused(request: HttpRequest, seat: Seat, what: str) -> HttpResponse:
    who = holders(project=seat.project, right=Right.MANAGE)
    return forbidden(request, _("{name} may not {right}.").format(name=seat.actor.name, right=what), who)


def _shown_version(request: HttpRequest, form: PolicyForm | None, present: int) -> str | int:
    """The version that Save sends: the one that was seen, unless the reader was just told of a newer one."""
    return present if form is None or form.overtaken else text(request.POST, "version")


def seen_version(request: HttpRequest) -> int:
    """The version that the page showed; one that never was where the form says none."""
    said = text(request.POST, "version")
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else -1


def _layer(seat: Seat, layer_id: int) -> PolicyLayer:
    rows = PolicyLayer.objects.select_related("service", "team", "unit")
    return get_object_or_404(rows, project=seat.project, pk=layer_id)


def _below(project: Project, target: Target) -> Policy:
    """What holds for a target without its own layer: for a unit all weaker layers, for the rest the project's."""
    if target.kind is LayerKind.UNIT and target.of.isdecimal():
        unit = Unit.objects.filter(project=project, pk=int(target.of)).first()
        if unit is not None:
            reaching = layers_of(units=[unit])[unit.pk]
            return layered(layer.settings for layer in reaching if layer.kind is not LayerKind.UNIT)
    return policy_of(project=project)


def _named(project: Project, target: Target) -> str:
    if target.kind is not LayerKind.UNIT or not target.of.isdecimal():
        return target.of
    return Unit.objects.filter(project=project, pk=int(target.of)).values_list("key", flat=True).first() or target.of


def _choices(project: Project) -> list[tuple[str, list[str]]]:
    """What a layer can be for, by kind. Units come from their own page."""
    risks = project.units.exclude(risk="").order_by("risk").values_list("risk", flat=True).distinct()
    return [
        (LayerKind.SERVICE, list(project.services.values_list("name", flat=True))),
        (LayerKind.TEAM, list(project.teams.values_list("name", flat=True))),
        (LayerKind.OPERATION, list(Operation)),
        (LayerKind.RISK, list(risks[:SHOWN])),
    ]
