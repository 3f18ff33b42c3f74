"""Whoever counts, wherever the reader sits: one number for one day. And nothing is lost between the parts."""

import csv
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from migrator.access.rights import Via, person
from migrator.access.tokens import create_token
from migrator.core.stages import LADDER
from migrator.inventory.models import Project
from migrator.planning.counting import count
from migrator.planning.digest import digest
from migrator.planning.queries import MOVED, BurnUp, Measure, Slice, Tagged, burn_up
from migrator.planning.sharing import make_share_link
from migrator.rollout.models import Flip
from tests.planning.conftest import NOW
from tests.planning.replay import DAYS, PHASES, SERVICES, TEAMS, Past, Replay

ZONES: Final = ("UTC", "Pacific/Auckland", "America/St_Johns")
SLICES: Final = (
    Slice(),
    Slice(kind="field"),
    *(Slice(team=TEAMS[0], tagged=tagged) for tagged in Tagged),
    *(Slice(service=SERVICES[1], kind="endpoint", tagged=tagged) for tagged in Tagged),
    *(Slice(phase=PHASES[1], tagged=tagged) for tagged in Tagged),
    *(Slice(phase=PHASES[0], team=TEAMS[2], tagged=tagged) for tagged in Tagged),
)


# --------------------------------------------------------------------------------- conservation


@pytest.mark.parametrize("seed", [11, 12])
def test_burn_up__of_a_past_with_everything_in_it__is_the_replay_of_its_rows(project: Project, seed: int) -> None:
    """Seven weeks over three switches of daylight saving, counted anew and read from what is counted."""
    Past(project, NOW, seed)
    for _ in range(2):
        replay = Replay(project)
        for units in SLICES:
            for measure in Measure:
                same(burn_up(project=project, now=NOW, days=DAYS, units=units, measure=measure), replay, units, measure)
        count(project=project)


def same(found: BurnUp, replay: Replay, units: Slice, measure: Measure) -> None:
    for at, day in enumerate(found.days):
        wanted = replay.on(day, units, measure)
        stood = {stage: counts[at] for stage, counts in found.counts.items()}
        assert stood == pytest.approx(wanted.stages, abs=1e-9), (day, units, measure)
        assert found.scope[at] == pytest.approx(wanted.scope, abs=1e-9)


@pytest.mark.parametrize("tagged", Tagged)
def test_parts__by_team_service_kind_and_phase__add_up_to_the_whole_every_day(project: Project, tagged: Tagged) -> None:
    Past(project, NOW, seed=21)
    parts = {
        "team": [Slice(team=name, tagged=tagged) for name in TEAMS],
        "service": [Slice(service=name, tagged=tagged) for name in SERVICES],
        "kind": [Slice(kind=name, tagged=tagged) for name in ("endpoint", "field")],
        "phase": [Slice(phase=name, tagged=tagged) for name in PHASES],
    }
    for measure in Measure:
        whole = seen(project, Slice(), measure)
        for name, slices in parts.items():
            found = [seen(project, units, measure) for units in slices]
            assert added_up(found) == [pytest.approx(day) for day in whole], (name, measure)


def seen(project: Project, units: Slice, measure: Measure) -> list[list[float]]:
    """Stage by stage, then done and scope, for each day."""
    found = burn_up(project=project, now=NOW, days=DAYS, units=units, measure=measure)
    columns = [*(found.counts[rung.stage] for rung in LADDER), found.done, found.scope]
    return [list(day) for day in zip(*columns, strict=True)]


def added_up(parts: list[list[list[float]]]) -> list[list[float]]:
    return [[sum(cells) for cells in zip(*days, strict=True)] for days in zip(*parts, strict=True)]


def test_scope__day_by_day__grows_by_what_came_less_what_went(project: Project) -> None:
    Past(project, NOW, seed=22)
    for units in SLICES:
        found = burn_up(project=project, now=NOW, days=DAYS, units=units)
        for at in range(1, len(found.days)):
            assert found.scope[at] - found.scope[at - 1] == found.added[at] - found.gone[at], (found.days[at], units)


# ----------------------------------------------------------------------------------- surfaces


@pytest.fixture
def past(project: Project) -> Past:
    cache.clear()
    return Past(project, timezone.now(), seed=31)


@pytest.fixture
def rest(db: None) -> Callable[[str], Any]:
    token = create_token(name="reader", scope="read", now=timezone.now())

    def get(path: str, zone: str = "UTC") -> Any:
        client = Client(headers={"Authorization": f"Bearer {token}"})
        client.cookies["timezone"] = zone
        answer = client.get(f"/api/v1/projects/shop/{path}")
        assert answer.status_code == 200, answer.content
        return answer.json()

    return get


QUERIES: Final = (
    {},
    {"by": "effort", "team": TEAMS[2], "tagged": "then"},
    {"service": "two", "tagged": "now", "done": "removed"},
    {"phase": PHASES[1], "kind": "endpoint"},
)


