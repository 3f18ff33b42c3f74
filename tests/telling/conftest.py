"""Channels that lead to a receiver, and something to tell."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from migrator.access.rights import console
from migrator.inventory.models import Kind, Project, Service, Unit
from migrator.inventory.services import create_team, create_unit, save_service
from migrator.telling.channels import ChannelSettings, save_channel
from migrator.telling.models import Channel, ChannelKind, Event, Message, Severity
from migrator.telling.services import tell
from tests.telling.receiver import Receiver, receiving

WEDNESDAY_NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
ROUTING_KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _loopback_is_outside(settings: Any) -> None:
    settings.OUTGOING_ALLOW = ["127.0.0.0/8"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="users", legacy_url="http://l.test", candidate_url="http://c.test")


@pytest.fixture
def unit(project: Project, service: Service) -> Unit:
    unit = create_unit(project=project, service=service, key="GET /users/{id}", kind=Kind.ENDPOINT, now=timezone.now())
    unit.team = create_team(project=project, name="core")
    unit.save(update_fields=["team"])
    return unit


@pytest.fixture
def channel(project: Project, receiver: Receiver) -> Callable[..., Channel]:
    """`channel(digest="daily")`: a webhook to the receiver, for everything."""

    def made(**wanted: Any) -> Channel:
        wanted = {"name": "hook", "kind": ChannelKind.WEBHOOK, "target": receiver.url} | wanted
        wanted.setdefault("least_severity", Severity.INFO)
        saved = save_channel(
            project=project, wanted=ChannelSettings(**wanted), actor=console(name="test"), now=WEDNESDAY_NOON
        )
        saved.channel.plain_secret = saved.secret  # type: ignore[attr-defined]
        return saved.channel

    return made


@pytest.fixture
def say(project: Project) -> Callable[..., Message]:
    """`say("Title", key="m")`: a message about a matter that lasts, at noon."""

    def said(title: str = "Guard silent", **more: Any) -> Message:
        told = {"event": Event.GUARD, "severity": Severity.WARNING, "sentence": f"{title}.", "now": WEDNESDAY_NOON}
        return tell(**{"project": project, "title": title, "path": "/p/shop/oncall", **told, **more})

    return said
