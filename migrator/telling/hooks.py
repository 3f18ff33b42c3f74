"""Who may alarm us: hooks with a secret each, and alerts as their senders write them."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction

from migrator.access.rights import Actor, Right, demand
from migrator.access.tokens import digest
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import Invalid
from migrator.telling.models import Fallback, Hook, HookAction
from migrator.telling.sealing import Unreadable, seal, unseal
from migrator.telling.senders.webhook import signature

SECRET_PREFIX: Final = "mah_"  # noqa: S105 - what secrets begin with
FRESH: Final = timedelta(minutes=5)
"""How old a signature may be."""
MOST_ALERTS: Final = 1_000
"""In one request."""
MOST_HOOKS: Final = 50
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")
TEMPLATE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSettings:
    """A hook as somebody wants it. The templates name labels: `{unit}`, `GET /{service}/{route}`."""

    name: str
    action: str = HookAction.HOLD
    unit_from: str = "{unit}"
    service_from: str = "{service}"
    fallback: str = Fallback.REFUSE
    fallback_service: Service | None = None
    enabled: bool = True
    renew_secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedHook:
    """A hook, and its secret where a new one was made. It cannot be shown again."""

    hook: Hook
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What somebody tells us: a matter of theirs, firing or over. `message` is their words."""

    fingerprint: str
    name: str
    firing: bool
    labels: Mapping[str, str]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an alert is about: a unit, a service, or with neither the whole project."""

    unit: Unit | None = None
    service: Service | None = None

    @property
    def words(self) -> str:
        return self.unit.key if self.unit else self.service.name if self.service else "the project"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """An alert that is about nothing we know: the label, its value, and what to do."""

    label: str
    message: str


# ---------------------------------------------------------------------------------- the hooks


@transaction.atomic
def save_hook(
    *, project: Project, wanted: HookSettings, actor: Actor, now: datetime, hook: Hook | None = None
) -> SavedHook:
    """Make a hook, or change one. Raises Forbidden, and Invalid naming the field."""
    demand(actor=actor, right=Right.MANAGE)
    _check(project, wanted, hook)
    row = hook or Hook(project=project, created_at=now)
    row.name, row.action, row.enabled = wanted.name, wanted.action, wanted.enabled
    row.unit_from, row.service_from = wanted.unit_from, wanted.service_from
    row.fallback = wanted.fallback
    row.fallback_service = wanted.fallback_service if wanted.fallback == Fallback.SERVICE else None
    secret = ""
    if not row.digest or wanted.renew_secret:
        secret = SECRET_PREFIX + secrets.token_urlsafe(32)
        row.digest, row.signing = digest(secret), seal(secret)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Invalid("name", f"{project} has a hook {wanted.name} already. Choose another name.") from None
    return SavedHook(hook=row, secret=secret)


def settings_of_hook(hook: Hook) -> HookSettings:
    """A hook's settings as they are, to change some of them."""
    return HookSettings(
        name=hook.name,
        action=hook.action,
        unit_from=hook.unit_from,
        service_from=hook.service_from,
        fallback=hook.fallback,
        fallback_service=hook.fallback_service,
        enabled=hook.enabled,
    )


def _check(project: Project, wanted: HookSettings, hook: Hook | None) -> None:
    if hook is None and project.hooks.count() >= MOST_HOOKS:
        raise Invalid("name", f"{project} has {MOST_HOOKS} hooks. Remove one first.")
    if not NAME.fullmatch(wanted.name):
        raise Invalid("name", "A hook's name is part of its address: small letters, digits, - and _, at most 50.")
    if wanted.action not in HookAction.values:
        raise Invalid("action", f"action is one of {', '.join(HookAction.values)}.")
    if wanted.fallback not in Fallback.values:
        raise Invalid("fallback", f"fallback is one of {', '.join(Fallback.values)}.")
    if wanted.fallback == Fallback.SERVICE and wanted.fallback_service is None:
        raise Invalid("fallback_service", "Name the service that such alerts are about.")
    for name, template in (("unit_from", wanted.unit_from), ("service_from", wanted.service_from)):
        if template and not TEMPLATE.search(template):
            raise Invalid(name, f"{name} names at least one label in braces, such as {{service}}; or leave it empty.")


def genuine(*, hook: Hook, bearer: str, signed: str, body: bytes, now: datetime) -> bool:
    """Whether a request comes from whoever holds the hook's secret: by token, or by signature of time and body.

    Compared in constant time. A signature of more than five minutes ago or ahead is none.
    """
    if bearer:
        return hmac.compare_digest(digest(bearer), hook.digest)
    found = re.fullmatch(r"t=(\d{1,12}),v1=([0-9a-f]{64})", signed)
    if found is None or abs(int(found[1]) - now.timestamp()) > FRESH.total_seconds():
        return False
    try:
        secret = unseal(hook.signing)
    except Unreadable:
        return False
    return hmac.compare_digest(signature(secret=secret, timestamp=int(found[1]), body=body), signed)


