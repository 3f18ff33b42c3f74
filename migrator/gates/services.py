"""Verbs that change what is demanded. Each names the version it saw, is sealed in the ledger, and is told.

Where the project's policy asks for a second person and there is one, a change without an `approver` is refused with
what would be applied: whoever keeps approvals asks for one, and comes back through `apply_policy`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from migrator.access import second_person
from migrator.access.rights import Actor, Right, demand
from migrator.core.policy import Flaw, FourEyes
from migrator.core.stages import Operation
from migrator.gates.flaws import flaws_of
from migrator.gates.layers import Layer, LayerKind, layer_of, own_layer, policy_of
from migrator.gates.models import PolicyLayer
from migrator.gates.settings import checked_settings
from migrator.inventory import versions
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import Invalid
from migrator.ledger.models import Kind
from migrator.ledger.services import record
from migrator.telling.models import Event, Severity
from migrator.telling.services import tell


class StalePolicy(ValueError):
    """Somebody changed the policy since it was looked at. Nothing was changed."""

    def __init__(self, *, headline: str, seen: int, layer: Layer | None) -> None:
        if layer is None:
            told = f"the policy of {headline} is gone"
        else:
            who = f" by {layer.changed_by}" if layer.changed_by else ""
            told = f"the policy of {headline} is at version {layer.version}{who}; you saw version {seen}"
        super().__init__(f"Not applied: {told}. Look at it again, then decide.")
        self.seen, self.layer = seen, layer


class NeedsSecondPerson(Exception):
    """The policy asks for a second person. `wanted` is what that person lets happen, as `apply_…` takes it."""

    def __init__(
        self,
        *,
        subject: FourEyes,
        wanted: Mapping[str, Any],
        headline: str,
        seen_version: int,
        unit: Unit | None = None,
    ) -> None:
        super().__init__(f"{headline}: this takes a second person.")
        self.subject, self.wanted, self.headline = subject, dict(wanted), headline
        self.seen_version, self.unit = seen_version, unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a layer is about, by names that last: JSON can hold it."""

    kind: LayerKind
    of: str
    """A service's or team's name, `read` or `write`, a class of risk, a unit's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A policy after a change, with what is wrong with it. A flaw does not refuse: it is shown."""

    layer: Layer | None
    """None where it was removed."""
    flaws: tuple[Flaw, ...]


@transaction.atomic
def set_layer(
    *,
    project: Project,
    target: Target,
    settings: Mapping[str, Any],
    seen_version: int,
    actor: Actor,
    now: datetime,
    reason: str = "",
    approver: str = "",
) -> Changed:
    """Say what a service, team, operation, class of risk or unit demands otherwise than the project.

    `settings` are all that the layer sets; what it set before and does not name now is gone. `seen_version` is 0
    where no layer was there. Raises Forbidden, Invalid naming the setting, StalePolicy or NeedsSecondPerson.
    """
    demand(actor=actor, right=Right.MANAGE)
    checked = checked_settings(settings)
    if not checked:
        raise Invalid("settings", "This layer changes nothing. Name at least one setting, or remove the layer.")
    project = versions.lock(project_id=project.pk)
    columns = _columns(project, target)
    row = PolicyLayer.objects.filter(project=project, **columns).first()
    before = layer_of(row) if row else None
    _same_version(before, seen_version, target)
    wanted = {"change": "set", "target": _as_json(target), "settings": checked, "reason": reason}
    _with_two(project, wanted, headline=f"Policy of {target.kind} {target.of}", seen=seen_version, approver=approver)
    told = {"settings": checked, "reason": _kept(reason), "changed_by": actor.name, "changed_at": now}
    if row is None:
        row = PolicyLayer.objects.create(project=project, **columns, **told)
    else:
        PolicyLayer.objects.filter(pk=row.pk).update(version=F("version") + 1, **told)
    after = layer_of(PolicyLayer.objects.select_related("service", "team", "unit").get(pk=row.pk))
    _written(project, before, after, actor=actor, approver=approver, reason=reason, now=now)
    return Changed(layer=after, flaws=flaws_of(project=project, layers=[own_layer(project), after]))


