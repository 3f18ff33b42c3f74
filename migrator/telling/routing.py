"""From the outbox to the channels: who wants a message, and whether they know of its matter already.

One process routes at a time, in the order in which messages were told: a matter must not be closed before it is
opened. It is all database work, so whoever is killed meanwhile has done nothing, and the next one does it.
"""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from migrator.telling.envelope import RANK
from migrator.telling.models import (
    Channel,
    ChannelKind,
    Delivery,
    DeliveryState,
    Digest,
    Event,
    Matter,
    Message,
    Severity,
)
from migrator.telling.timing import next_digest, quiet_of

BATCH: Final = 500
AGAIN_AFTER: Final = timedelta(hours=6)
"""A matter that lasts and is raised again is told again after so long, with how often it was raised."""
LOCK: Final = 0x7E11_4A6E
"""The advisory lock of whoever routes."""


@transaction.atomic
def route(*, now: datetime, limit: int = BATCH) -> int:
    """Hand waiting messages to the channels that want them. Returns how many; 0 where another process is at it."""
    if not _only_one():
        return 0
    waiting = Message.objects.filter(routed_at__isnull=True).select_related("project", "unit").order_by("id")
    messages = list(waiting.select_for_update(of=("self",), skip_locked=True)[:limit])
    channels = _channels_of({message.project_id for message in messages})
    for message in messages:
        for channel in channels.get(message.project_id, []):
            if wants(channel, message):
                _hand(message, channel, now)
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(routed_at=now)
    return len(messages)


def _only_one() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _channels_of(project_ids: set[int]) -> dict[int, list[Channel]]:
    found = Channel.objects.filter(project__in=project_ids, enabled=True).prefetch_related("teams", "services")
    by_project: dict[int, list[Channel]] = {}
    for channel in found:
        by_project.setdefault(channel.project_id, []).append(channel)
    return by_project


def wants(channel: Channel, message: Message) -> bool:
    """Whether a message is for this channel. What ends a matter is for whoever heard of it: see `_close`."""
    if message.resolves:
        return True
    if message.event == Event.WEEKLY:
        return channel.weekly
    if channel.events and message.event not in channel.events:
        return False
    if RANK[message.severity] < RANK[channel.least_severity]:
        return False
    return message.unit is None or _covers(channel, message)


def _covers(channel: Channel, message: Message) -> bool:
    """What is about no unit concerns everybody; a unit concerns its team and its service."""
    teams, services = [t.pk for t in channel.teams.all()], [s.pk for s in channel.services.all()]
    unit = message.unit
    if unit is None:
        return True
    return (not teams or unit.team_id in teams) and (not services or unit.service_id in services)


def _hand(message: Message, channel: Channel, now: datetime) -> None:
    matter = Matter.objects.filter(channel=channel, key=message.key).select_for_update().first()
    if message.resolves:
        if matter is not None and matter.over_at is None:
            _close(message, channel, matter, now)
        return
    if matter is None or matter.over_at is not None:
        fresh = {"severity": message.severity, "since": message.at, "told_at": now, "times": 1, "over_at": None}
        matter, _ = Matter.objects.update_or_create(channel=channel, key=message.key, defaults=fresh)
        _deliver(message, channel, matter, now)
        return
    _raise_again(message, channel, matter, now)


def _raise_again(message: Message, channel: Channel, matter: Matter, now: datetime) -> None:
    """Known already: counted, and told again only where it got graver or has lasted."""
    graver = RANK[message.severity] > RANK[matter.severity]
    matter.times += 1
    tells = graver or now - matter.told_at >= AGAIN_AFTER
    if tells:
        matter.told_at, matter.severity = now, message.severity
    matter.save(update_fields=["times", "told_at", "severity"])
    if tells:
        _deliver(message, channel, matter, now)


def _close(message: Message, channel: Channel, matter: Matter, now: datetime) -> None:
    """Over: told to whoever was told that it began. What waits untried need not be told any more."""
    Matter.objects.filter(pk=matter.pk).update(over_at=message.at)
    untold = Delivery.objects.filter(channel=channel, key=message.key, state=DeliveryState.WAITING, attempts=0)
    # A lease means that somebody is sending it at this moment: then the end must follow.
    untold.filter(leased_until__isnull=True, digest=False).update(state=DeliveryState.DROPPED, ended_at=now)
    heard = Delivery.objects.filter(channel=channel, key=message.key, made_at__gte=matter.since)
    if heard.exclude(state__in=[DeliveryState.DROPPED, DeliveryState.GIVEN_UP]).exists():
        _deliver(message, channel, matter, now)


def _deliver(message: Message, channel: Channel, matter: Matter, now: datetime) -> None:
    # The end of a matter goes the way that its beginning went.
    severity = matter.severity if message.resolves else message.severity
    Delivery.objects.create(
        message=message,
        channel=channel,
        key=message.key,
        times=matter.times,
        since=matter.since,
        # What is critical never waits for a digest.
        digest=channel.digest != Digest.NONE and severity != Severity.CRITICAL,
        made_at=now,
        due_at=due_at(channel=channel, severity=severity, resolves=message.resolves, now=now),
    )


def due_at(*, channel: Channel, severity: str, resolves: bool, now: datetime) -> datetime:
    """When it is sent: with the digest, and outside quiet hours; what is critical at once."""
    if severity == Severity.CRITICAL or (resolves and channel.kind == ChannelKind.PAGERDUTY):
        return now  # closing an incident wakes nobody
    due = now
    if channel.digest != Digest.NONE:
        due = next_digest(digest=channel.digest, hour=channel.digest_hour, zone=ZoneInfo(channel.zone), now=now)
    return quiet_of(channel).until(due) or due
