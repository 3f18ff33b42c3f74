"""The plan: what the end hangs on, another plan beside it, and the verbs that change it."""

import re
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from migrator.access.rights import console
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import create_team, create_unit, save_service
from migrator.ledger.models import Entry
from migrator.planning.models import Dependency, Phase, PhaseUnit
from migrator.planning.services import save_phase, set_capacity
from migrator.rollout.services import Change, flip
from tests.api.conftest import LADDER
from tests.dashboards.pasts import Past

NOW = timezone.now()


def lived(project: Project, team: str, *, done: int, left: int) -> list[Unit]:
    """A team that finished one unit a week, and has some left."""
    who = create_team(project=project, name=team)
    service = save_service(project=project, name=team)
    actor = console(name="ana")
    set_capacity(team=who, people=4, since=date(2020, 1, 1), actor=actor, now=NOW)
    units = []
    for number in range(done + left):
        unit = create_unit(
            project=project, service=service, team=who, key=f"GET /{team}/{number}", kind="endpoint",
            now=NOW - timedelta(weeks=done + 2),
        )  # fmt: skip
        units.append(unit)
        for step in LADDER[:4] if number < done else ():
            unit.refresh_from_db()
            change = Change(unit_id=unit.pk, version=unit.version, **step)
            past = NOW - timedelta(weeks=done - number - 1, days=1)
            flip(project=project, changes=[change], actor=actor, reason="x", now=past, override=True)
    return units[done:]


@pytest.fixture
def teams(project: Project) -> tuple[list[Unit], list[Unit]]:
    return lived(project, "ants", done=8, left=3), lived(project, "bees", done=8, left=20)


def test_plan__of_two_teams__names_the_one_that_the_end_hangs_on(teams: object, client: Client, viewer: User) -> None:
    client.force_login(viewer)
    page = client.get("/p/shop/plan").content.decode()
    assert "The end hangs on bees" in page
    assert "nobody said" not in page


def test_what_if__two_people_move__stands_beside_todays_plan(teams: object, client: Client, viewer: User) -> None:
    client.force_login(viewer)
    page = client.get("/p/shop/plan?giver=ants&taker=bees&people=2").content.decode()
    assert 'id="answer"' in page
    assert " sooner" in page


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("giver=ants&taker=wasps", "There is no team wasps"),
        ("giver=ants&taker=bees&people=9", "ants has 4 people to give"),
        ("giver=ants&taker=bees&people=many", "A number of people"),
        ("cut_team=bees&cut=9999", "cannot be cut"),
        ("deadline=2001-01-01", "A day that is still to come"),
        ("deadline=%00&giver=%FF", ""),
    ],
)
def test_what_if__that_cannot_be__says_so_beside_its_control(
    teams: object, client: Client, viewer: User, query: str, words: str
) -> None:
    client.force_login(viewer)
    answer = client.get(f"/p/shop/plan?{query}")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert words in page
    assert 'id="answer"' not in page


def test_what_if__people_of_a_team_that_has_none__says_so_beside_its_control(
    teams: object, project: Project, client: Client, viewer: User
) -> None:
    past = Past(project=project)
    past.team("wasps")
    past.unit("GET /wasps/1", known=60, team="wasps")
    past.team("moths", people=0)
    past.unit("GET /moths/1", known=60, team="moths")
    client.force_login(viewer)

    assert "Nobody said how many people wasps has" in client.get("/p/shop/plan?giver=wasps&taker=bees").content.decode()
    assert "moths has nobody today" in client.get("/p/shop/plan?giver=ants&taker=moths").content.decode()


def test_plan__team_without_people__is_stuck_in_words(
    teams: object, project: Project, client: Client, viewer: User
) -> None:
    past = Past(project=project)
    past.team("moths", people=0)
    past.unit("GET /moths/1", known=60, team="moths")
    client.force_login(viewer)

    assert "No end in sight: moths has 1 left. Nobody works there." in client.get("/p/shop/plan").content.decode()


def test_plan__ring_of_dependencies__is_named_with_a_way_out(
    teams: tuple[list[Unit], list[Unit]], client: Client, owner: User
) -> None:
    ant, bee = teams[0][0], teams[1][0]
    for unit, needs in ((ant, bee), (bee, ant)):  # as it came in before rings were refused
        Dependency.objects.create(unit=unit, needs=needs, set_by="ana", set_at=NOW)
    client.force_login(owner)
    page = client.get("/p/shop/plan").content.decode()

    assert "ring" in page
    assert "Take one of them out below." in page
    assert f"{ant.key} no longer waits for {bee.key}" in page


def test_plan__fewer_than_six_weeks__gives_no_dates(project: Project, client: Client, viewer: User) -> None:
    past = Past(project=project)
    for team in ("ants", "bees"):
        past.team(team, people=3)
        past.weekly(team, done=3, left=6)
    client.force_login(viewer)

    for query in ("", "?giver=ants&taker=bees&people=1"):
        page = client.get(f"/p/shop/plan{query}").content.decode()
        assert "No dates yet: they need 6 weeks since the first unit was finished; there are 3 weeks." in page
        assert "too early" in page
        assert not re.search(r"85(\N{NO-BREAK SPACE}| )% sure by \d|\d sooner|\d later", page)


def test_moves__ranked__say_what_the_pages_they_lead_to_say(teams: object, client: Client, viewer: User) -> None:
    client.force_login(viewer)
    page = client.get("/p/shop/plan").content.decode()
    moves = re.findall(r'<a href="([^"]+people=2)">Two people from [^<]+ bring the end ([^<]+) nearer</a>', page)

    assert moves
    for address, gained in moves:
        assert f", {gained} sooner" in client.get(address.replace("&amp;", "&")).content.decode()


