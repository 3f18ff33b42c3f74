"""Rules: what is settled, what each hides, and the form that shows what a new one would hide before it is saved."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from dashboards import words
from dashboards.parameters import text
from dashboards.rule_form import USUAL_DAYS, RuleForm
from dashboards.seats import Seat, forbidden, holders, project_page
from migrator.access.rights import Forbidden, Right
from migrator.core.advice import explain
from migrator.core.wire import Form, RuleKind
from migrator.inventory.services import Invalid
from migrator.observations.models import Rule
from migrator.observations.queries.rules import RuleFigures, rules_of
from migrator.observations.reach import HiddenPreview, would_hide
from migrator.observations.ruling import create_rule, revoke_rule

ENDED: Final = "all"
SHOWN: Final = 200
"""Rules on the page. Whoever has more finds them by search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a rule would do, before it is saved."""

    sentence: str
    hides: HiddenPreview
    fields: tuple[tuple[str, str], ...]
    """What was previewed, as Save sends it."""


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    """The list; a post saves what was previewed."""
    if request.method == "POST":
        return _save(request, seat)
    form = _form(request.GET, seat)
    previewed = bool(text(request.GET, "preview")) and seat.may_edit
    return _shown(request, seat, form, previewed=previewed)


def _save(request: HttpRequest, seat: Seat) -> HttpResponse:
    if not seat.may_edit:
        return forbidden(
            request,
            _("{name} may not make rules.").format(name=seat.actor.name),
            holders(project=seat.project, right=Right.EDIT),
        )
    form, now = _form(request.POST, seat), timezone.now()
    if not form.is_valid():
        return _back(seat, form)
    reason, expires_at = form.cleaned_data["reason"], form.expires_at(now)
    try:
        rule = create_rule(
            project=seat.project, draft=form.draft, actor=seat.actor, reason=reason, now=now, expires_at=expires_at
        )
    except Invalid as invalid:  # somebody else made a rule meanwhile, or there are too many
        messages.error(request, _("Not saved: {why}").format(why=invalid.message))
        return _back(seat, form)
    messages.success(
        request, _("Rule {number} holds until {day}.").format(number=rule.pk, day=words.day(rule.expires_at))
    )
    return HttpResponseRedirect(reverse("rules", args=[seat.project.slug]))


def _back(seat: Seat, form: RuleForm) -> HttpResponse:
    """To the preview of what was typed, which says beside each field what is wrong with it."""
    kept = {name: form.data[name] for name in form.fields if form.data.get(name)} | {
        "reason": form.data.get("reason", "")
    }
    return HttpResponseRedirect(f"{reverse('rules', args=[seat.project.slug])}?{urlencode(kept | {'preview': 1})}#new")


def _form(data: QueryDict, seat: Seat) -> RuleForm:
    """What was typed, with the usual where nothing was."""
    filled = data.copy()
    for name, usual in (("kind", RuleKind.IGNORE), ("form", Form.INSTANT), ("days", str(USUAL_DAYS))):
        if not filled.get(name):
            filled[name] = usual
    return RuleForm(filled, project=seat.project)


def _shown(request: HttpRequest, seat: Seat, form: RuleForm, *, previewed: bool) -> HttpResponse:
    now, search = timezone.now(), text(request.GET, "search")
    all_of_them = text(request.GET, "state") == ENDED
    rules = [each for each in rules_of(project=seat.project, now=now, all_of_them=all_of_them) if _has(each, search)]
    form.is_valid()  # finds the unit, and in a preview the errors
    context = {
        "here": "rules",
        "sentence": sentence(rules, all_of_them=all_of_them, search=search),
        "rules": rules[:SHOWN],
        "more": max(0, len(rules) - SHOWN),
        "search": search,
        "all_of_them": all_of_them,
        "form": form,
        "previewed": previewed,
        "is_asked_why": "reason" in request.GET,
        "is_complete": form.is_valid(),
        "preview": _preview(seat, form) if previewed and set(form.errors) <= {"reason"} else None,
        "services": list(seat.project.services.values_list("name", flat=True)),
        "begun": previewed or any(request.GET.get(name) for name in ("kind", "path")),
        "now": now,
    }
    return render(request, "dashboards/rules.html", context)


def _has(rule: RuleFigures, search: str) -> bool:
    told = " ".join([rule.sentence, rule.path, rule.unit_key or "", rule.reason, rule.author])
    return search.casefold() in told.casefold()


def _preview(seat: Seat, form: RuleForm) -> Shown:
    hides = would_hide(project=seat.project, specs=[form.spec], now=timezone.now())
    kept = [(name, form.data.get(name, "")) for name in form.fields]
    return Shown(sentence=explain(form.spec), hides=hides, fields=tuple((name, told) for name, told in kept if told))


def sentence(rules: list[RuleFigures], *, all_of_them: bool, search: str) -> str:
    """How many rules there are, and which of them want a look."""
    if not rules:
        return _("No rule contains this.") if search else _("No rule: everything is compared as it is.")
    if all_of_them or search:
        return ngettext("{count} rule found.", "{count} rules found.", len(rules)).format(
            count=words.number(len(rules))
        )
    unused, broad = sum(each.unused for each in rules), sum(each.over_broad is not None for each in rules)
    told = ngettext("{count} rule in force", "{count} rules in force", len(rules))
    look = [
        told.format(count=words.number(len(rules))),
        _("{count} hid nothing lately").format(count=unused) if unused else "",
        _("{count} may hide too much").format(count=broad) if broad else "",
    ]
    return f"{'; '.join(filter(None, look))}."


@require_POST
@project_page
def revoke(request: HttpRequest, seat: Seat, rule_id: int) -> HttpResponse:
    """Take a rule back: its causes are open again."""
    rule = get_object_or_404(Rule, project=seat.project, pk=rule_id)
    try:
        revoke_rule(rule=rule, actor=seat.actor, now=timezone.now(), reason=text(request.POST, "reason"))
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    messages.success(request, _("Rule {number} is taken back: what it settled is open again.").format(number=rule.pk))
    return HttpResponseRedirect(reverse("rules", args=[seat.project.slug]))
