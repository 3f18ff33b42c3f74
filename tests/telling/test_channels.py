"""Channels: what is refused in words, and what of them is never shown again."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from migrator.access.rights import Forbidden, console, machine
from migrator.inventory.models import Project
from migrator.inventory.services import Invalid
from migrator.telling.channels import ChannelSettings, save_channel, settings_of, try_out
from migrator.telling.delivery import deliver_due
from migrator.telling.models import Channel, Delivery
from migrator.telling.sealing import Unreadable, seal, unseal
from migrator.telling.senders.by_apprise import redacted
from tests.telling.conftest import ROUTING_KEY, WEDNESDAY_NOON
from tests.telling.receiver import Receiver

CANARY = "c4nary-s3cret-path"


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"kind": "pigeon"}, "kind"),
        ({"target": ""}, "target"),
        ({"target": "ftp://example.test"}, "target"),
        ({"target": "http://name:pass@example.test"}, "target"),
        ({"target": "http://169.254.169.254/latest"}, "target"),
        ({"target": "http://[64:ff9b::a9fe:a9fe]/"}, "target"),
        ({"target": "https://example.test/a b"}, "target"),
        ({"kind": "pagerduty", "target": "short"}, "target"),
        ({"kind": "pagerduty", "target": ROUTING_KEY, "digest": "daily"}, "digest"),
        ({"kind": "pagerduty", "target": ROUTING_KEY, "weekly": True}, "weekly"),
        ({"kind": "pagerduty", "target": ROUTING_KEY, "events": ["weekly"]}, "weekly"),
        ({"weekly": False, "events": ["harm", "weekly"]}, "weekly"),
        ({"kind": "apprise", "target": "moon://x"}, "target"),
        ({"kind": "apprise", "target": "dbus://"}, "target"),
        ({"kind": "apprise", "target": "fcm://project/device?keyfile=/etc/passwd"}, "target"),
        ({"kind": "apprise", "target": "workflows://h.test/wf/sig/?template=/etc/passwd"}, "target"),
        ({"events": ["moon"]}, "events"),
        ({"least_severity": "panic"}, "least_severity"),
        ({"quiet_days": [7]}, "quiet_days"),
        ({"quiet_days": [0, 1, 2, 3, 4, 5, 6]}, "quiet_from"),
        ({"zone": "Moon/Sea"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"digest": "yearly"}, "digest"),
        ({"digest_hour": 24}, "digest_hour"),
        ({"per_minute": 0}, "per_minute"),
    ],
)
def test_channel__that_cannot_work__is_refused_naming_the_field(
    wanted: dict[str, Any], field: str, project: Project
) -> None:
    settings = {"name": "x", "kind": "webhook", "target": "https://example.test/x"} | wanted
    with pytest.raises(Invalid) as refused:
        save_channel(project=project, wanted=ChannelSettings(**settings), actor=console(name="t"), now=WEDNESDAY_NOON)
    assert refused.value.field == field
    assert "/etc/passwd" not in refused.value.message or field == "zone"


def test_channel__made_by_somebody_without_the_right__is_forbidden(project: Project) -> None:
    wanted = ChannelSettings(name="x", kind="webhook", target="https://example.test/x")
    with pytest.raises(Forbidden):
        save_channel(project=project, wanted=wanted, actor=machine(name="m", via="task"), now=WEDNESDAY_NOON)


def test_channel__changed_without_a_target__keeps_the_one_it_has(channel: Callable[..., Channel]) -> None:
    made = channel()
    saved = save_channel(
        project=made.project, wanted=settings_of(made), actor=console(name="t"), now=WEDNESDAY_NOON, channel=made
    )
    assert saved.secret == ""
    assert CANARY in unseal(Channel.objects.get().target)


def test_secrets__of_channels__are_nowhere_in_the_database(
    channel: Callable[..., Channel], say: Callable[..., Any], receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    made = channel()
    channel(name="dead", kind="apprise", target=f"json://user:hunter2pass@127.0.0.1:9/{CANARY}")
    say()
    deliver_due(now=WEDNESDAY_NOON)
    assert Delivery.objects.filter(state="waiting").exclude(error="").exists()

    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM telling_channel t")
        rows = cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(t::text, ' ') FROM telling_delivery t")
        rows += cursor.fetchone()[0]
    for secret in (CANARY, "hunter2pass", made.plain_secret):
        assert secret not in rows
        assert secret not in caplog.text


def test_secret__under_another_key__says_so_and_fails_over_to_former_keys(settings: Any) -> None:
    sealed = seal("open sesame")
    before, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    with pytest.raises(Unreadable, match="SECRET_KEY changed"):
        unseal(sealed)
    settings.SECRET_KEY_FALLBACKS = [before]
    assert unseal(sealed) == "open sesame"


def test_redacted__text_that_repeats_an_address__shows_nothing_of_it() -> None:
    told = redacted("POST https://h.test/T1JJ3T3L2/A1BRTD4JD failed for T1JJ3T3L2", "slack://T1JJ3T3L2/A1BRTD4JD")
    assert "T1JJ" not in told and "A1BR" not in told


def test_try_out__of_a_channel__says_what_came_of_it(channel: Callable[..., Channel], receiver: Receiver) -> None:
    made = channel()
    assert try_out(channel=made, actor=console(name="t"), now=WEDNESDAY_NOON) == ""
    assert receiver.documents[0]["messages"][0]["event"] == "test"
    receiver.answers = [(404, {})]
    assert try_out(channel=made, actor=console(name="t"), now=WEDNESDAY_NOON) == "127.0.0.1 answered 404."
    assert Channel.objects.get().fails


def test_try_out__of_pagerduty__opens_an_incident_and_closes_it(
    channel: Callable[..., Channel], receiver: Receiver, settings: Any
) -> None:
    settings.PAGERDUTY_URL = receiver.url
    made = channel(kind="pagerduty", target=ROUTING_KEY)
    try_out(channel=made, actor=console(name="t"), now=WEDNESDAY_NOON)
    assert [each["event_action"] for each in receiver.documents] == ["trigger", "resolve"]
    assert len({each["dedup_key"] for each in receiver.documents}) == 1


@pytest.mark.parametrize(
    ("wanted", "takes_it"),
    [
        ({"kind": "apprise", "target": "json://example.test/x"}, True),
        ({"kind": "apprise", "target": "json://example.test/x", "weekly": False}, False),
        ({"kind": "apprise", "target": "json://example.test/x", "events": ["harm"]}, False),
        ({}, False),
        ({"weekly": True}, True),
        ({"events": ["weekly"]}, True),
        ({"kind": "pagerduty", "target": ROUTING_KEY}, False),
    ],
)
def test_week__of_a_new_channel__is_taken_where_people_read_it_or_say_so(
    wanted: dict[str, Any], takes_it: bool, project: Project
) -> None:
    settings = {"name": "x", "kind": "webhook", "target": "https://example.test/x"} | wanted
    saved = save_channel(
        project=project, wanted=ChannelSettings(**settings), actor=console(name="t"), now=WEDNESDAY_NOON
    )
    assert saved.channel.weekly is takes_it
