"""From the outbox to a receiver: told once, in order, again after failures, closed at the end."""

import hashlib
import hmac
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from migrator.access.rights import console
from migrator.inventory.models import Project, Unit
from migrator.telling.channels import save_channel, settings_of
from migrator.telling.delivery import deliver_due, forget
from migrator.telling.models import Channel, Delivery, DeliveryState, Event, Matter, Message, Severity
from tests.telling.conftest import ROUTING_KEY, WEDNESDAY_NOON
from tests.telling.receiver import Receiver, receiving

NOON = WEDNESDAY_NOON
Make = Callable[..., Any]


def states() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("state", flat=True))


def test_message__told__arrives_with_unit_sentence_and_link(
    channel: Make, say: Make, unit: Unit, receiver: Receiver
) -> None:
    channel()
    say("Harm proven", event=Event.HARM, unit=unit, path=f"/p/shop/units/{unit.pk}", sentence="3 of 40 pairs differ.")

    assert deliver_due(now=NOON).sent == 1

    told = receiver.received[0].json
    item = told["messages"][0]
    assert told["type"] == "message" and told["title"] == "Shop: Harm proven" and told["count"] == 1
    assert item["unit"] == {"id": unit.pk, "key": "GET /users/{id}", "service": "users", "team": "core", "runbook": ""}
    assert item["sentence"] == "3 of 40 pairs differ."
    assert item["link"] == f"http://127.0.0.1:8000/p/shop/units/{unit.pk}"
    assert states() == [DeliveryState.SENT]
    assert Channel.objects.get().last_success_at == NOON


def test_webhook__received__bears_a_signature_of_time_and_body(channel: Make, say: Make, receiver: Receiver) -> None:
    made = channel()
    say()
    deliver_due(now=NOON)

    got = receiver.received[0]
    stamp, signed = got.headers["X-Migrator-Signature"].removeprefix("t=").split(",v1=")
    own = hmac.new(made.plain_secret.encode(), stamp.encode() + b"." + got.body, hashlib.sha256).hexdigest()
    assert (int(stamp), signed) == (int(NOON.timestamp()), own)
    assert got.headers["X-Migrator-Event-Id"] == str(Delivery.objects.get().event_id) == got.json["id"]


def test_transaction__rolled_back__tells_nobody(channel: Make, say: Make, receiver: Receiver) -> None:
    channel()
    with pytest.raises(RuntimeError), transaction.atomic():
        say()
        raise RuntimeError

    assert deliver_due(now=NOON).sent == 0 and receiver.received == []


def test_matter__raised_again_within_hours__is_told_once_then_with_its_count(
    channel: Make, say: Make, receiver: Receiver
) -> None:
    channel()
    for minutes in (0, 1, 200, 361):
        now = NOON + timedelta(minutes=minutes)
        say(now=now, key="guard")
        deliver_due(now=now)

    assert len(receiver.received) == 2
    assert receiver.documents[1]["messages"][0]["times"] == 4
    assert receiver.documents[1]["messages"][0]["since"] == "2026-11-18T12:00:00Z"


def test_matter__that_gets_graver__is_told_at_once(channel: Make, say: Make, receiver: Receiver) -> None:
    channel()
    say(key="guard")
    say("Guard dead", key="guard", severity=Severity.CRITICAL)
    deliver_due(now=NOON)
    deliver_due(now=NOON)

    assert receiver.titles == ["Shop: Guard silent", "Shop: Guard dead"]


def test_moments__of_one_unit_without_a_key__are_each_told(
    channel: Make, say: Make, unit: Unit, receiver: Receiver
) -> None:
    channel()
    for title in ("First", "Second"):
        say(title, event=Event.ROLLED_BACK, unit=unit)
    deliver_due(now=NOON)

    assert receiver.titles == ["Shop: First", "Shop: Second"]


