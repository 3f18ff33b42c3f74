"""Alerts from outside hold units, or take them down. Nothing that an alert does ever takes a unit up.

An alert that fires again before ten quiet minutes are over flaps: it is the same matter. A matter rolls back once,
and not again within the project's cool-down; its hold stays until the quiet is over. When it ends, what was rolled
back stays where it is: only people and ramps go up, by their own proof.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from migrator.access.rights import Actor, Via, machine
from migrator.gates.queries import policy_of
from migrator.inventory.models import Project, Service, Unit
from migrator.rollout.freezes import freeze, lift_key
from migrator.rollout.models import Freeze
from migrator.rollout.scopes import Scope
from migrator.rollout.services import rollback
from migrator.telling.hooks import Alert, Target, Unknown, targets_of
from migrator.telling.models import Alarm, Event, Hook, HookAction, Severity
from migrator.telling.services import tell

QUIET: Final = timedelta(minutes=10)
WIDENS_AT: Final = 20
"""Units of one service that alerts hold one by one. More of them hold the service as a whole."""
NAMED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What came of a request."""

    firing: int
    resolved: int
    held: int
    rolled_back: int
    unknown: tuple[Unknown, ...]


@dataclass(frozen=True, slots=True)
class _Raised:
    """An alarm that fires, with what it is about."""

    alarm: Alarm
    target: Target
    alert: Alert
    is_new: bool
    """It is a matter that was not under way."""
    is_repeat: bool
    """It fires as before: there is nothing to do again."""


def take(*, hook: Hook, alerts: Sequence[Alert], now: datetime) -> Taken:
    """Do what the hook says about these alerts. Repeating a request changes nothing.

    Those that name nothing we know are left out and returned; the others count. Two transactions: going down is
    committed before anything is held, so whatever hinders a hold hinders no rollback, and a repeat holds after all.
    """
    actor = machine(name=f"alert {hook.name}", via=Via.ALERT)
    targets = targets_of(hook=hook, alerts=alerts)
    told = list(zip(alerts, targets, strict=True))
    with transaction.atomic():
        hook = _locked(hook)
        raised = _fire(hook, [(a, t) for a, t in told if a.firing and isinstance(t, Target)], now)
        ended = _end(hook, [alert for alert in alerts if not alert.firing], now)
        moved = _roll_back(hook, raised, actor, now) if hook.action == HookAction.ROLLBACK else 0
    with transaction.atomic():
        hook = _locked(hook)
        held = _open(hook, [each for each in raised if not (each.is_repeat and each.alarm.matter)], actor, now)
        Hook.objects.filter(pk=hook.pk).update(last_used_at=now)
    unknown = tuple(t for a, t in told if isinstance(t, Unknown) and a.firing)
    return Taken(firing=len(raised), resolved=ended, held=held, rolled_back=moved, unknown=unknown)


def _locked(hook: Hook) -> Hook:
    """The hook, locked: requests of one hook queue up."""
    return Hook.objects.select_for_update(of=("self",)).select_related("project").get(pk=hook.pk)


def settle(*, now: datetime) -> int:
    """End the matters that have been quiet for ten minutes, and lift the holds that nothing keeps. Returns how many."""
    quiet = Alarm.objects.filter(over_at__isnull=True, firing=False, changed_at__lte=now - QUIET)
    hooks = Hook.objects.filter(pk__in=quiet.values("hook"))
    return sum(_settle_hook(hook, now) for hook in hooks)


@transaction.atomic
def remove_hook(*, hook: Hook, actor: Actor, now: datetime) -> None:
    """Delete a hook. What it held is free again: nobody would lift it. The caller has asked for the right."""
    for key in _standing(hook):
        lift_key(project=hook.project, key=key, actor=actor, now=now, reason=f"The hook {hook.name} was removed.")
    hook.delete()


