"""Channels: made, changed, switched off, tested. What is secret comes in here and never out again."""

import ipaddress
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, time
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import IntegrityError, transaction
from django.utils import timezone

from migrator.access.rights import Actor, Right, demand
from migrator.inventory.models import Project, Service, Team
from migrator.inventory.services import Invalid
from migrator.telling import addresses
from migrator.telling.delivery import note, send
from migrator.telling.envelope import trial_envelope
from migrator.telling.models import Channel, ChannelKind, DeliveryState, Digest, Event, Severity
from migrator.telling.outgoing import NotDelivered, place_of
from migrator.telling.sealing import seal
from migrator.telling.senders.by_apprise import check_address

MOST: Final = 50
"""Channels of one project: each message is held against all of them."""
ROUTING_KEY: Final = 32
SECRET_PREFIX: Final = "mwh_"  # noqa: S105 - what secrets begin with


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """A channel as somebody wants it. `target` is the address or routing key; empty keeps the one there is."""

    name: str
    kind: str
    target: str = ""
    enabled: bool = True
    events: Sequence[str] = ()
    least_severity: str = Severity.WARNING
    weekly: bool | None = None
    """Whether it takes the week's digest. None: where `events` names it, or else as before; a new one, where people
    read it and it is not for certain events alone. PagerDuty never takes it."""
    teams: Sequence[Team] = ()
    services: Sequence[Service] = ()
    quiet_days: Sequence[int] = ()
    quiet_from: time | None = None
    quiet_to: time | None = None
    zone: str = "UTC"
    digest: str = Digest.NONE
    digest_hour: int = 9
    per_minute: int | None = None
    renew_secret: bool = False
    """Whether a webhook is to be signed with a new secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A channel, and the secret that signs its webhooks where a new one was made. It cannot be shown again."""

    channel: Channel
    secret: str = field(default="", repr=False)


COLUMNS: Final = tuple(
    each.name
    for each in fields(ChannelSettings)
    if each.name not in ("target", "weekly", "teams", "services", "renew_secret")
)


def settings_of(channel: Channel) -> ChannelSettings:
    """A channel's settings as they are, to change some of them."""
    kept = {name: getattr(channel, name) for name in COLUMNS}
    teams, services = tuple(channel.teams.all()), tuple(channel.services.all())
    return ChannelSettings(**kept, weekly=channel.weekly, teams=teams, services=services)


@transaction.atomic
def save_channel(
    *, project: Project, wanted: ChannelSettings, actor: Actor, now: datetime, channel: Channel | None = None
) -> Saved:
    """Make a channel, or change one. Raises Forbidden, and Invalid naming the field."""
    demand(actor=actor, right=Right.MANAGE)
    _check(project, wanted, channel)
    row = channel or Channel(project=project, created_at=now)
    for name in COLUMNS:
        setattr(row, name, getattr(wanted, name))
    row.weekly = _takes_week(wanted, channel)
    row.events, row.quiet_days = list(wanted.events), sorted(set(wanted.quiet_days))
    if wanted.target:
        row.target, row.hint, row.last_error = seal(wanted.target), hint_of(wanted), ""
    secret = ""
    if row.kind == ChannelKind.WEBHOOK and (not row.signing or wanted.renew_secret):
        secret = SECRET_PREFIX + secrets.token_urlsafe(32)
        row.signing = seal(secret)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Invalid("name", f"{project} has a channel {wanted.name} already. Choose another name.") from None
    row.teams.set(wanted.teams)
    row.services.set(wanted.services)
    if not row.enabled:
        row.deliveries.filter(state=DeliveryState.WAITING).update(state=DeliveryState.DROPPED, ended_at=now)
    return Saved(channel=row, secret=secret)


def _takes_week(wanted: ChannelSettings, channel: Channel | None) -> bool:
    if wanted.weekly is not None:
        return wanted.weekly
    if channel is not None:
        return Event.WEEKLY in wanted.events or channel.weekly
    return Event.WEEKLY in wanted.events or (wanted.kind == ChannelKind.APPRISE and not wanted.events)


def remove_channel(*, channel: Channel, actor: Actor) -> None:
    """Delete a channel with what still waited for it. Raises Forbidden."""
    demand(actor=actor, right=Right.MANAGE)
    channel.delete()


