"""The manager's pages of projects that went wrong, for people who type anything: words, and never a 500."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from migrator.access.rights import Via, person
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import Invalid, create_team, create_unit
from migrator.planning.models import Dependency, Phase, ShareLink
from migrator.planning.services import assign, save_phase, set_capacity, set_effort, set_milestone
from migrator.planning.sharing import make_share_link
from tests.planning.conftest import ACTOR

AddUnit = Callable[..., Unit]
NASTY: Final = (
    "<script>alert(1)</script>",
    "a/b\\c?d=e#f&amp;%2e%2e/..",
    "'; DROP TABLE planning_phase; --",
    "🚀 фаза ü \u202egnihton",
    "{{ 7*7 }} {% debug %}",
    "x" * 100,
)
PAGES: Final = ("burndown", "burndown.csv", "burndown.ndjson", "burndown/holding", "burndown/below", "plan")


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    cache.clear()


@pytest.fixture
def reader(client: Client, viewer: User) -> Client:
    client.force_login(viewer)
    return client


def body(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(content.decode())


def every_page(client: Client, query: str = "") -> Iterator[tuple[str, str]]:
    for page in PAGES:
        answer = client.get(f"/p/shop/{page}?{query}")
        assert answer.status_code == 200, (page, query)
        yield page, body(answer)


# ----------------------------------------------------------------------------- what was asked

QUERIES: Final = (
    "from=0000-00-00&to=99999-99-99&since=never",
    "from=9999-12-31&to=0001-01-01&since=9999-12-31",
    "from=2026-02-30",
    "from=0001-01-01&to=0001-01-02&view=flow",
    "days=NaN&view=throughput&by=effort&done=removed",
    "days=-1&days=1e309&view=%00",
    "days=all&by=traffic&tagged=then",
    "team=%00&service=%00&phase=%00&kind=%00",
    "team=%27+OR+1%3D1+--&service=%3Cscript%3Ealert(1)%3C%2Fscript%3E&phase=..%2F..%2F",
    "phase=%F0%9F%9A%80&kind=table&tagged=never&done=never",
    "giver=ants&taker=ants&people=NaN&cut_team=ants&cut=inf&deadline=9999-12-31",
    "giver=%3Cb%3E&taker=%00&people=1e309&cut_team=%3Cb%3E&cut=-1&deadline=0000-00-00",
    "people=5&cut=5",
)


@pytest.mark.parametrize("query", QUERIES)
def test_pages__asked_for_nonsense__show_what_is_usual(add_unit: AddUnit, reader: Client, query: str) -> None:
    add_unit("GET /a", Stage.CUTOVER)
    add_unit("GET /b", Stage.CANARY)
    for _, page in every_page(reader, query):
        assert "<script>alert" not in page
        assert "NaN" not in page.replace("=NaN", "").replace('value="NaN"', "")


@pytest.mark.parametrize("people", ["NaN", "inf", "-inf", "1e309", "-1", "0", "1e-400", "1_000", "0x10", "½"])
def test_what_if__of_a_number_that_is_none__says_so_beside_it(
    project: Project, add_unit: AddUnit, reader: Client, people: str
) -> None:
    for name in ("ants", "bees"):
        unit, team = add_unit(f"GET /{name}"), create_team(project=project, name=name)
        Unit.objects.filter(pk=unit.pk).update(team=team)
        set_capacity(team=team, people=4, since=date(2020, 1, 1), actor=ACTOR, now=timezone.now())
    answer = reader.get("/p/shop/plan", {"giver": "ants", "taker": "bees", "people": people})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="answer"' not in page
    assert "A number of people" in page or "people to give" in page
    cut = reader.get("/p/shop/plan", {"cut_team": "ants", "cut": people}).content.decode()
    assert 'id="answer"' not in cut


@pytest.mark.parametrize(("moves", "status"), [(300, 200), (5_000, 400)])
def test_what_if__of_many_moves__answers_those_that_the_form_has_room_for_or_refuses(
    add_unit: AddUnit, reader: Client, moves: int, status: int
) -> None:
    add_unit("GET /a")
    query = urlencode([("giver", "ants"), ("taker", "bees"), ("people", "1")] * moves)
    assert reader.get(f"/p/shop/plan?{query}").status_code == status


# --------------------------------------------------------------------------- projects gone wrong


def test_pages__of_an_empty_project__say_that_nothing_is_there(project: Project, reader: Client) -> None:
    pages = dict(every_page(reader))
    assert "No unit is in scope here." in pages["burndown"]
    assert "Nothing is tracked yet, so there is nothing to plan." in pages["plan"]


def test_pages__of_a_scope_that_went_to_nothing__keep_what_was(add_unit: AddUnit, reader: Client) -> None:
    unit, now = add_unit("GET /a"), timezone.now()
    Unit.objects.filter(pk=unit.pk).update(added_at=now - timedelta(days=5), gone_at=now - timedelta(days=1))
    pages = dict(every_page(reader, "days=30"))
    assert "is in scope here" in pages["burndown"]
    assert [line.rpartition(",")[2] for line in pages["burndown.csv"].splitlines()][-6:] == [
        "1",
        "1",
        "1",
        "1",
        "0",
        "0",
    ]


def test_pages__of_a_deadline_that_is_over__say_how_late_it_is(
    project: Project, add_unit: AddUnit, reader: Client
) -> None:
    add_unit("GET /a", Stage.CANARY)
    project.deadline = timezone.now().astimezone(UTC).date() - timedelta(days=3)
    project.save()
    assert "The deadline passed 3 days ago with 1 unit left." in dict(every_page(reader))["burndown"]


@pytest.mark.parametrize("length", [2, 3, 40])
def test_pages__of_a_plan_with_a_ring__name_it(add_unit: AddUnit, reader: Client, length: int) -> None:
    units = [add_unit(f"GET /{number}") for number in range(length)]
    for waiting, needed in zip(units, [*units[1:], units[0]], strict=True):
        Dependency.objects.create(unit=waiting, needs=needed, set_by="x", set_at=timezone.now())
    pages = dict(every_page(reader))
    assert "need each other in a ring" in pages["plan"]
    assert "need each other in a ring" in pages["burndown/holding"]


def test_pages__of_a_team_without_people__say_that_nobody_works_there(
    project: Project, add_unit: AddUnit, reader: Client
) -> None:
    team = create_team(project=project, name="ghosts")
    Unit.objects.filter(pk=add_unit("GET /a").pk).update(team=team)
    set_capacity(team=team, people=0, since=date(2020, 1, 1), actor=ACTOR, now=timezone.now())
    page = dict(every_page(reader))["plan"]
    assert "No end in sight: ghosts has 1 left. Nobody works there." in page


# --------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", NASTY)
def test_names__of_phases_teams_and_milestones__are_text_wherever_they_stand(
    project: Project, add_unit: AddUnit, reader: Client, name: str
) -> None:
    now, due = timezone.now(), timezone.now().date() + timedelta(days=20)
    unit, team = add_unit("GET /a", Stage.SHADOW), create_team(project=project, name=name)
    Unit.objects.filter(pk=unit.pk).update(team=team)
    phase = save_phase(project=project, name=name, deadline=due, actor=ACTOR, now=now, reason=name)
    assign(project=project, phase=phase, unit_ids=[unit.pk], actor=ACTOR, now=now, reason=name)
    # A phase has no first day: a milestone before anything is in it is only very early.
    early = date(2020, 1, 1)
    set_milestone(project=project, name=name * 2, due=early, phase=phase, team=team, actor=ACTOR, now=now)
    for query in (f"phase={quote(name)}&view=down", f"team={quote(name)}&tagged=then"):
        for _, page in every_page(reader, query):
            assert "<script>alert" not in page
    assert "1 unit left" in body(reader.get(f"/p/shop/burndown?phase={quote(name)}"))
    assert Phase.objects.get().name == name


def test_effort__of_huge_and_tiny_points__adds_up_on_every_page(
    project: Project, add_unit: AddUnit, reader: Client
) -> None:
    units = [add_unit(f"GET /{number}", Stage.CUTOVER if number else Stage.SHADOW) for number in range(4)]
    points = {unit.pk: each for unit, each in zip(units, (1_000_000.0, 1e-300, 0.1, 0.2), strict=True)}
    set_effort(project=project, points=points, actor=ACTOR, now=timezone.now())
    pages = dict(every_page(reader, "by=effort"))
    assert "1,000,000 points of effort" in pages["burndown"]
    *_, done, scope = pages["burndown.csv"].splitlines()[-1].split(",")
    assert (float(done), float(scope)) == (pytest.approx(0.3), pytest.approx(1_000_000.3))


# ------------------------------------------------------------------------------------ two people


def test_phase__edited_by_two_people_at_once__loses_neither_description_nor_the_trace(
    project: Project, client: Client, owner: User
) -> None:
    now = timezone.now()
    phase = save_phase(project=project, name="mvp", description="what users see", actor=ACTOR, now=now)
    client.force_login(owner)
    typed = {"phase": phase.pk, "name": "MVP", "deadline": "2099-01-01", "done_at": "cutover"}
    assert client.post("/p/shop/plan/phase", typed).status_code == 302
    phase.refresh_from_db()
    assert (phase.name, phase.description) == ("MVP", "what users see")


# -------------------------------------------------------------------------------------- links

NO_SITES: Final = (
    "https://bücher.example",
    "https://a.example\n",
    "https://a.example\t",
    "https://a.example; script-src *",
    "https://*.example",
    "*",
    "'self'",
    "data:",
    "javascript:alert(1)",
    "https://user@a.example",
    "https://@a.example",
    "https://a.example\\@b.example",
    "https://a<b>.example",
    "https://a.example/path",
    "https://a.example:99999",
    "https://",
    "",
)


@pytest.mark.parametrize("site", NO_SITES)
def test_embed__of_what_is_no_site__is_refused(project: Project, owner: User, site: str) -> None:
    actor = person(user=owner, project=project, via=Via.PAGE)
    with pytest.raises(Invalid, match="is no site"):
        make_share_link(project=project, name="x", actor=actor, now=timezone.now(), embed_origins=[site])


def test_links__tampered_with__show_nothing_and_say_nothing_of_the_real_one(
    project: Project, owner: User, client: Client
) -> None:
    actor = person(user=owner, project=project, via=Via.PAGE)
    secret = make_share_link(
        project=project, name="x", actor=actor, now=timezone.now(), embed_origins=["https://[::1]:3000/"]
    )
    wrong = (
        secret[:-1],
        f"{secret}A",
        secret.swapcase(),
        f"{secret}%00",
        f"{secret}%20",
        "x" * 5_000,
        "%F0%9F%9A%80",
        "..",
    )
    for path in ("share/{}", "embed/{}", "badge/{}.svg"):
        for each in wrong:
            answer = client.get("/" + path.format(each))
            assert answer.status_code == 404, each
            assert "Shop" not in answer.content.decode()
    assert ShareLink.objects.get().last_used_at is None
    header = client.get(f"/embed/{secret}").headers["Content-Security-Policy"]
    assert header.isascii()
    assert "frame-ancestors https://[::1]:3000" in header


def test_day__at_its_border__is_utcs_for_every_reader(project: Project, service: Service, viewer: User) -> None:
    """A unit that came one second before midnight came on that day, also in Auckland and in St. John's."""
    today = timezone.now().astimezone(UTC).date()
    eve = datetime.combine(today - timedelta(days=7), datetime.max.time(), tzinfo=UTC)
    create_unit(project=project, service=service, key="GET /a", kind="endpoint", now=eve)
    seen = set()
    for zone in ("UTC", "Pacific/Auckland", "America/St_Johns"):
        client = Client()
        client.force_login(viewer)
        client.cookies["timezone"] = zone
        rows = body(client.get("/p/shop/burndown.csv?days=30")).splitlines()
        seen.add(next(row.partition(",")[0] for row in rows[1:] if row.endswith(",1")))
    assert seen == {eve.date().isoformat()}