# ---------------------------------------------------------------------------------- the alerts


def alerts_of(document: Mapping[str, Any]) -> list[Alert]:
    """The alerts of a request: Alertmanager's webhook (version 4), or one of our own plain form.

    Raises Invalid naming the place. Of two alerts with one fingerprint the later one counts.
    """
    if "alerts" not in document:
        return [_plain(document)]
    told = document["alerts"]
    if not isinstance(told, list) or len(told) > MOST_ALERTS:
        raise Invalid("alerts", f"alerts is a list of at most {MOST_ALERTS:,}. Alertmanager: set max_alerts.")
    group = document.get("groupKey")
    alerts = [_of_alertmanager(each, f"alerts.{index}", group) for index, each in enumerate(told)]
    return list({alert.fingerprint: alert for alert in alerts}.values())


def _of_alertmanager(told: Any, place: str, group: Any) -> Alert:
    if not isinstance(told, dict):
        raise Invalid(place, f"{place} is no object.")
    labels = _texts(told.get("labels"), f"{place}.labels")
    notes = _texts(told.get("annotations"), f"{place}.annotations")
    # Alertmanager's fingerprint follows from the labels; older ones send none.
    own = told.get("fingerprint") or f"{group}:{sorted(labels.items())}"
    return Alert(
        fingerprint=_hashed(own),
        name=labels.get("alertname", "alert")[:200],
        firing=_firing(told.get("status"), f"{place}.status"),
        labels=labels,
        message=(notes.get("summary") or notes.get("description") or "")[:500],
    )


def _plain(told: Mapping[str, Any]) -> Alert:
    key = told.get("key")
    if not isinstance(key, str) or not 0 < len(key) <= 200:
        raise Invalid(
            "key", "key names the matter, in at most 200 characters: the same when it fires and when it ends."
        )
    message = told.get("message", "")
    if not isinstance(message, str):
        raise Invalid("message", "message is a text.")
    labels = {
        name: str(value)
        for name, value in told.items()
        if name not in ("key", "status", "message", "labels") and isinstance(value, str | int | float)
    }
    return Alert(
        fingerprint=_hashed(key),
        name=key,
        firing=_firing(told.get("status"), "status"),
        labels=_texts(told.get("labels"), "labels") | labels,
        message=message[:500],
    )


def _firing(status: Any, place: str) -> bool:
    if status not in ("firing", "resolved"):
        raise Invalid(place, f"{place} is firing or resolved.")
    return bool(status == "firing")


def _texts(told: Any, place: str) -> dict[str, str]:
    if told is None:
        return {}
    if not isinstance(told, dict):
        raise Invalid(place, f"{place} is an object of texts.")
    return {str(name): value for name, value in told.items() if isinstance(value, str)}


def _hashed(own: Any) -> str:
    return hashlib.sha256(str(own).encode("utf-8", "surrogateescape")).hexdigest()


# --------------------------------------------------------------------------------- the targets


def targets_of(*, hook: Hook, alerts: Sequence[Alert]) -> list[Target | Unknown]:
    """What each alert is about, in their order, with two queries however many there are."""
    keys = [_filled(hook.unit_from, alert.labels) for alert in alerts]
    names = [_filled(hook.service_from, alert.labels) for alert in alerts]
    units = {unit.key: unit for unit in Unit.objects.tracked().filter(project=hook.project, key__in=filter(None, keys))}
    services = {each.name: each for each in Service.objects.filter(project=hook.project, name__in=filter(None, names))}
    return [_target(hook, key, name, units, services) for key, name in zip(keys, names, strict=True)]


def _target(
    hook: Hook, key: str | None, name: str | None, units: Mapping[str, Unit], services: Mapping[str, Service]
) -> Target | Unknown:
    if key:
        return Target(unit=units[key]) if key in units else _unknown(hook, hook.unit_from, "unit", key)
    if name:
        return (
            Target(service=services[name]) if name in services else _unknown(hook, hook.service_from, "service", name)
        )
    if hook.fallback == Fallback.PROJECT:
        return Target()
    if hook.fallback == Fallback.SERVICE and hook.fallback_service is not None:
        return Target(service=hook.fallback_service)
    wanted = [label for template in (hook.unit_from, hook.service_from) for label in TEMPLATE.findall(template)]
    label = wanted[0] if wanted else "unit"
    message = (
        f"The alert has no label {' or '.join(wanted) or label}. Add one, or say on the hook what it is about then."
    )
    return Unknown(label=label, message=message)


def _unknown(hook: Hook, template: str, what: str, value: str) -> Unknown:
    label = TEMPLATE.findall(template)[0]
    return Unknown(label=label, message=f"{hook.project} has no {what} {value[:100]!r}, which label {label} names.")


def _filled(template: str, labels: Mapping[str, str]) -> str | None:
    """The template with its labels put in; None where one is missing. What a label holds is not read again."""
    if not template or any(not labels.get(name) for name in TEMPLATE.findall(template)):
        return None
    return TEMPLATE.sub(lambda found: labels[found[1]], template)