def test_what_if__cut_and_another_deadline__are_kept_in_the_form_and_the_address(
    teams: object, client: Client, viewer: User
) -> None:
    client.force_login(viewer)
    page = client.get("/p/shop/plan?cut=5&cut_team=bees&deadline=2099-01-01").content.decode()

    assert 'id="answer"' in page
    assert 'value="5"' in page
    assert 'value="2099-01-01"' in page
    assert "the same" in page, "the address holds it"


def test_plan__empty_project__says_what_it_needs(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    assert "Nothing is tracked yet, so there is nothing to plan." in client.get("/p/shop/plan").content.decode()


def test_phase__made_and_filled_on_the_page__has_scope_and_a_link_of_the_ledger(
    teams: object, client: Client, owner: User
) -> None:
    client.force_login(owner)
    client.post("/p/shop/plan/phase", {"name": "Endgame", "deadline": "2099-01-01", "done_at": "cutover"})
    phase = Phase.objects.get()
    team = Unit.objects.filter(key="GET /bees/0").values_list("team_id", flat=True)[0]
    client.post("/p/shop/plan/assign", {"into": phase.pk, "team": team})
    assert PhaseUnit.objects.filter(phase=phase).count() == 28
    page = client.get("/p/shop/plan").content.decode()
    assert "Endgame" in page
    assert Entry.objects.filter(kind="plan", body__headline__icontains="Endgame").exists()


@pytest.fixture
def dated(project: Project) -> Phase:
    return save_phase(
        project=project, name="mvp", deadline=date(2099, 1, 1), done_at="removed", actor=console(name="ana"), now=NOW
    )


@pytest.mark.parametrize(
    ("typed", "deadline"),
    [
        ({}, date(2099, 1, 1)),
        ({"deadline": ""}, date(2099, 1, 1)),
        ({"deadline": "2098-12-31"}, date(2098, 12, 31)),
        ({"deadline": "", "no_deadline": "on"}, None),
        ({"deadline": "2099-01-01", "no_deadline": "on"}, None),
    ],
    ids=["left out", "left empty", "another day", "none", "none beside what a script put there"],
)
def test_phase__chosen_and_saved__keeps_its_deadline_unless_somebody_says_otherwise(
    dated: Phase, client: Client, owner: User, typed: dict[str, str], deadline: date | None
) -> None:
    client.force_login(owner)
    body = {"phase": dated.pk, "name": "MVP", "done_at": "removed"} | typed
    assert client.post("/p/shop/plan/phase", body).status_code == 302
    dated.refresh_from_db()
    assert (dated.name, dated.deadline, dated.done_at) == ("MVP", deadline, "removed")


def test_phase__with_a_day_and_without_a_deadline__is_refused_beside_the_day(
    dated: Phase, client: Client, owner: User
) -> None:
    client.force_login(owner)
    body = {"phase": dated.pk, "name": "MVP", "done_at": "removed", "deadline": "2097-01-01", "no_deadline": "on"}
    answer = client.post("/p/shop/plan/phase", body)
    assert answer.status_code == 400
    assert "Either a day, or no deadline." in answer.content.decode()
    dated.refresh_from_db()
    assert (dated.name, dated.deadline) == ("mvp", date(2099, 1, 1))


def test_phase__made_without_a_deadline__has_none(project: Project, client: Client, owner: User) -> None:
    client.force_login(owner)
    for name, typed in (("a", {}), ("b", {"no_deadline": "on"})):
        assert client.post("/p/shop/plan/phase", {"name": name, "done_at": "cutover"} | typed).status_code == 302
    assert [phase.deadline for phase in Phase.objects.all()] == [None, None]


def test_dependency__that_closes_a_ring__is_refused_by_name(
    teams: tuple[list[Unit], list[Unit]], client: Client, owner: User
) -> None:
    client.force_login(owner)
    ant, bee = teams[0][0], teams[1][0]
    client.post("/p/shop/plan/dependency", {"unit": ant.key, "needs": bee.key})
    answer = client.post("/p/shop/plan/dependency", {"unit": bee.key, "needs": ant.key})
    assert answer.status_code == 400
    assert "need each other in a ring" in answer.content.decode()
    assert Dependency.objects.count() == 1


def test_plan__seen_by_a_viewer__offers_no_verb(teams: object, client: Client, viewer: User) -> None:
    client.force_login(viewer)
    assert "Set the baseline" not in client.get("/p/shop/plan").content.decode()
    assert client.post("/p/shop/plan/phase", {"name": "x", "done_at": "cutover"}).status_code == 403


def test_what_if__two_people_move__shows_how_many_each_team_has_then(
    teams: object, client: Client, viewer: User
) -> None:
    client.force_login(viewer)
    rows = {row.outlook.team: row for row in client.get(f"/p/shop/plan?{TWO_MOVE}").context["teams"]}
    page = client.get(f"/p/shop/plan?{TWO_MOVE}").content.decode()

    assert (rows["ants"].people, rows["ants"].people_then) == (4, 2)
    assert "4 → <b>2</b>" in page and "4 → <b>6</b>" in page
    for query in ("", "giver=ants&taker=bees&people=9", "cut_team=bees&cut=2"):
        assert "4 → <b>" not in client.get(f"/p/shop/plan?{query}").content.decode()


TWO_MOVE = "giver=ants&taker=bees&people=2"