@pytest.mark.parametrize("query", QUERIES)
def test_counts__of_rest_csv_ndjson_and_page__are_the_same_in_every_zone(
    past: Past, rest: Callable[..., Any], viewer: User, query: dict[str, str]
) -> None:
    asked = {"days": "30", **query}
    address = "&".join(f"{name}={quoted(value)}" for name, value in asked.items())
    wanted = {
        day["date"]: [*day["stages"].values(), day["done"], day["scope"]]
        for day in rest(f"burndown/?{address}")["days"]
    }
    assert len(wanted) == 31
    for zone in ZONES:
        client = Client()
        client.force_login(viewer)
        client.cookies["timezone"] = zone
        assert of_csv(client, address) == wanted
        assert of_ndjson(client, address) == wanted
        assert of_page(client, address) == {
            day: [f"{cell:g}" for cell in rounded(cells)] for day, cells in wanted.items()
        }
        assert {day["date"] for day in rest(f"burndown/?{address}", zone)["days"]} == set(wanted)


def quoted(text: str) -> str:
    return text.replace("<", "%3C").replace(";", "%3B").replace(" ", "%20")


def rounded(cells: list[float]) -> list[float]:
    return [round(cell, 1) for cell in cells]


def of_csv(client: Client, address: str) -> dict[str, list[float]]:
    answer: Any = client.get(f"/p/shop/burndown.csv?{address}")
    _, *rows = csv.reader(b"".join(answer.streaming_content).decode().splitlines())
    return {day: [float(cell) for cell in cells] for day, *cells in rows}


def of_ndjson(client: Client, address: str) -> dict[str, list[float]]:
    answer: Any = client.get(f"/p/shop/burndown.ndjson?{address}")
    rows = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    return {row.pop("day"): list(row.values()) for row in rows}


def of_page(client: Client, address: str) -> dict[str, list[str]]:
    answer: Any = client.get(f"/p/shop/burndown?{address}")
    assert answer.status_code == 200
    return {
        day.isoformat(): [f"{float(cell.replace(',', '')):g}" for cell in cells]
        for day, cells in answer.context["rows"]
    }


def test_done__on_share_embed_badge_page_and_rest__is_one_number(
    past: Past, rest: Callable[..., Any], owner: User, client: Client
) -> None:
    today = rest("burndown/?days=7")["days"][-1]
    done, scope = today["done"], today["scope"]
    actor = person(user=owner, project=past.project, via=Via.PAGE)
    secret = make_share_link(project=past.project, name="wall", actor=actor, now=timezone.now())
    told = f"{done:g} of {scope:g} units done"
    shared, embedded = (client.get(f"/{path}/{secret}").content.decode() for path in ("share", "embed"))
    assert told in shared
    assert all(
        f"{today['stages'][stage]:g} {stage} today" in page for page in (shared, embedded) for stage in ["cutover"]
    )
    badge = client.get(f"/badge/{secret}.svg").content.decode()
    share = re.search(r"migrated ([\d.]+) %", badge)
    assert share is not None
    assert float(share[1]) == pytest.approx(100 * done / scope, abs=0.05)
    client.force_login(owner)
    assert told in client.get("/p/shop/burndown").content.decode()


def test_plan__in_every_zone__has_the_same_weeks_and_ends_on_the_same_day(
    past: Past, rest: Callable[..., Any], viewer: User
) -> None:
    wanted = rest("outlook/")
    left = rest("burndown/?days=7")["left"]
    assert sum(team["left"] for team in wanted["teams"]) == left
    for zone in ZONES:
        client = Client()
        client.force_login(viewer)
        client.cookies["timezone"] = zone
        looked = client.get("/p/shop/plan").context["looked"]
        assert {each.team: (each.left, each.p50, each.critical) for each in looked.teams} == {
            each["team"]: (each["left"], each["p50"] and date.fromisoformat(each["p50"]), each["critical"])
            for each in wanted["teams"]
        }


# ------------------------------------------------------------------------------------- digest


def crossings(project: Project, first: datetime, end: datetime) -> tuple[int, int]:
    """Units that became done and units that fell back, flip by flip."""
    flips = [flip for flip in Flip.objects.filter(project=project) if first <= flip.at < end]
    turns = [(flip.from_stage in MOVED, flip.to_stage in MOVED) for flip in flips]
    return turns.count((False, True)), turns.count((True, False))


def test_digests__week_after_week__tell_each_thing_once(project: Project) -> None:
    """Each is told in the morning of the Monday after, when the next week has begun."""
    Past(project, NOW, seed=41)
    this_monday = datetime.combine(NOW.date() - timedelta(days=NOW.weekday()), time(), tzinfo=UTC)
    found = burn_up(project=project, now=NOW, days=DAYS)
    told_in_all = 0
    for back in range(7, 0, -1):
        monday, after = (this_monday - timedelta(weeks=back - step) for step in (0, 1))
        text = digest(project=project, monday=monday.date(), now=after + timedelta(hours=8))
        at = found.days.index(monday.date() + timedelta(days=6))
        told = re.match(r"(\d+) done(?:, (\d+) fell back)?; (\d+) of (\d+) in all\.", text)
        assert told is not None, text
        assert (int(told[1]), int(told[2] or 0)) == crossings(project, monday, after)
        assert (int(told[3]), int(told[4])) == (found.done[at], found.scope[at])
        came, went = (re.search(rf"(\d+) {verb}", text) for verb in ("came in", "went"))
        assert int(came[1] if came else 0) == sum(found.added[at - 6 : at + 1])
        assert int(went[1] if went else 0) == sum(found.gone[at - 6 : at + 1])
        told_in_all += int(told[1])
    assert told_in_all > 0
