"""What pages and API show of channels, hooks and messages, as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from migrator.inventory.models import Project
from migrator.telling.models import Alarm, Channel, Delivery, DeliveryState, Hook, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFigures:
    """How far one message is on its way to one channel."""

    channel: str
    state: str
    attempts: int
    next_at: datetime | None
    """When it is tried, or tried again; None where it is over."""
    ended_at: datetime | None
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFigures:
    """A message with its deliveries. Without any: nobody wanted it, or knew of the matter already."""

    id: int
    event: str
    severity: str
    resolves: bool
    key: str
    title: str
    sentence: str
    path: str
    at: datetime
    unit_id: int | None
    unit_key: str | None
    is_routed: bool
    deliveries: tuple[DeliveryFigures, ...]


def messages_of(*, messages: QuerySet[Message]) -> list[MessageFigures]:
    """Messages in the order given, with two queries however many they are."""
    rows = list(messages.select_related("unit"))
    by_message = _deliveries(rows)
    return [
        MessageFigures(
            id=row.pk,
            event=row.event,
            severity=row.severity,
            resolves=row.resolves,
            key=row.key,
            title=row.title,
            sentence=row.sentence,
            path=row.path,
            at=row.at,
            unit_id=row.unit_id,
            unit_key=row.unit.key if row.unit else None,
            is_routed=row.routed_at is not None,
            deliveries=tuple(by_message.get(row.pk, ())),
        )
        for row in rows
    ]


def _deliveries(messages: Sequence[Message]) -> dict[int, list[DeliveryFigures]]:
    found = Delivery.objects.filter(message__in=[message.pk for message in messages])
    by_message: dict[int, list[DeliveryFigures]] = {}
    for row in found.select_related("channel", "folded_into").order_by("channel__name"):
        by_message.setdefault(row.message_id, []).append(_figures(row))
    return by_message


def _figures(row: Delivery) -> DeliveryFigures:
    """What travels with others shares their fate."""
    head = row.folded_into or row
    return DeliveryFigures(
        channel=row.channel.name,
        state=head.state,
        attempts=head.attempts,
        next_at=head.due_at if head.state == DeliveryState.WAITING else None,
        ended_at=head.ended_at,
        error=head.error,
    )


def channels_of(*, project: Project) -> QuerySet[Channel]:
    """A project's channels with what they cover and how much `waiting` there is for each."""
    waiting = Count("deliveries", filter=Q(deliveries__state=DeliveryState.WAITING), distinct=True)
    return Channel.objects.filter(project=project).annotate(waiting=waiting).prefetch_related("teams", "services")


def hooks_of(*, project: Project) -> QuerySet[Hook]:
    """A project's hooks with how many alarms of each are `firing`."""
    firing = Count("alarms", filter=Q(alarms__firing=True, alarms__over_at__isnull=True))
    return Hook.objects.filter(project=project).annotate(firing=firing).select_related("fallback_service")


def alarms_of(*, project: Project) -> QuerySet[Alarm]:
    """The alarms that are not over, the longest first."""
    found = Alarm.objects.filter(hook__project=project, over_at__isnull=True)
    return found.select_related("hook", "unit", "service").order_by("since")
