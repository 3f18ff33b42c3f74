"""Builds that answer and should not: what they served is no evidence about the build that was deployed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from migrator.core.wire import Side
from migrator.inventory.models import Deploy, Service
from migrator.observations.builds import BUSY, GONE, MOST_IN_BUSY, Place, present_build
from migrator.observations.models import SeenBuild

NAMED: Final = 3
"""Builds that a sentence names."""


def stale_builds(services: Iterable[Service | int], now: datetime) -> dict[int, str]:
    """Of services (or their ids) of which another build answers than the one deployed last: which, in words.

    A build that was not seen for two minutes answers no more. Services of which all is as told are left out.
    """
    ids = {service if isinstance(service, int) else service.pk for service in services}
    seen: dict[Place, list[SeenBuild]] = {}
    for row in SeenBuild.objects.filter(service__in=ids):
        seen.setdefault((row.service_id, row.side), []).append(row)
    newest = Deploy.objects.filter(service__in={service_id for service_id, _ in seen})
    newest = newest.order_by("service_id", "side", "-at", "-pk").distinct("service_id", "side")
    deployed = {(each.service_id, each.side): [each.build] for each in newest}
    words: dict[int, list[str]] = {}
    for place in sorted(seen, key=lambda place: (place[0], place[1] != Side.CANDIDATE)):
        said = _words(place[1], seen[place], deployed.get(place, []), now)
        if said:
            words.setdefault(place[0], []).append(said)
    return {service_id: " ".join(said) for service_id, said in words.items()}


def _words(side: str, seen: Sequence[SeenBuild], deployed: Sequence[str], now: datetime) -> str:
    """What is wrong with the builds of one side; empty where nothing is."""
    young = sum(row.first_seen_at > now - BUSY for row in seen)
    if young >= MOST_IN_BUSY:
        return f"The {side} named {young} builds within an hour: its header for them names something else."
    present = present_build(seen, deployed)
    others = sorted(row.build for row in seen if row.build not in ("", present) and row.last_seen_at > now - GONE)
    if not others:
        return ""
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    verb = "answers" if len(others) == 1 else "answer"
    return f"The {side}'s build {', '.join(others[:NAMED])}{more} still {verb}; {present} is the one deployed last."