def try_out(*, channel: Channel, actor: Actor, now: datetime) -> str:
    """Send a test at once, also to a channel that is switched off. Returns what was wrong; empty: it arrived.

    PagerDuty gets an incident of level info, and its end. Raises Forbidden.
    """
    demand(actor=actor, right=Right.MANAGE)
    event_id = str(uuid.uuid4())
    ends = (False, True) if channel.kind == ChannelKind.PAGERDUTY else (False,)
    try:
        for resolves in ends:
            envelope = trial_envelope(channel=channel, event_id=event_id, now=now, resolves=resolves)
            send(channel=channel, envelope=envelope, now=now)
    except NotDelivered as failure:
        note(channel=channel, failure=failure, sent=False, now=timezone.now())
        return str(failure)
    note(channel=channel, failure=None, sent=True, now=timezone.now())
    return ""


def hint_of(wanted: ChannelSettings) -> str:
    """What may be shown of a target: of an address its scheme, of a webhook its host too; of a key nothing."""
    if wanted.kind == ChannelKind.PAGERDUTY:
        return "routing key"
    parts = urlsplit(wanted.target)
    if wanted.kind == ChannelKind.WEBHOOK:
        return f"{parts.scheme}://{parts.hostname}/…"
    return f"{parts.scheme}://…"


# ------------------------------------------------------------------------------------- checks


def _check(project: Project, wanted: ChannelSettings, channel: Channel | None) -> None:
    """Raises Invalid for the first thing that is wrong."""
    if channel is None and project.channels.count() >= MOST:
        raise Invalid("name", f"{project} has {MOST} channels. Remove one first.")
    if channel is not None and channel.kind != wanted.kind:
        raise Invalid("kind", "A channel stays of its kind. Make another one.")
    _one_of("kind", wanted.kind, ChannelKind.values)
    _one_of("least_severity", wanted.least_severity, Severity.values)
    _one_of("digest", wanted.digest, Digest.values)
    for event in wanted.events:
        _one_of("events", event, Event.values)
    if wanted.kind == ChannelKind.PAGERDUTY and (wanted.weekly or Event.WEEKLY in wanted.events):
        raise Invalid("weekly", "PagerDuty opens an incident for each matter: the week's digest is none.")
    if wanted.weekly is False and Event.WEEKLY in wanted.events:
        raise Invalid("weekly", "The week's digest is among its events: take it out there too.")
    if wanted.target:
        _check_target(wanted)
    elif channel is None:
        raise Invalid("target", "Say where messages go: an address, or PagerDuty's routing key.")
    _check_times(wanted)


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise Invalid(name, f"{name} is one of {', '.join(known)}; not {value[:40]!r}.")


def _check_target(wanted: ChannelSettings) -> None:
    try:
        if wanted.kind == ChannelKind.PAGERDUTY:
            if len(wanted.target) != ROUTING_KEY or not wanted.target.isalnum() or not wanted.target.isascii():
                raise ValueError("A routing key of PagerDuty (Events API v2) has 32 letters and digits.")
        elif wanted.kind == ChannelKind.WEBHOOK:
            place = place_of(wanted.target)
            if _is_literal(place.host):
                addresses.check(place.host, place.port)
        else:
            check_address(wanted.target)
    except ValueError as error:
        raise Invalid("target", str(error)) from None


def _is_literal(host: str) -> bool:
    """Names are looked up when something is sent: they may mean something else by then."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_times(wanted: ChannelSettings) -> None:
    if (wanted.quiet_from is None) != (wanted.quiet_to is None):
        raise Invalid("quiet_to", "Quiet hours have a beginning and an end: fill both, or neither.")
    if any(day not in range(7) for day in wanted.quiet_days):
        raise Invalid("quiet_days", "Days are 0 (Monday) to 6 (Sunday).")
    always = wanted.quiet_from == wanted.quiet_to and len(set(wanted.quiet_days)) in (0, 7)
    if always and (wanted.quiet_from is not None or wanted.quiet_days):
        raise Invalid("quiet_from", "It would always be quiet. Raise the least severity to critical instead.")
    if not 0 <= wanted.digest_hour < 24:
        raise Invalid("digest_hour", "digest_hour is an hour from 0 to 23.")
    if wanted.digest != Digest.NONE and wanted.kind == ChannelKind.PAGERDUTY:
        raise Invalid("digest", "PagerDuty opens an incident for each matter: it takes no digest.")
    if wanted.per_minute is not None and not 1 <= wanted.per_minute <= 1_000:
        raise Invalid("per_minute", "per_minute is a number from 1 to 1,000; leave it out for no limit.")
    try:
        ZoneInfo(wanted.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid("zone", f"{wanted.zone[:64]!r} is no time zone. Write it like Europe/Berlin.") from None
