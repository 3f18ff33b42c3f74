"""Waivers: a person's signature under gates that the evidence does not pass, for a time.

A waiver holds until it expires, is revoked, or a side of its service is deployed, whichever comes first. It is a word
about two builds: whoever signed knows nothing of the next one, and evidence starts afresh with it anyway.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Max

from migrator.access import second_person
from migrator.access.rights import Actor, Forbidden, Right
from migrator.core.gate import GATES, WAIVABLE
from migrator.core.policy import FourEyes
from migrator.gates.layers import policies_of
from migrator.gates.models import Waiver
from migrator.gates.services import NeedsSecondPerson
from migrator.inventory import versions
from migrator.inventory.models import Deploy, Project, Unit
from migrator.inventory.services import Invalid
from migrator.ledger.models import Kind
from migrator.ledger.services import record
from migrator.telling.models import Event, Severity
from migrator.telling.services import tell

LONGEST: Final = timedelta(days=90)
REASON_LENGTH: Final = 1_000


class StaleWaiver(ValueError):
    """The unit was moved since it was looked at. Nothing was signed."""

    def __init__(self, *, unit: Unit, seen: int) -> None:
        super().__init__(
            f"Not signed: {unit.key} is at version {unit.version}; you saw version {seen}. Look at it again."
        )
        self.unit, self.seen = unit, seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One waiver as pages and API show it."""

    id: int
    unit_id: int
    unit_key: str
    gates: tuple[str, ...]
    reason: str
    signed_by: str
    approved_by: str
    signed_at: datetime
    expires_at: datetime
    state: str
    """`in force`, `expired`, `revoked` or `ended by a deploy`."""
    ended_by: str = ""
    """Who revoked it, or the build that ended it."""


@transaction.atomic
def sign(
    *,
    unit: Unit,
    gates: Sequence[str],
    reason: str,
    expires_at: datetime | None,
    actor: Actor,
    now: datetime,
    seen_version: int,
    approver: str = "",
) -> Waiver:
    """Let a unit pass gates that its evidence does not.

    Raises Forbidden, Invalid naming the field, StaleWaiver where the unit moved, or NeedsSecondPerson.
    """
    _may_sign(actor)
    named, until = _checked_gates(gates), _checked_end(expires_at, now)
    why = reason.replace("\0", "").strip()
    if not why or len(why) > REASON_LENGTH:
        raise Invalid("reason", f"A waiver says why, in at most {REASON_LENGTH:,} characters.")
    versions.lock(project_id=unit.project_id)
    unit = Unit.objects.select_related("project").get(pk=unit.pk)
    if unit.version != seen_version:
        raise StaleWaiver(unit=unit, seen=seen_version)
    wanted = {"gates": named, "reason": why, "expires_at": until.isoformat()}
    if not approver:
        _takes_one(unit, wanted, headline=f"Waive {' and '.join(named)} until {day(until)}")
    waiver = Waiver.objects.create(
        project=unit.project, unit=unit, gates=named, reason=why, signed_by=actor.name, approved_by=approver,
        signed_at=now, expires_at=until,
    )  # fmt: skip
    _seal(waiver, actor=actor, now=now, reason=why, body=wanted | {"waiver": waiver.pk, "approved_by": approver})
    _tell(waiver, f"{actor.name} waived {' and '.join(named)} until {day(until)}: {why}", now=now)
    return waiver


@transaction.atomic
def revoke(*, waiver: Waiver, actor: Actor, now: datetime, reason: str = "") -> Waiver:
    """Take a waiver back: its gates hold again at once. Takes no second person. Repeating it is harmless."""
    _may_sign(actor)
    versions.lock(project_id=waiver.project_id)
    why = reason.replace("\0", "").strip()[:REASON_LENGTH]
    taken = Waiver.objects.filter(pk=waiver.pk, revoked_at__isnull=True).update(revoked_at=now, revoked_by=actor.name)
    waiver = Waiver.objects.select_related("project", "unit").get(pk=waiver.pk)
    if taken:
        _seal(waiver, actor=actor, now=now, reason=why, body={"waiver": waiver.pk, "revoked": True})
        _tell(waiver, f"{actor.name} revoked the waiver of {' and '.join(waiver.gates)}.", now=now)
    return waiver


def apply_waiver(
    *,
    unit: Unit,
    wanted: Mapping[str, Any],
    seen_version: int,
    actor: Actor,
    approver: str,
    now: datetime,
) -> Waiver:
    """Sign what NeedsSecondPerson kept back, now that `approver` said yes. `actor` is who asked.

    Refused like the signature itself: where the unit moved meanwhile, or the end has passed while it waited.
    """
    return sign(
        unit=unit,
        gates=wanted["gates"],
        reason=wanted["reason"],
        expires_at=datetime.fromisoformat(wanted["expires_at"]),
        actor=actor,
        now=now,
        seen_version=seen_version,
        approver=approver,
    )


# --------------------------------------------------------------------------------------- reads