@transaction.atomic
def _settle_hook(hook: Hook, now: datetime) -> int:
    hook = _locked(hook)
    over = list(hook.alarms.filter(over_at__isnull=True, firing=False, changed_at__lte=now - QUIET))
    Alarm.objects.filter(pk__in=[alarm.pk for alarm in over]).update(over_at=now)
    kept = set(hook.alarms.filter(over_at__isnull=True).values_list("matter", flat=True))
    actor = machine(name=f"alert {hook.name}", via=Via.ALERT)
    for key in _standing(hook) - kept if over else ():
        lift_key(project=hook.project, key=key, actor=actor, now=now, reason="Quiet for ten minutes.")
    for alarm in {alarm.matter: alarm for alarm in over if alarm.matter not in kept}.values():
        if hook.action == HookAction.SUGGEST:
            _tell(hook, alarm.matter, "Alerts are over", "Nothing fired for ten minutes.", now, resolves=True)
    return len(over)


def _standing(hook: Hook) -> set[str]:
    """The holds that this hook asked for and nobody lifted."""
    mine = Freeze.objects.filter(project=hook.project, key__startswith=f"alert:{hook.pk}:", lifted_at__isnull=True)
    return set(mine.values_list("key", flat=True))


def _fire(hook: Hook, firing: Sequence[tuple[Alert, Target]], now: datetime) -> list[_Raised]:
    """The alarms that fire, written down: new ones, those that flap, and those that are merely repeated."""
    prints = [alert.fingerprint for alert, _ in firing]
    found = {each.fingerprint: each for each in hook.alarms.filter(fingerprint__in=prints)}
    raised = [_raise(hook, found.get(alert.fingerprint), alert, target, now) for alert, target in firing]
    Alarm.objects.bulk_create([each.alarm for each in raised if each.alarm.pk is None])
    columns = ["name", "unit", "service", "firing", "since", "changed_at", "flaps", "over_at", "matter"]
    Alarm.objects.bulk_update([each.alarm for each in raised], columns)
    return raised


def _raise(hook: Hook, alarm: Alarm | None, alert: Alert, target: Target, now: datetime) -> _Raised:
    is_new = alarm is None or alarm.over_at is not None or (not alarm.firing and now - alarm.changed_at >= QUIET)
    alarm = alarm or Alarm(hook=hook, fingerprint=alert.fingerprint, since=now, changed_at=now)
    is_repeat = alarm.firing and not is_new
    if is_new:
        alarm.since, alarm.changed_at, alarm.flaps, alarm.over_at, alarm.matter = now, now, 0, None, ""
    elif not is_repeat:
        alarm.changed_at, alarm.flaps = now, alarm.flaps + 1
    alarm.firing, alarm.name = True, alert.name
    alarm.unit, alarm.service = target.unit, target.service
    return _Raised(alarm, target, alert, is_new, is_repeat)


def _end(hook: Hook, resolved: Sequence[Alert], now: datetime) -> int:
    prints = [alert.fingerprint for alert in resolved]
    return hook.alarms.filter(fingerprint__in=prints, firing=True).update(firing=False, changed_at=now)


# ------------------------------------------------------------------------------------ rolling back


def _roll_back(hook: Hook, raised: Sequence[_Raised], actor: Actor, now: datetime) -> int:
    """Take down what new matters are about: once each, and not again within the cool-down."""
    cool_down = timedelta(seconds=policy_of(project=hook.project).cool_down_s)
    due = [
        each
        for each in raised
        if each.is_new and (each.alarm.rolled_back_at is None or now - each.alarm.rolled_back_at >= cool_down)
    ]
    reason = _names(each.alert for each in due)
    moved: set[int] = set()
    for scope in _scopes([each.target for each in due]):
        done = rollback(project=hook.project, scope=scope, actor=actor, now=now, reason=reason)
        moved |= {flip.unit_id for flip in done.flips}
    Alarm.objects.filter(pk__in=[each.alarm.pk for each in due]).update(rolled_back_at=now)
    if moved:
        _tell_rollback(hook, due, len(moved), reason, now)
    return len(moved)


def _scopes(targets: Iterable[Target]) -> list[Scope]:
    """The widest first; what it covers need not be named again."""
    found = list(targets)
    if any(target.unit is None and target.service is None for target in found):
        return [Scope(everything=True)]
    services = {target.service.pk: target.service for target in found if target.service}
    units = {target.unit.pk for target in found if target.unit and target.unit.service_id not in services}
    scopes = [Scope(service=service) for service in services.values()]
    return [*scopes, Scope(unit_ids=tuple(sorted(units)))] if units else scopes


