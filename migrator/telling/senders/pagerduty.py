"""PagerDuty's Events API v2: a matter is an incident. Its key makes repeats one, and closes it when it is over."""

import hashlib
from typing import Any, Final

import orjson
from django.conf import settings

from migrator.inventory.runbooks import address_of
from migrator.telling.envelope import Envelope, Item, moment
from migrator.telling.models import Severity
from migrator.telling.outgoing import post

LEVELS: Final[dict[str, str]] = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "critical"}
SUMMARY: Final = 1_024
DEDUP_KEY: Final = 255
"""Longest texts that the API takes."""


def send(*, routing_key: str, envelope: Envelope) -> None:
    """One event for each message: incidents close one by one. Raises NotDelivered; then some may have arrived, and
    arrive again with the same key.
    """
    for item in envelope.items:
        body = event_of(routing_key=routing_key, project=envelope.project_slug, item=item)
        post(url=settings.PAGERDUTY_URL, body=orjson.dumps(body), headers={"Content-Type": "application/json"})


def event_of(*, routing_key: str, project: str, item: Item) -> dict[str, Any]:
    """The event as the API takes it."""
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "resolve" if item.resolves else "trigger",
        "dedup_key": dedup_key(project=project, key=item.key),
    }
    if item.resolves:
        return event
    unit = item.unit
    return event | {
        "client": "Migrator",
        "client_url": item.link,
        "links": [{"href": item.link, "text": "Act"}, *_runbook(item)],
        "payload": {
            "summary": f"{item.title}: {item.told}"[:SUMMARY],
            "severity": LEVELS[item.severity],
            "source": unit.key if unit else project,
            "component": unit.service if unit else project,
            "group": project,
            "class": item.event,
            "timestamp": moment(item.at),
            "custom_details": {
                "sentence": item.told,
                "team": unit.team if unit else None,
                "times": item.times,
                "runbook": item.runbook,
            },
        },
    }


def _runbook(item: Item) -> list[dict[str, str]]:
    """Beside the way to act, where it is an address."""
    return [{"href": item.runbook, "text": "Runbook"}] if address_of(item.runbook) else []


def dedup_key(*, project: str, key: str) -> str:
    """The matter's name outside: `migrator:shop:harm:12`. One that is too long ends in its hash."""
    whole = f"migrator:{project}:{key}"
    if len(whole) <= DEDUP_KEY:
        return whole
    return f"{whole[:180]}:{hashlib.sha256(whole.encode()).hexdigest()}"