def test_matter__over__is_closed_where_it_was_told_and_nowhere_else(
    channel: Make, say: Make, receiver: Receiver
) -> None:
    with receiving() as other:
        channel()
        channel(name="critical only", target=other.url, least_severity=Severity.CRITICAL)
        say(key="guard")
        deliver_due(now=NOON)
        say("Guard back", key="guard", resolves=True)
        say("Guard back", key="guard", resolves=True)
        deliver_due(now=NOON)

        assert receiver.titles == ["Shop: Guard silent", "Shop: Guard back"]
        assert other.received == []
        assert Matter.objects.get().over_at == NOON
        say(key="guard")
        deliver_due(now=NOON)
        assert len(receiver.received) == 3


def test_matter__over_before_it_was_told__is_told_to_nobody(channel: Make, say: Make, receiver: Receiver) -> None:
    channel()
    say(key="guard")
    say("Guard back", key="guard", resolves=True)
    deliver_due(now=NOON)

    assert receiver.received == [] and states() == [DeliveryState.DROPPED]


def test_failure__of_any_kind__is_tried_again_later_with_the_same_id(
    channel: Make, say: Make, receiver: Receiver
) -> None:
    channel()
    receiver.answers = [(503, {}), (302, {"Location": "http://127.0.0.1:1/elsewhere"})]
    say(key="guard")
    say("Guard back", key="other")
    now = NOON

    assert deliver_due(now=now).failed == 1
    first = Delivery.objects.order_by("id").first()
    assert first.attempts == 1 and NOON < first.due_at <= NOON + timedelta(seconds=5)
    assert first.error == "127.0.0.1 answered 503."
    for _ in range(4):
        now += timedelta(minutes=5)
        deliver_due(now=now)

    assert states() == [DeliveryState.SENT] * 2
    ids = [each.headers["X-Migrator-Event-Id"] for each in receiver.received]
    assert len(ids) == 4 and len(set(ids)) == 2
    assert "Redirects are not followed" in Channel.objects.get().last_error
    assert not Channel.objects.get().fails


def test_end_of_a_matter__whose_beginning_still_fails__waits_behind_it(
    channel: Make, say: Make, receiver: Receiver
) -> None:
    channel()
    receiver.answers = [(500, {})]
    say(key="guard")
    deliver_due(now=NOON)
    say("Guard back", key="guard", resolves=True)
    deliver_due(now=NOON)
    assert len(receiver.received) == 1
    for minutes in (5, 10):
        deliver_due(now=NOON + timedelta(minutes=minutes))

    assert receiver.titles == ["Shop: Guard silent", "Shop: Guard silent", "Shop: Guard back"]


def test_receiver__asking_to_wait__is_left_alone_so_long(channel: Make, say: Make, receiver: Receiver) -> None:
    channel()
    receiver.answers = [(429, {"Retry-After": "600"})]
    say()
    deliver_due(now=NOON)

    assert Delivery.objects.get().due_at == NOON + timedelta(seconds=600)


def test_receiver__dead_for_a_day__is_given_up_with_its_error_and_without_the_end(channel: Make, say: Make) -> None:
    channel(target="http://127.0.0.1:9/nobody")
    say(key="guard")
    now = NOON
    for hours in range(26):
        now = NOON + timedelta(hours=hours)
        deliver_due(now=now)
        if hours == 1:
            say("Guard back", key="guard", resolves=True, now=now)

    given_up = Delivery.objects.order_by("id").first()
    assert given_up.state == DeliveryState.GIVEN_UP
    assert "cannot be reached: Connection refused" in given_up.error
    assert given_up.ended_at == NOON + timedelta(hours=24)
    assert states()[1] == DeliveryState.DROPPED
    assert Channel.objects.get().fails