def _tell_rollback(hook: Hook, due: Sequence[_Raised], moved: int, reason: str, now: datetime) -> None:
    units = {each.target.unit.pk: each.target.unit for each in due if each.target.unit}
    one = next(iter(units.values())) if len(units) == 1 else None
    slug = hook.project.slug
    tell(
        project=hook.project,
        unit=one,
        event=Event.ROLLED_BACK,
        severity=Severity.CRITICAL,
        title=f"Rolled back by alert {hook.name}: {one.key if one else f'{moved} units'}",
        sentence=f"{reason} What it names is back at legacy, and stays there until somebody takes it up again.",
        path=f"/p/{slug}/oncall/{one.pk}" if one else f"/p/{slug}/oncall",
        now=now,
    )


# ----------------------------------------------------------------------------- holding and telling


def _open(hook: Hook, raised: Sequence[_Raised], actor: Actor, now: datetime) -> int:
    """Hold what fires, or tell people of it. Returns how many holds were asked for."""
    by_key: dict[str, tuple[Target, list[_Raised]]] = {}
    for each, target in zip(raised, _widened([each.target for each in raised]), strict=True):
        by_key.setdefault(_key(hook, target), (target, []))[1].append(each)
    for key, (target, of_it) in by_key.items():
        Alarm.objects.filter(pk__in=[each.alarm.pk for each in of_it]).update(matter=key)
        if hook.action != HookAction.SUGGEST:
            _hold(hook.project, key, target, of_it, actor, now)
        elif any(each.is_new for each in of_it):
            _tell(hook, key, f"Alert about {target.words}", _names(e.alert for e in of_it), now, unit=target.unit)
    return len(by_key) if hook.action != HookAction.SUGGEST else 0


def _widened(targets: Sequence[Target]) -> list[Target]:
    """A storm over one service is about the service: it is held once, not unit by unit."""
    crowded = Counter(target.unit.service_id for target in targets if target.unit)
    wide = {
        service.pk: service
        for service in Service.objects.filter(pk__in=[k for k, n in crowded.items() if n > WIDENS_AT])
    }
    return [
        Target(service=wide[target.unit.service_id]) if target.unit and target.unit.service_id in wide else target
        for target in targets
    ]


def _key(hook: Hook, target: Target) -> str:
    """One hold for each thing that is held, however many alerts ask for it."""
    if target.unit:
        return f"alert:{hook.pk}:unit:{target.unit.pk}"
    return f"alert:{hook.pk}:service:{target.service.pk}" if target.service else f"alert:{hook.pk}:project"


def _hold(project: Project, key: str, target: Target, raised: Sequence[_Raised], actor: Actor, now: datetime) -> None:
    reason = _names(each.alert for each in raised)
    flaps = sum(each.alarm.flaps for each in raised)
    if flaps:
        reason = f"{reason} Flapped {'once' if flaps == 1 else f'{flaps} times'}; held until ten minutes are quiet."
    made = freeze(
        project=project, service=target.service, unit=target.unit, reason=reason, actor=actor, now=now, key=key
    )
    # The hold stands already: only its words are new. A link in the chain for each flap would say nothing.
    Freeze.objects.filter(pk=made.pk).exclude(reason=reason).update(reason=reason)


def _tell(
    hook: Hook, key: str, title: str, sentence: str, now: datetime, *, unit: Unit | None = None, resolves: bool = False
) -> None:
    slug = hook.project.slug
    tell(
        project=hook.project,
        unit=unit,
        event=Event.ALERT,
        severity=Severity.WARNING,
        title=title,
        sentence=sentence,
        path=f"/p/{slug}/oncall/{unit.pk}" if unit else f"/p/{slug}/oncall",
        now=now,
        key=key,
        resolves=resolves,
    )


def _names(alerts: Iterable[Alert]) -> str:
    """The alerts in words: the first of them, and how many more."""
    told = list(dict.fromkeys(f"{a.name}: {a.message}" if a.message else a.name for a in alerts))
    more = f" and {len(told) - NAMED} more" if len(told) > NAMED else ""
    return f"Alert {'; '.join(each.rstrip('.') for each in told[:NAMED])}{more}."[:900]
