"""Where something is wrong with a unit, its runbook travels along; good news has none."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from migrator.inventory.models import Unit
from migrator.inventory.services import change_unit, save_service
from migrator.telling.delivery import deliver_due
from migrator.telling.envelope import Envelope, Item, UnitOfIt
from migrator.telling.models import Channel, Event, Message, Severity
from migrator.telling.senders.pagerduty import event_of
from tests.telling.conftest import WEDNESDAY_NOON
from tests.telling.receiver import Receiver

WIKI = "https://wiki.example.com/users_night"
PAYMENTS = UnitOfIt(id=1, key="POST /payments", service="shop", team=None, runbook=WIKI)
HARM = Item(
    event=Event.HARM,
    severity=Severity.CRITICAL,
    resolves=False,
    key="harm:1",
    title="Harm proven",
    sentence="3 of 40 pairs differ.",
    unit=PAYMENTS,
    link="https://migrator.example.com/p/shop/oncall/1",
    at=timezone.now(),
    since=timezone.now(),
    times=1,
)


def envelope(item: Item) -> Envelope:
    return Envelope(event_id="1", project_slug="shop", project_name="Shop", items=(item,), digest=False, page="/")


def test_harm__of_a_unit_with_a_runbook__names_it_in_every_form() -> None:
    assert envelope(HARM).text.splitlines() == [HARM.sentence, "POST /payments (shop)", f"Runbook: {WIKI}", HARM.link]
    assert f"[Runbook]({WIKI})" in envelope(HARM).markdown
    links = event_of(routing_key="k", project="shop", item=HARM)["links"]
    assert links == [{"href": HARM.link, "text": "Act"}, {"href": WIKI, "text": "Runbook"}]


@pytest.mark.parametrize(
    "quiet",
    [{"severity": Severity.INFO}, {"resolves": True}, {"unit": None}, {"unit": replace(PAYMENTS, runbook="")}],
    ids=["good news", "over", "no unit", "no runbook"],
)
def test_message__without_trouble_or_runbook__names_none(quiet: dict[str, Any]) -> None:
    told = envelope(replace(HARM, **quiet))
    assert "Runbook" not in told.text + told.markdown


@pytest.mark.parametrize(
    ("runbook", "told"),
    [
        ("Binder_3, page 12", r"Runbook: Binder\_3, page 12"),
        ("https://x.example/(a)", "Runbook: https://x.example/(a)"),
    ],
)
def test_markdown__what_would_break_a_link__stands_as_it_is(runbook: str, told: str) -> None:
    item = replace(HARM, unit=replace(PAYMENTS, runbook=runbook))
    assert told in envelope(item).markdown
    links = event_of(routing_key="k", project="shop", item=item)["links"]
    assert len(links) == 1 + runbook.startswith("https")


def test_webhook__about_a_unit_whose_service_names_a_runbook__carries_it(
    channel: Callable[..., Channel], say: Callable[..., Message], unit: Unit, receiver: Receiver
) -> None:
    save_service(project=unit.project, name="users", runbook=WIKI)
    channel()
    say(event=Event.HARM, unit=unit)
    deliver_due(now=WEDNESDAY_NOON)
    assert receiver.received[0].json["messages"][0]["unit"]["runbook"] == WIKI

    change_unit(unit=unit, runbook="Binder 3")
    say(event=Event.ALERT, unit=unit)
    deliver_due(now=WEDNESDAY_NOON)
    assert receiver.received[1].json["messages"][0]["unit"]["runbook"] == "Binder 3"
