"""What a link of the ledger that is no flip tells, as a sentence: the kind of change, and what came of it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from dashboards import words
from dashboards.vocabulary import spoken
from migrator.ledger.models import Kind

Body = Mapping[str, Any]


def told(kind: str, body: Body) -> str:
    """`Settings changed: share link board made.` Links of years ago may lack what newer ones tell: then the kind."""
    try:
        said = _SPOKEN[kind](body)
    except KeyError:
        said = ""
    label = spoken(str(Kind(kind).label) if kind in Kind.values else kind)
    whole = said or (f"{label}: {body['headline']}" if body.get("headline") else label)
    return f"{whole[:1].upper()}{whole[1:].rstrip('.')}."


def tells_who(kind: str, body: Body) -> bool:
    """Whether the words name who did it, and a unit may follow: `the guard rolled back GET /users`."""
    return kind == Kind.GUARD and body.get("act") == "rollback"


def _policy(body: Body) -> str:
    if body["after"] is None:
        done = _("policy of {layer} removed")
    else:
        done = _("policy of {layer} changed") if body["before"] else _("policy of {layer} made")
    if body["layer"] == "project":
        return done.format(layer=_("the project"))
    return done.format(layer=f"{spoken(body['layer'])} {body['of']}")


def _waiver(body: Body) -> str:
    if body.get("revoked"):
        return _("waiver revoked")
    told = _("waiver of {gates} signed, until {day}")
    return told.format(gates=_and(body["gates"]), day=str(body["expires_at"])[:10])


def _approval(body: Body) -> str:
    what, _colon, of = str(body["headline"]).partition(": ")
    return f"{spoken(_APPROVALS.get(what, what))}: {of}"


_APPROVALS: Final = {"asked": gettext_noop("approval asked for"), "void": gettext_noop("approval void")}


def _freeze(body: Body) -> str:
    return (_("free again: {what}") if body["lifted"] else _("frozen: {what}")).format(what=body["what"])


def _ramp(body: Body) -> str:
    act, number = body["act"], len(body["units"])
    told = {
        "start": ngettext("ramp started", "{count} ramps started", number),
        "pause": ngettext("ramp paused", "{count} ramps paused", number),
        "resume": ngettext("ramp resumed", "{count} ramps resumed", number),
        "running": ngettext("ramp goes on", "{count} ramps go on", number),
        "cooling": ngettext("ramp cools down", "{count} ramps cool down", number),
        "done": ngettext("ramp done", "{count} ramps done", number),
        "stop": ngettext("ramp stopped", "{count} ramps stopped", number),
    }
    known = {"paused": "pause", "stopped": "stop"}.get(act, act)
    return told[known].format(count=words.number(number)) if known in told else f"{spoken('ramp')} {act}"


def _override(body: Body) -> str:
    if "headline" in body:
        return str(body["headline"])
    named = [*body["units"], *body["services"]]
    return ngettext(
        "signed override of {what} carried out: {count} unit rolled back",
        "signed override of {what} carried out: {count} units rolled back",
        body["rolled_back"],
    ).format(what=_("everything") if "*" in named else _and(named), count=words.number(body["rolled_back"]))


def _rule(body: Body) -> str:
    return f"{spoken('rule')} {spoken(body['what'])}: {spoken(body['kind'])} {body['path']}"


def _plain(body: Body) -> str:
    """The headline is a sentence by itself."""
    return str(body["headline"]) if not body.get("sentence") else f"{body['headline']}: {body['sentence']}"


def _settings(body: Body) -> str:
    if "channel" in body:
        return _("channel {channel} {act}").format(channel=body["channel"], act=spoken(body["act"]))
    if "hook" in body:
        told = _("hook {hook} {act}, with a new secret") if body.get("secret_renewed") else _("hook {hook} {act}")
        return told.format(hook=body["hook"], act=spoken(body["act"]))
    if "person" in body and "role" in body:
        return _("role of {change}").format(change=body["headline"])
    return ""


def _guard(body: Body) -> str:
    return _("the guard rolled back") if body["act"] == "rollback" else _("guard: {act}").format(act=body["act"])


_SPOKEN: Final[Mapping[str, Callable[[Body], str]]] = {
    Kind.POLICY: _policy,
    Kind.WAIVER: _waiver,
    Kind.APPROVAL: _approval,
    Kind.FREEZE: _freeze,
    Kind.RAMP: _ramp,
    Kind.OVERRIDE: _override,
    Kind.RULE: _rule,
    Kind.REMOVAL: _plain,
    Kind.SETTINGS: _settings,
    Kind.GUARD: _guard,
}
"""Kinds whose links say more than a headline; the others read `Deploy: comments, candidate: 1.4.`"""


def _and(names: Any) -> str:
    known = [str(name) for name in names]
    return _(" and ").join(filter(None, [", ".join(known[:-1]), *known[-1:]]))