@transaction.atomic
def remove_layer(
    *,
    project: Project,
    layer_id: int,
    seen_version: int,
    actor: Actor,
    now: datetime,
    reason: str = "",
    approver: str = "",
) -> Changed:
    """Let what a layer was about fall under the weaker ones again. Raises as `set_layer` does."""
    demand(actor=actor, right=Right.MANAGE)
    project = versions.lock(project_id=project.pk)
    row = PolicyLayer.objects.filter(project=project, pk=layer_id).select_related("service", "team", "unit").first()
    if row is None:
        raise StalePolicy(headline="what this layer was about", seen=seen_version, layer=None)
    before = layer_of(row)
    if before.version != seen_version:
        raise StalePolicy(headline=before.headline, seen=seen_version, layer=before)
    wanted = {"change": "remove", "layer": layer_id, "reason": reason}
    _with_two(project, wanted, headline=f"Remove the policy of {before.headline}", seen=seen_version, approver=approver)
    row.delete()
    _written(project, before, None, actor=actor, approver=approver, reason=reason, now=now)
    return Changed(layer=None, flaws=flaws_of(project=project, layers=[own_layer(project)]))


@transaction.atomic
def change_project_policy(
    *,
    project: Project,
    settings: Mapping[str, Any],
    seen_version: int,
    actor: Actor,
    now: datetime,
    reason: str = "",
    approver: str = "",
) -> Changed:
    """Set what the project itself demands: all that it sets otherwise than what is built in.

    Raises as `set_layer` does.
    """
    demand(actor=actor, right=Right.MANAGE)
    checked = checked_settings(settings)
    project = versions.lock(project_id=project.pk)
    before = own_layer(project)
    if before.version != seen_version:
        raise StalePolicy(headline=before.headline, seen=seen_version, layer=before)
    wanted = {"change": "project", "settings": checked, "reason": reason}
    _with_two(project, wanted, headline="Policy of the project", seen=seen_version, approver=approver)
    project.policy, project.policy_version = checked, project.policy_version + 1
    project.save(update_fields=["policy", "policy_version"])
    after = own_layer(project)
    _written(project, before, after, actor=actor, approver=approver, reason=reason, now=now)
    return Changed(layer=after, flaws=flaws_of(project=project, layers=[after]))


def apply_policy(
    *,
    project: Project,
    wanted: Mapping[str, Any],
    seen_version: int,
    actor: Actor,
    approver: str,
    now: datetime,
) -> Changed:
    """Do what NeedsSecondPerson kept back, now that `approver` said yes. `actor` is who asked.

    Refused like the change itself: where the version that was seen stands no more, and where whoever asked has
    lost the right meanwhile.
    """
    common: dict[str, Any] = {
        "project": project,
        "seen_version": seen_version,
        "actor": actor,
        "approver": approver,
        "now": now,
        "reason": wanted.get("reason", ""),
    }
    match wanted:
        case {"change": "set", "target": {"kind": kind, "of": of}, "settings": settings}:
            return set_layer(target=Target(kind=LayerKind(kind), of=of), settings=settings, **common)
        case {"change": "remove", "layer": layer_id}:
            return remove_layer(layer_id=layer_id, **common)
        case {"change": "project", "settings": settings}:
            return change_project_policy(settings=settings, **common)
    raise Invalid("wanted", "This is no change of a policy.")


def target_of(layer: Layer) -> Target:
    """What a layer is about, as changes name it."""
    return Target(kind=layer.kind, of=str(layer.unit_id) if layer.unit_id else layer.of)


# ---------------------------------------------------------------------------------- in between


