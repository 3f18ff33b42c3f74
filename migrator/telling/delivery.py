"""Sending what is due. Any process may do it at any time, several at once: a worker, the guard's stand-by, a command.

Nothing is lost: what is told stands in the database with what it tells of, and stays there until a receiver took it
or a day has passed. A process that is killed between sending and writing that down sends again, under the same id.
"""

import random
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Q

from migrator.telling.claiming import CHANNELS, LEASE, Parcel, Round, claim, give_back
from migrator.telling.envelope import Envelope, envelope_of
from migrator.telling.models import Channel, ChannelKind, Delivery, DeliveryState, Matter, Message
from migrator.telling.outgoing import NotDelivered
from migrator.telling.routing import route
from migrator.telling.sealing import Unreadable, unseal
from migrator.telling.senders import by_apprise, pagerduty, webhook
from migrator.telling.timing import GIVE_UP_AFTER, next_attempt

PATIENCE_S: Final = 20.0
"""After so long nothing new is begun: the lease of what is under way must outlive it."""
KEPT: Final = timedelta(days=90)
ERROR: Final = 500

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What came of it, in parcels: what travelled together counts once."""

    sent: int = 0
    failed: int = 0

    def __add__(self, other: "Delivered") -> "Delivered":
        return Delivered(sent=self.sent + other.sent, failed=self.failed + other.failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    round: Round
    sent: int
    failure: NotDelivered | None


def deliver_due(*, now: datetime, limit: int = 100) -> Delivered:
    """Route what was told and send what is due, at most so many parcels. Safe in several processes at once.

    Each channel is sent to in a thread of its own, so that one that hangs holds up no other; whatever fails is tried
    again later. Raises only what the database raises.
    """
    began = time.monotonic()
    route(now=now)
    total, failing = Delivered(), set[int]()
    while (left := limit - total.sent - total.failed) > 0 and time.monotonic() - began < PATIENCE_S:
        rounds = claim(now=now, limit=left, without=failing)
        if not rounds:
            break
        with ThreadPoolExecutor(max_workers=CHANNELS, thread_name_prefix="telling") as threads:
            for done in as_completed([threads.submit(_send_round, each, now, began) for each in rounds]):
                total += _settle(done.result(), now, failing)
    return total


def _send_round(round_: Round, now: datetime, began: float) -> _Outcome:
    """In order, up to the first failure. No database here: this is a thread without a connection."""
    sent = 0
    for parcel in round_.parcels:
        if time.monotonic() - began > PATIENCE_S:
            break
        envelope = envelope_of(channel=round_.channel, deliveries=[parcel.head, *parcel.folded])
        try:
            send(channel=round_.channel, envelope=envelope, now=now)
        except NotDelivered as failure:
            return _Outcome(round=round_, sent=sent, failure=failure)
        sent += 1
    return _Outcome(round=round_, sent=sent, failure=None)


def send(*, channel: Channel, envelope: Envelope, now: datetime) -> None:
    """Hand an envelope to a channel's receiver. Raises NotDelivered with words that show no secret."""
    try:
        target = unseal(channel.target)
        secret = unseal(channel.signing) if channel.signing else ""
    except Unreadable as error:
        raise NotDelivered(str(error)) from None
    if channel.kind == ChannelKind.WEBHOOK:
        webhook.send(url=target, secret=secret, envelope=envelope, now=now)
    elif channel.kind == ChannelKind.PAGERDUTY:
        pagerduty.send(routing_key=target, envelope=envelope)
    else:
        by_apprise.send(url=target, envelope=envelope)


def _settle(outcome: _Outcome, now: datetime, failing: set[int]) -> Delivered:
    parcels, sent = outcome.round.parcels, outcome.sent
    failed = parcels[sent : sent + 1] if outcome.failure else ()
    with transaction.atomic():
        for parcel in parcels[:sent]:
            # Whoever holds the lease by now: it arrived.
            mine = Delivery.objects.filter(pk=parcel.head.pk, state=DeliveryState.WAITING)
            mine.update(state=DeliveryState.SENT, ended_at=now, leased_until=None, error="")
        for parcel in failed:
            _failed(parcel, outcome.failure or NotDelivered(""), now)
        give_back(parcels=parcels[sent + len(failed) :])
        note(channel=outcome.round.channel, failure=outcome.failure, sent=sent > 0, now=now)
    if failed:
        failing.add(outcome.round.channel.pk)
    return Delivered(sent=sent, failed=len(failed))


def _failed(parcel: Parcel, failure: NotDelivered, now: datetime) -> None:
    head = parcel.head
    held = Delivery.objects.filter(pk=head.pk, lease=head.lease, state=DeliveryState.WAITING)
    attempts, error = head.attempts + 1, str(failure)[:ERROR]
    if now - (head.tried_at or now) < GIVE_UP_AFTER:
        due = next_attempt(now=now, attempts=attempts, chance=random.random(), at_least=failure.wait)
        held.update(attempts=attempts, due_at=due, leased_until=None, error=error)
        return
    held.update(attempts=attempts, state=DeliveryState.GIVEN_UP, ended_at=now, leased_until=None, error=error)
    keys = [head.key, *(each.key for each in parcel.folded)]
    # Nobody is told the end of what they never heard begin.
    ends = Delivery.objects.filter(channel=head.channel_id, key__in=keys, message__resolves=True)
    ends.filter(state=DeliveryState.WAITING).update(state=DeliveryState.DROPPED, ended_at=now)
    log.error("delivery.given_up", channel=head.channel_id, message=head.message_id, error=error)


def note(*, channel: Channel, failure: NotDelivered | None, sent: bool, now: datetime) -> None:
    """What the page shows of a channel: when it last took something, and what was last wrong."""
    changes: dict[str, object] = {"last_success_at": now} if sent else {}
    if failure is not None:
        changes |= {"last_error_at": now + timedelta(microseconds=1), "last_error": str(failure)[:ERROR]}
        log.warning("delivery.failed", channel=channel.pk, kind=channel.kind, error=str(failure)[:ERROR])
    if changes:
        Channel.objects.filter(pk=channel.pk).update(**changes)


def forget(*, now: datetime) -> int:
    """Delete what was told three months ago and is neither under way nor lasting. Returns how many messages."""
    long_ago = now - KEPT
    Matter.objects.filter(Q(over_at__lt=long_ago) | Q(told_at__lt=long_ago)).delete()
    old = Message.objects.filter(at__lt=long_ago, routed_at__isnull=False)
    return old.exclude(deliveries__state=DeliveryState.WAITING).delete()[0]


assert LEASE.total_seconds() > 2 * PATIENCE_S, "a lease outlives the attempt that it covers"