def waived(*, units: Sequence[Unit], now: datetime) -> dict[int, dict[str, str]]:
    """The gates that are waived for each unit at this moment, each with the words that say so.

    Units without a waiver are left out. Where two waivers name one gate the newer is told.
    """
    found: dict[int, dict[str, str]] = {}
    rows = Waiver.objects.filter(unit__in=[unit.pk for unit in units], **_standing(now)).order_by("pk")
    for signed in _figures(rows, now=now):
        if signed.state == IN_FORCE:
            words = f"waived by {signed.signed_by} until {day(signed.expires_at)}: {signed.reason}"
            found.setdefault(signed.unit_id, {}).update(dict.fromkeys(signed.gates, words))
    return found


def day(at: datetime) -> str:
    """`3 Dec 2026`, of UTC."""
    return f"{at.astimezone(UTC).day} {at.astimezone(UTC):%b %Y}"


def waivers_of(
    *, project: Project, now: datetime, unit_id: int | None = None, all_of_them: bool = False, limit: int = 200
) -> list[Signed]:
    """The waivers of a project or of one unit, newest first: those in force, unless all are asked for."""
    rows = Waiver.objects.filter(project=project)
    if unit_id is not None:
        rows = rows.filter(unit=unit_id)
    if not all_of_them:
        rows = rows.filter(**_standing(now))
    found = _figures(rows.order_by("-pk")[:limit], now=now)
    return [signed for signed in found if all_of_them or signed.state == IN_FORCE]


def shown(*, waiver: Waiver, now: datetime) -> Signed:
    """One waiver as pages and API show it."""
    return _figures(Waiver.objects.filter(pk=waiver.pk), now=now)[0]


IN_FORCE: Final = "in force"


def _standing(now: datetime) -> dict[str, Any]:
    return {"revoked_at__isnull": True, "expires_at__gt": now}


def _figures(rows: Any, *, now: datetime) -> list[Signed]:
    waivers = list(rows.select_related("unit"))
    if not waivers:
        return []
    deployed = _last_deploys({waiver.unit.service_id for waiver in waivers})
    return [_signed(waiver, deployed.get(waiver.unit.service_id), now=now) for waiver in waivers]


def _signed(waiver: Waiver, deployed_at: datetime | None, *, now: datetime) -> Signed:
    state, ended_by = IN_FORCE, ""
    if waiver.revoked_at is not None:
        state, ended_by = "revoked", waiver.revoked_by
    elif deployed_at is not None and deployed_at > waiver.signed_at:
        state = "ended by a deploy"
    elif waiver.expires_at <= now:
        state = "expired"
    return Signed(
        id=waiver.pk,
        unit_id=waiver.unit_id,
        unit_key=waiver.unit.key,
        gates=tuple(waiver.gates),
        reason=waiver.reason,
        signed_by=waiver.signed_by,
        approved_by=waiver.approved_by,
        signed_at=waiver.signed_at,
        expires_at=waiver.expires_at,
        state=state,
        ended_by=ended_by,
    )


def _last_deploys(services: Iterable[int]) -> dict[int, datetime]:
    newest = Deploy.objects.filter(service__in=services).order_by().values_list("service").annotate(at=Max("at"))
    return dict(newest)


# ---------------------------------------------------------------------------------- in between


def _may_sign(actor: Actor) -> None:
    """Whoever may override a gate may sign for one, as may whoever manages the project."""
    if not (actor.may(Right.OVERRIDE) or actor.may(Right.MANAGE)):
        raise Forbidden(actor=actor, right=Right.OVERRIDE)


def _takes_one(unit: Unit, wanted: Mapping[str, Any], *, headline: str) -> None:
    """Raise NeedsSecondPerson where the unit's policy asks for one and there is one."""
    subject, policy = FourEyes.WAIVER, policies_of(units=[unit])[unit.pk]
    if second_person.needed(project=unit.project, subject=subject, policy=policy, unit=unit):
        raise NeedsSecondPerson(subject=subject, wanted=wanted, headline=headline, seen_version=unit.version, unit=unit)


def _checked_gates(gates: Sequence[str]) -> list[str]:
    named = list(dict.fromkeys(gates))
    if not named:
        raise Invalid("gates", "Name at least one gate that shall be waived.")
    for name in named:
        if name not in GATES:
            raise Invalid("gates", f"There is no gate {name[:40]!r}. Gates: {', '.join(GATES)}.")
        if name not in WAIVABLE:
            raise Invalid("gates", f"{name} cannot be waived: without it nobody knows what the rest is worth.")
    return named


def _checked_end(expires_at: datetime | None, now: datetime) -> datetime:
    if expires_at is None:
        raise Invalid("expires_at", f"A waiver ends. Say when, within {LONGEST.days} days.")
    if not now < expires_at <= now + LONGEST:
        raise Invalid("expires_at", f"A waiver ends in the future and within {LONGEST.days} days.")
    return expires_at


def _seal(waiver: Waiver, *, actor: Actor, now: datetime, reason: str, body: Mapping[str, Any]) -> None:
    record(project=waiver.project, kind=Kind.WAIVER, actor=actor, now=now, body=body, unit=waiver.unit, reason=reason)


def _tell(waiver: Waiver, sentence: str, *, now: datetime) -> None:
    project = waiver.project
    tell(
        project=project,
        event=Event.POLICY,
        severity=Severity.WARNING,
        title=f"Waiver for {waiver.unit.key}",
        sentence=sentence,
        path=f"/p/{project.slug}/units/{waiver.unit_id}",
        now=now,
        unit=waiver.unit,
    )
