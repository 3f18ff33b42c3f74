"""Taking what is due, so that no other process takes it too: leased in one short transaction, sent after it.

A process that dies while it sends leaves its lease behind. When that is over somebody else sends again, with the
same id: a receiver may hear a thing twice, and can tell.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from migrator.telling.envelope import RANK
from migrator.telling.models import Channel, ChannelKind, Delivery, DeliveryState

LEASE: Final = timedelta(minutes=2)
CHANNELS: Final = 16
"""Channels that one process sends to at the same time."""
BATCH: Final = 10
"""What a channel is sent one by one before the others have their turn again."""
BUNDLE: Final = 500
"""Most messages that travel as one."""
MINUTE: Final = timedelta(minutes=1)
ABOUT: Final = ("message__unit__service", "message__unit__team", "message__unit__parent")
"""What an envelope tells of a message's unit: loaded with it, because nothing reads the database while it is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What is sent in one go: the delivery that is leased, and those folded into it."""

    head: Delivery
    folded: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one channel gets now, in this order."""

    channel: Channel
    parcels: tuple[Parcel, ...]


@transaction.atomic
def claim(*, now: datetime, limit: int, without: Collection[int] = ()) -> list[Round]:
    """Lease what is due, of at most so many parcels, leaving out these channels. Each row is taken by one process."""
    due = Delivery.objects.filter(_due(now), channel=OuterRef("pk"))
    open_ = Channel.objects.filter(Exists(due), enabled=True).exclude(pk__in=without).select_related("project")
    # Those that answered last come first: a dead receiver must not hold up the alarm to a living one.
    ordered = open_.order_by(F("last_error_at").asc(nulls_first=True), "pk")
    rounds: list[Round] = []
    for channel in ordered.select_for_update(of=("self",), skip_locked=True, no_key=True)[:CHANNELS]:
        parcels = _parcels(channel, now)[: max(0, limit)]
        limit -= len(parcels)
        if parcels:
            rounds.append(Round(channel=channel, parcels=tuple(_leased(parcel, now) for parcel in parcels)))
    return rounds


def _due(now: datetime) -> Q:
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=now)
    return Q(state=DeliveryState.WAITING, due_at__lte=now) & free


def _parcels(channel: Channel, now: datetime) -> list[Parcel]:
    before = Delivery.objects.filter(channel=channel, key=OuterRef("key"), id__lt=OuterRef("id"))
    under_way = before.filter(state=DeliveryState.WAITING).filter(Q(attempts__gt=0) | Q(leased_until__gt=now))
    rows = Delivery.objects.filter(_due(now), ~Exists(under_way), channel=channel).order_by("id")
    found = list(rows.select_related(*ABOUT).select_for_update(of=("self",))[:BUNDLE])
    # What was folded once stays together: the same id means the same messages.
    again = [Parcel(head=each, folded=_folded(each)) for each in found if each.attempts or each.lease]
    fresh = [each for each in found if not (each.attempts or each.lease)]
    digest = [each for each in fresh if each.digest]
    single = _gravest_first(_first_of_each_matter([each for each in fresh if not each.digest]))
    made = again + _bundled(digest) + [Parcel(head=each) for each in single]
    return made[:BATCH] if channel.per_minute is None else _throttled(channel, again + _bundled(digest), single, now)


def _throttled(channel: Channel, made: list[Parcel], single: list[Delivery], now: datetime) -> list[Parcel]:
    """As many as the minute still has room for; what is over is folded into the last of them."""
    lately = channel.deliveries.filter(state=DeliveryState.SENT, ended_at__gt=now - MINUTE).count()
    at_it = channel.deliveries.filter(state=DeliveryState.WAITING, leased_until__gt=now).count()
    room = max(0, (channel.per_minute or 0) - lately - at_it)
    made, room = made[:room], max(0, room - len(made))
    if len(single) <= room or channel.kind == ChannelKind.PAGERDUTY or not room:
        # Incidents are closed one by one, so they are opened one by one.
        return made + [Parcel(head=each) for each in single[:room]]
    alone, together = single[: room - 1], single[room - 1 :]
    return [*made, *(Parcel(head=each) for each in alone), *_bundled(together)]


def _first_of_each_matter(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """The end of a matter waits until its beginning was sent."""
    firsts: dict[str, Delivery] = {}
    for delivery in deliveries:
        firsts.setdefault(delivery.key, delivery)
    return list(firsts.values())


def _gravest_first(deliveries: Sequence[Delivery]) -> list[Delivery]:
    return sorted(deliveries, key=lambda delivery: (-RANK[delivery.message.severity], delivery.pk))


def _bundled(deliveries: Sequence[Delivery]) -> list[Parcel]:
    return [Parcel(head=deliveries[0], folded=tuple(deliveries[1:]))] if deliveries else []


def _folded(head: Delivery) -> tuple[Delivery, ...]:
    return tuple(head.folded.select_related(*ABOUT).order_by("id"))


def _leased(parcel: Parcel, now: datetime) -> Parcel:
    head = parcel.head
    head.lease, head.leased_until, head.tried_at = uuid.uuid4(), now + LEASE, head.tried_at or now
    head.save(update_fields=["lease", "leased_until", "tried_at"])
    Delivery.objects.filter(pk__in=[each.pk for each in parcel.folded]).update(
        state=DeliveryState.FOLDED, folded_into=head
    )
    return parcel


@transaction.atomic
def give_back(*, parcels: Sequence[Parcel]) -> None:
    """What was leased and never tried, because the channel failed before: free for the next attempt."""
    for parcel in parcels:
        held = Delivery.objects.filter(pk=parcel.head.pk, lease=parcel.head.lease, state=DeliveryState.WAITING)
        held.update(leased_until=None)