def test_receiver__that_hangs__holds_up_no_other(
    channel: Make, say: Make, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrator.telling.outgoing.READ_S", 0.5)
    with receiving() as other:
        channel(name="a hangs")
        channel(name="b answers", target=other.url)
        receiver.held.clear()
        for number in range(3):
            say(f"Message {number}", key=f"m{number}")
        done = deliver_due(now=NOON)

        assert (done.sent, done.failed) == (3, 1)
        assert len(other.received) == 3 and len(receiver.received) == 1


def test_filters__of_events_severity_team_and_service__let_through_what_is_wanted(
    project: Project, channel: Make, say: Make, unit: Unit, receiver: Receiver
) -> None:
    other_team = project.teams.create(name="other")
    channel(name="events", events=[Event.HARM])
    channel(name="severity", least_severity=Severity.CRITICAL)
    channel(name="team", teams=[other_team])
    channel(name="service", services=[unit.service])
    say(unit=unit, key="about a unit")
    say(key="about everything")
    deliver_due(now=NOON)

    got = Delivery.objects.values_list("channel__name", "key").order_by("id")
    assert list(got) == [
        ("service", "about a unit"),
        ("service", "about everything"),
        ("team", "about everything"),
    ]


def test_week__told__reaches_those_who_opted_in_whatever_else_they_take(
    channel: Make, say: Make, receiver: Receiver
) -> None:
    channel(name="alarms", least_severity=Severity.CRITICAL, weekly=True)
    channel(name="all but the week")
    channel(name="pager", kind="pagerduty", target=ROUTING_KEY)
    channel(name="the week alone", events=[Event.WEEKLY])
    say("Shop: week 47", event=Event.WEEKLY, severity=Severity.INFO, key="weekly:shop:2026-47")
    say("Guard silent", key="guard")
    deliver_due(now=NOON)

    got = Delivery.objects.filter(message__event=Event.WEEKLY).values_list("channel__name", flat=True)
    assert sorted(got) == ["alarms", "the week alone"]
    others = Delivery.objects.filter(message__event=Event.GUARD).values_list("channel__name", flat=True)
    assert sorted(others) == ["all but the week", "pager"]


def test_quiet_hours__hold_back_what_is_not_critical_until_their_end(
    channel: Make, say: Make, receiver: Receiver
) -> None:
    channel(quiet_from="22:00", quiet_to="07:00", zone="Europe/Berlin")
    Channel.objects.update(quiet_from="22:00", quiet_to="07:00")
    night = NOON.replace(hour=23)
    say("Warning", key="w", now=night)
    say("Critical", key="c", severity=Severity.CRITICAL, now=night)
    deliver_due(now=night)
    assert receiver.titles == ["Shop: Critical"]

    deliver_due(now=NOON.replace(day=19, hour=5, minute=59))
    assert len(receiver.received) == 1
    deliver_due(now=NOON.replace(day=19, hour=6))
    assert receiver.titles == ["Shop: Critical", "Shop: Warning"]


def test_digest__collects_by_event_and_lets_the_critical_through(
    channel: Make, say: Make, unit: Unit, receiver: Receiver
) -> None:
    channel(digest="daily", digest_hour=9)
    for number in range(3):
        say(f"Flip {number}", event=Event.FLIPPED, severity=Severity.INFO)
    say("Ready", event=Event.READY, severity=Severity.INFO)
    say("Harm", event=Event.HARM, severity=Severity.CRITICAL)
    deliver_due(now=NOON)
    assert receiver.titles == ["Shop: Harm"]

    deliver_due(now=NOON + timedelta(hours=21))
    digest = receiver.documents[1]
    assert (digest["type"], digest["count"], digest["title"]) == ("digest", 4, "Shop: 4 messages")
    assert sorted(states()) == [DeliveryState.FOLDED] * 3 + [DeliveryState.SENT] * 2
    deliver_due(now=NOON + timedelta(days=2))
    assert len(receiver.received) == 2


def test_digest__that_failed__is_sent_again_as_it_was(channel: Make, say: Make, receiver: Receiver) -> None:
    channel(digest="hourly")
    receiver.answers = [(500, {})]
    say("One", key="one")
    say("Two", key="two")
    deliver_due(now=NOON + timedelta(hours=1))
    deliver_due(now=NOON + timedelta(hours=1))
    deliver_due(now=NOON + timedelta(hours=2))
    say("Three", key="three", now=NOON + timedelta(hours=2))
    deliver_due(now=NOON + timedelta(hours=4))

    assert [(each["id"], each["count"]) for each in receiver.documents[:2]] == [(receiver.documents[0]["id"], 2)] * 2


def test_throttle__more_than_its_minute_holds__folds_the_rest_into_one(
    channel: Make, say: Make, receiver: Receiver
) -> None:
    channel(per_minute=3)
    for number in range(15):
        say(f"Message {number}", key=f"m{number}", severity=Severity.CRITICAL if number == 14 else Severity.WARNING)
    deliver_due(now=NOON)

    assert receiver.titles == ["Shop: Message 14", "Shop: Message 0", "Shop: Message 1 and 12 more"]
    say("Later", key="later")
    deliver_due(now=NOON + timedelta(seconds=30))
    assert len(receiver.received) == 3
    deliver_due(now=NOON + timedelta(seconds=61))
    assert receiver.titles[3:] == ["Shop: Later"]


def test_pagerduty__matter_that_begins_and_ends__is_one_incident(
    channel: Make, say: Make, unit: Unit, receiver: Receiver, settings: Any
) -> None:
    settings.PAGERDUTY_URL = receiver.url
    channel(kind="pagerduty", target=ROUTING_KEY)
    say("Harm proven", event=Event.HARM, unit=unit, severity=Severity.CRITICAL, path=f"/p/shop/units/{unit.pk}")
    deliver_due(now=NOON)
    say("Harm over", event=Event.HARM, unit=unit, resolves=True)
    deliver_due(now=NOON)

    trigger, resolve = receiver.documents
    assert trigger["routing_key"] == ROUTING_KEY
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"] == f"migrator:shop:harm:{unit.pk}"
    assert trigger["payload"]["severity"] == "critical" and trigger["payload"]["component"] == "users"
    assert trigger["links"] == [{"href": f"http://127.0.0.1:8000/p/shop/units/{unit.pk}", "text": "Act"}]
    assert "payload" not in resolve


def test_apprise__with_an_address__delivers_words_for_people(
    channel: Make, say: Make, unit: Unit, receiver: Receiver
) -> None:
    channel(kind="apprise", target=receiver.url.replace("http://", "json://"))
    say("Harm proven", event=Event.HARM, unit=unit, path=f"/p/shop/units/{unit.pk}")
    assert deliver_due(now=NOON).sent == 1

    told = receiver.documents[0]
    assert told["title"] == "Shop: Harm proven"
    assert told["message"].splitlines() == [
        "Harm proven.",
        "GET /users/{id} (users)",
        f"http://127.0.0.1:8000/p/shop/units/{unit.pk}",
    ]


def test_apprise__redirected__follows_nothing_and_shows_no_address(
    channel: Make, say: Make, receiver: Receiver
) -> None:
    with receiving() as elsewhere:
        receiver.answers = [(302, {"Location": elsewhere.url})]
        channel(kind="apprise", target=receiver.url.replace("http://", "json://user:hunter2pass@"))
        say()
        assert deliver_due(now=NOON).failed == 1

        assert elsewhere.received == []
        error = Delivery.objects.get().error
        assert "c4nary" not in error and "hunter2" not in error and error.startswith("JSON did not take it")


def test_channel__switched_off__drops_what_waited(channel: Make, say: Make, receiver: Receiver) -> None:
    made = channel(digest="daily")
    say()
    deliver_due(now=NOON)
    channel_off(made)
    deliver_due(now=NOON + timedelta(days=2))

    assert states() == [DeliveryState.DROPPED] and receiver.received == []


def channel_off(channel: Channel) -> None:
    wanted = replace(settings_of(channel), enabled=False)
    save_channel(project=channel.project, wanted=wanted, actor=console(name="test"), now=NOON, channel=channel)


@pytest.mark.django_db(transaction=True)
def test_processes__many_at_once__send_each_message_once(channel: Make, say: Make, receiver: Receiver) -> None:
    channel()
    for number in range(60):
        say(f"Message {number}", key=f"m{number}")

    def work() -> None:
        try:
            for _ in range(10):
                deliver_due(now=NOON)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deliver_due(now=NOON)

    assert sorted(receiver.titles) == sorted(f"Shop: Message {number}" for number in range(60))


def test_forget__of_old_messages__keeps_what_waits(channel: Make, say: Make, receiver: Receiver) -> None:
    channel()
    say("Told", key="told")
    deliver_due(now=NOON)
    say("Not routed", key="new")
    forget(now=NOON + timedelta(days=91))

    assert list(Message.objects.values_list("title", flat=True)) == ["Not routed"]
