"""What travels: one or several messages as plain data, in words for people and in JSON for programs.

`channel` is loaded with its project, and `deliveries` with their messages and units, before this is called; nothing
here reads the database, so that it may run in any thread.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.conf import settings

from migrator.inventory.models import Unit
from migrator.inventory.runbooks import address_of
from migrator.telling.models import Channel, Delivery, Event, Severity

LISTED: Final = 50
"""Messages that a digest or a folded message spells out. The page has the rest."""
RANK: Final[dict[str, int]] = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOfIt:
    """The unit that a message is about."""

    id: int
    key: str
    service: str
    team: str | None
    runbook: str = ""
    """Where it is written what to do about it; empty where nobody named that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One message. `key` is the matter; `link` is the whole address of the page where somebody can act."""

    event: str
    severity: str
    resolves: bool
    key: str
    title: str
    sentence: str
    unit: UnitOfIt | None
    link: str
    at: datetime
    since: datetime
    times: int

    @property
    def runbook(self) -> str:
        """Named where something is wrong with a unit; empty for good news, and where there is none."""
        is_wrong = RANK[self.severity] > RANK[Severity.INFO] and not self.resolves
        return self.unit.runbook if self.unit and is_wrong else ""

    @property
    def told(self) -> str:
        """The sentence, and how often it was so by now."""
        if self.times == 1 or self.resolves:
            return self.sentence
        return f"{self.sentence} This is the {ordinal(self.times)} time since {self.since:%-d %b, %H:%M} UTC."


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What is sent in one go. `event_id` stays the same when it is sent again."""

    event_id: str
    project_slug: str
    project_name: str
    items: tuple[Item, ...]
    digest: bool
    page: str
    """Where all messages stand."""

    @property
    def first(self) -> Item:
        return self.items[0]

    @property
    def severity(self) -> str:
        return max((item.severity for item in self.items), key=RANK.__getitem__)

    @property
    def title(self) -> str:
        """For subjects and headlines."""
        if self.digest:
            return f"{self.project_name}: {counted(len(self.items))}"
        more = f" and {len(self.items) - 1} more" if len(self.items) > 1 else ""
        return f"{self.project_name}: {self.first.title}{more}"

    @property
    def text(self) -> str:
        """For people, without the title: plain, each link on a line of its own, so that every client makes it one."""
        if len(self.items) == 1:
            item = self.first
            about = f"{item.unit.key} ({item.unit.service})\n" if item.unit else ""
            about += f"Runbook: {item.runbook}\n" if item.runbook else ""
            return f"{item.told}\n{about}{item.link}"
        return "\n\n".join([*(self._group(event, items) for event, items in self._groups()), *self._rest()])

    @property
    def markdown(self) -> str:
        """The same for services that read Markdown, such as Slack."""
        if len(self.items) == 1:
            item = self.first
            about = f"`{item.unit.key}` ({escaped(item.unit.service)})\n" if item.unit else ""
            about += f"{_runbook_link(item.runbook)}\n" if item.runbook else ""
            return f"{escaped(item.told)}\n{about}[Open in Migrator]({item.link})"
        groups = [
            "\n".join(
                [f"**{str(Event(event).label).capitalize()} ({len(items)})**"]
                + [f"- {escaped(item.title)}: {escaped(item.told)} [Open]({item.link})" for item in items]
            )
            for event, items in self._groups()
        ]
        return "\n\n".join([*groups, *self._rest()])

    def _groups(self) -> list[tuple[str, list[Item]]]:
        """By event, the gravest first; within each, in the order in which it happened."""
        groups: dict[str, list[Item]] = {}
        for item in sorted(self.items[:LISTED], key=lambda item: (-RANK[item.severity], item.at)):
            groups.setdefault(item.event, []).append(item)
        return list(groups.items())

    def _group(self, event: str, items: list[Item]) -> str:
        lines = [f"{item.title}: {item.told}\n{item.link}" for item in items]
        return "\n".join([f"{str(Event(event).label).capitalize()} ({len(items)})", *lines])

    def _rest(self) -> list[str]:
        left = len(self.items) - LISTED
        return [f"And {left} more: {self.page}"] if left > 0 else []

    def as_json(self) -> dict[str, Any]:
        """For programs. Names and meanings stay; more may be added."""
        body: dict[str, Any] = {
            "id": self.event_id,
            "type": "digest" if self.digest else "message",
            "project": {"slug": self.project_slug, "name": self.project_name},
            "title": self.title,
            "severity": self.severity,
            "count": len(self.items),
            "messages": [_item_json(item) for item in self.items],
        }
        return body


def envelope_of(*, channel: Channel, deliveries: Sequence[Delivery]) -> Envelope:
    """The deliveries of one channel that travel together, the first one naming the whole."""
    project = channel.project
    return Envelope(
        event_id=str(deliveries[0].event_id),
        project_slug=project.slug,
        project_name=project.name,
        items=tuple(_item(delivery) for delivery in deliveries),
        digest=deliveries[0].digest,
        page=f"{settings.PUBLIC_URL}/p/{project.slug}/notifications",
    )


def trial_envelope(*, channel: Channel, event_id: str, now: datetime, resolves: bool = False) -> Envelope:
    """What "Send a test" sends."""
    page = f"{settings.PUBLIC_URL}/p/{channel.project.slug}/notifications"
    item = Item(
        event="test",
        severity=Severity.INFO,
        resolves=resolves,
        key=f"test:{channel.pk}",
        title=f"Test of {channel.name}{' is over' if resolves else ''}",
        sentence="Messages of this project arrive here. Nothing happened.",
        unit=None,
        link=page,
        at=now,
        since=now,
        times=1,
    )
    slug, name = channel.project.slug, channel.project.name
    return Envelope(event_id=event_id, project_slug=slug, project_name=name, items=(item,), digest=False, page=page)


def _item(delivery: Delivery) -> Item:
    message = delivery.message
    unit = message.unit
    return Item(
        event=message.event,
        severity=message.severity,
        resolves=message.resolves,
        key=message.key,
        title=message.title,
        sentence=message.sentence,
        unit=None if unit is None else _unit_of_it(unit),
        link=settings.PUBLIC_URL + message.path,
        at=message.at,
        since=delivery.since,
        times=delivery.times,
    )


def _unit_of_it(unit: Unit) -> UnitOfIt:
    return UnitOfIt(
        id=unit.pk,
        key=unit.key,
        service=unit.service.name,
        team=unit.team.name if unit.team else None,
        runbook=unit.runbook_in_force,
    )


def _runbook_link(runbook: str) -> str:
    """In Markdown. An address with a bracket in it would end the link early: it stands for itself."""
    if address_of(runbook) and not set("()<>[]") & set(runbook):
        return f"[Runbook]({runbook})"
    return f"Runbook: {escaped(runbook)}"


def _item_json(item: Item) -> dict[str, Any]:
    unit = item.unit
    return {
        "event": item.event,
        "severity": item.severity,
        "resolves": item.resolves,
        "key": item.key,
        "title": item.title,
        "sentence": item.sentence,
        "unit": None if unit is None else asdict(unit),
        "link": item.link,
        "at": moment(item.at),
        "since": moment(item.since),
        "times": item.times,
    }


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def escaped(text: str) -> str:
    """Names such as `first_name` stay what they are in Markdown."""
    return re.sub(r"([\\`*_\[\]])", r"\\\1", text)


def counted(messages: int) -> str:
    return "1 message" if messages == 1 else f"{messages} messages"


def ordinal(number: int) -> str:
    """`2nd`, `11th`, `23rd`."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