def _columns(project: Project, target: Target) -> dict[str, Any]:
    """The row that a layer is about, as columns. Raises Invalid naming what there is."""
    match target.kind:
        case LayerKind.SERVICE:
            return {"service": _named(project.services, "service", target.of)}
        case LayerKind.TEAM:
            return {"team": _named(project.teams, "team", target.of)}
        case LayerKind.OPERATION:
            if target.of not in list(Operation):
                raise Invalid("of", f"{target.of!r} is no operation: there are {' and '.join(Operation)}.")
            return {"operation": target.of}
        case LayerKind.RISK:
            if not target.of.strip() or len(target.of) > 40:
                raise Invalid("of", "A class of risk has a name of at most 40 characters, such as money.")
            return {"risk": _kept(target.of.strip())}
        case LayerKind.UNIT:
            return {"unit": _unit(project, target.of)}
    raise Invalid("kind", "The project's own policy is no layer: change the project's policy.")


def _named(rows: Any, what: str, name: str) -> Any:
    found = rows.filter(name=name).first()
    if found is None:
        names = list(rows.order_by("name").values_list("name", flat=True)[:20])
        raise Invalid("of", f"There is no {what} {name[:60]!r}. There is: {', '.join(names) or 'none yet'}.")
    return found


def _unit(project: Project, of: str) -> Unit:
    number = int(of) if of.isascii() and of.isdecimal() and len(of) < 19 else 0
    unit = Unit.objects.tracked().filter(project=project, pk=number).first()
    if unit is None:
        raise Invalid("of", f"{project} has no unit with the id {of[:20]}.")
    return unit


def _same_version(before: Layer | None, seen: int, target: Target) -> None:
    if (before.version if before else 0) != seen:
        raise StalePolicy(headline=f"{target.kind} {target.of}", seen=seen, layer=before)


def _with_two(project: Project, wanted: Mapping[str, Any], *, headline: str, seen: int, approver: str) -> None:
    """The project's own policy decides, not the layers': those who would loosen one could loosen that first."""
    subject = FourEyes.POLICY
    if not approver and second_person.needed(project=project, subject=subject, policy=policy_of(project=project)):
        raise NeedsSecondPerson(subject=subject, wanted=wanted, headline=headline, seen_version=seen)


def _written(
    project: Project,
    before: Layer | None,
    after: Layer | None,
    *,
    actor: Actor,
    approver: str,
    reason: str,
    now: datetime,
) -> None:
    """Seal what changed, and tell it."""
    layer = after or before
    if layer is None:
        return
    old, new = (dict(each.settings) if each else {} for each in (before, after))
    unit = Unit.objects.filter(pk=layer.unit_id).first() if layer.unit_id else None
    body = {
        "layer": layer.kind,
        "of": layer.of,
        "version": after.version if after else None,
        "before": old,
        "after": new if after else None,
        "approved_by": approver,
    }
    record(project=project, kind=Kind.POLICY, actor=actor, now=now, body=body, unit=unit, reason=reason)
    tell(
        project=project,
        event=Event.POLICY,
        severity=Severity.WARNING,
        title=f"Policy of {layer.headline} changed",
        sentence=f"{actor.name} {_words(old, new) if after else 'removed it'}.",
        path=f"/p/{project.slug}/policies",
        now=now,
        unit=unit,
    )


def _words(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What changed: `set mismatch_limit from 0.001 to 0.01 and took alpha back`."""
    told = [
        f"set {name} from {old[name]} to {value}" if name in old else f"set {name} to {value}"
        for name, value in new.items()
        if name not in old or old[name] != value
    ]
    told += [f"took {name} back" for name in old if name not in new]
    return " and ".join(told) or "left it as it was"


def _as_json(target: Target) -> dict[str, str]:
    return {"kind": target.kind.value, "of": target.of}


def _kept(text: str) -> str:
    """Without the one character that PostgreSQL keeps in no text."""
    return text.replace("\0", "")
