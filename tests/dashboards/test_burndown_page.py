"""The burndown page: what it answers, and what it says where there is little or nothing to say."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from tests.dashboards.pasts import CLIMB, Past, two_teams

PAGE = "/p/shop/burndown"
VIEWS = ("up", "down", "flow", "traffic", "throughput")


@pytest.fixture
def read(client: Client, viewer: User) -> Callable[..., str]:
    """The page as its reader sees it: its text, without tags, each run of spaces one space."""
    client.force_login(viewer)

    def told(query: str = "", path: str = PAGE) -> str:
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 200
        html = re.sub(r"<script.*?</script>", "", answer.content.decode(), flags=re.DOTALL)
        return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\N{NO-BREAK SPACE}", " ").split())

    return told


def has_axes(client: Client, view: str) -> bool:
    return b'data-chart="figure"' in client.get(f"{PAGE}?view={view}").content


def due_in(project: Project, days: int) -> None:
    deadline = (Past(project=project).now + timedelta(days=days)).date()
    Project.objects.filter(pk=project.pk).update(deadline=deadline)


# -------------------------------------------------------------------------- little or nothing to say


def test_burndown__of_nothing__says_so_and_draws_nothing(
    project: Project, client: Client, read: Callable[..., str]
) -> None:
    for view in VIEWS:
        assert "No unit is in scope here." in read(f"view={view}")
        assert not has_axes(client, view)


def test_burndown__one_day_old__says_when_the_chart_starts(
    project: Project, client: Client, read: Callable[..., str]
) -> None:
    Past(project=project).unit("GET /a", known=0)

    for view in ("up", "down", "flow", "throughput"):
        assert "The history begins today: the chart starts with its second day." in read(f"view={view}")
        assert not has_axes(client, view)
    page = read()
    assert "No forecast: nothing was finished yet." in page
    assert "Too little history to speak of a pace." in page
    assert re.search(r"Show as table .* Backlog .* 1 0 0 0 0 0 0 0 1", page), "the table has what there is"


def test_burndown__nothing_finished__gives_no_date(project: Project, client: Client, read: Callable[..., str]) -> None:
    past = Past(project=project)
    for number in range(3):
        past.unit(f"GET /a/{number}", known=60, done=30, stages=CLIMB[:2])
    due_in(project, 90)
    page = read()

    assert "No forecast: nothing was finished yet. 3 units left, 3 months to the deadline." in page
    assert "% sure by no day" not in page
    assert has_axes(client, "up"), "what was begun is seen"


def test_burndown__fewer_than_six_weeks__says_how_many_there_are(project: Project, read: Callable[..., str]) -> None:
    Past(project=project).weekly("", done=4, left=5)
    page = read()

    assert "No forecast yet: it needs 6 weeks since the first unit was finished; there are 4 weeks." in page
    assert "4 of 9 units done, 5 left." in page
    assert read(path=f"{PAGE}/holding"), "what holds us can be asked for all the same"


def test_burndown__scope_of_zero_after_a_past__says_so_beside_its_past(
    project: Project, client: Client, read: Callable[..., str]
) -> None:
    past = Past(project=project)
    unit = past.unit("GET /a", known=60)
    Unit.objects.filter(pk=unit.pk).update(gone_at=past.ago(20))

    assert "Nothing is in scope here any more." in read()
    for view in VIEWS:
        client.get(f"{PAGE}?view={view}")
    assert has_axes(client, "up")


def test_burndown__deadline_in_the_past__says_since_when_and_what_is_left(
    project: Project, read: Callable[..., str]
) -> None:
    Past(project=project).weekly("", done=9, left=4)
    due_in(project, -21)

    assert re.search(r"Late: the deadline passed three weeks ago with 4 units left; 85 % sure to finish by", read())


def test_burndown__everything_done__says_what_done_means(project: Project, read: Callable[..., str]) -> None:
    past = Past(project=project)
    past.weekly("", done=8, left=0)
    due_in(project, 30)

    assert "Done: all 8 units in scope (from cutover on, nobody is answered by legacy)." in read()
    assert "8 units left" in read("done=removed"), "to be removed is more"
    assert "Nothing: all of it is done." in read(path=f"{PAGE}/holding")


def test_burndown__no_traffic_counted__says_so_instead_of_empty_axes(
    project: Project, client: Client, read: Callable[..., str]
) -> None:
    Past(project=project).weekly("", done=1, left=1)

    assert "No request was counted in these days." in read("view=traffic")
    assert not has_axes(client, "traffic")


@pytest.mark.parametrize(
    "query",
    [
        "from=2099-01-01", "to=1066-10-14", "from=x&to=%00", "days=-1&view=%FF", "since=0001-01-01", "since=2999-12-31",
        "phase=%27--&team=nobody&service=x&kind=y", "from=2026-02-31", "tagged=then&team=ants&by=effort&done=removed",
    ],
)  # fmt: skip
def test_burndown__address_that_makes_no_sense__is_still_a_page(
    project: Project, read: Callable[..., str], query: str
) -> None:
    Past(project=project).weekly("", done=2, left=2)
    for view in VIEWS:
        read(f"view={view}&{query}")


def test_burndown__finished_and_reopened_ten_times__counts_what_stands(
    project: Project, read: Callable[..., str]
) -> None:
    past = Past(project=project)
    unit = past.unit("GET /a", known=60, done=40)
    for round_ in range(10):
        past.take_back(unit, days=30 - round_ * 2)
        for at, stage in enumerate((Stage.CANARY, Stage.CUTOVER)):
            past.move(unit, stage, days=29.5 - round_ * 2 - at / 10)

    assert "Done: all 1 unit in scope" in read("view=down")
    assert "10 done, 10 went back." in read(f"since={past.ago(31):%Y-%m-%d}")


# --------------------------------------------------------------------------------- what it answers


@pytest.mark.parametrize("view", VIEWS)
def test_burndown__every_view__states_what_done_is(project: Project, read: Callable[..., str], view: str) -> None:
    Past(project=project).weekly("", done=2, left=2)

    assert "done: from cutover on, nobody is answered by legacy" in read(f"view={view}")
    assert "done: removed, the code of legacy is gone" in read(f"view={view}&done=removed")


def test_burndown__two_teams__answers_five_questions(project: Project, read: Callable[..., str]) -> None:
    two_teams(project)
    page, held = read(), read(path=f"{PAGE}/holding")

    assert re.search(r"(On course|At risk|Late): 85 % sure (to finish )?by \d+ \w+ 20\d\d", page), "when"
    assert re.search(r"deadline( \d+ \w+ 20\d\d \(|; )(\d+|&lt; 1|&gt; 99) %(\)| sure to make it)\.", page), "how sure"
    assert "bees, in " in held, "what holds us"
    assert "Since " in page and "1 went back" in read(f"since={Past(project=project).ago(3):%Y-%m-%d}"), "what changed"
    assert "Two people from ants to bees bring the end" in held, "what if two people move"


def test_burndown__asked_for_at_once__has_what_holds_us_without_a_script(
    project: Project, read: Callable[..., str]
) -> None:
    two_teams(project)

    assert "bees, in " not in read()
    assert "bees, in " in read("holding=here")


def test_burndown__what_lies_below_the_chart__comes_when_it_is_asked_for(
    project: Project, read: Callable[..., str]
) -> None:
    two_teams(project)
    below = read(path=f"{PAGE}/below")

    assert "units that left it in the last 90 days" not in read()
    for told in (below, read("below=here")):
        assert re.search(r"Time in stage .* Canary", told)
        assert "Longest where they stand" in told
        assert "A forecast is kept each day; the first of them comes tonight." in told


def test_burndown__of_one_team__has_only_its_units_below(project: Project, read: Callable[..., str]) -> None:
    two_teams(project)

    assert "ants" in read(path=f"{PAGE}/below")
    assert "ants" not in read("team=bees", path=f"{PAGE}/below")


def test_best_move__on_the_burndown__says_what_the_page_it_leads_to_says(
    project: Project, client: Client, viewer: User
) -> None:
    two_teams(project)
    client.force_login(viewer)
    held = client.get(f"{PAGE}/holding").content.decode()
    address, gained = re.search(r'class="told"><a href="([^"]+)">[^<]* bring the end ([^<]+) nearer', held).groups()  # type: ignore[union-attr]

    wished = client.get(address.replace("&amp;", "&")).content.decode()
    assert f", {gained} sooner" in wished


def test_zoom__to_days_ahead__is_the_same_after_a_reload(project: Project, client: Client, viewer: User) -> None:
    past = two_teams(project)
    client.force_login(viewer)
    first, last = (past.now - timedelta(days=20)).date(), (past.now + timedelta(days=40)).date()
    page = client.get(f"{PAGE}?from={first}&to={last}").content.decode()

    assert f'"range":["{first}","{last}"]' in page.replace('", "', '","').replace('": ["', '":["')


@pytest.mark.parametrize("view", VIEWS)
def test_export__of_every_view__has_the_days_of_the_chart(
    project: Project, client: Client, viewer: User, view: str
) -> None:
    Past(project=project).weekly("", done=3, left=2)
    client.force_login(viewer)
    csv = b"".join(client.get(f"{PAGE}.csv?view={view}").streaming_content).decode().splitlines()  # type: ignore[arg-type]
    json = b"".join(client.get(f"{PAGE}.ndjson?view={view}").streaming_content).decode().splitlines()  # type: ignore[arg-type]

    assert len(csv) == len(json) + 1
    assert len(json) >= 3


# ------------------------------------------------------------------------------ what holds a part of it


def test_holding__of_a_team__looks_at_its_queue_alone_and_says_so(project: Project, read: Callable[..., str]) -> None:
    two_teams(project)

    whole, ants = (read(query, path=f"{PAGE}/holding") for query in ("", "team=ants&kind=endpoint"))

    assert "bees, in " in whole
    assert "ants: 3 left." in ants
    assert "Of ants, with what it waits for elsewhere; due is when the deadline needs it." in ants
    assert "Teams work on endpoints and fields in one queue: both are looked at." in ants
    assert "Moves are tried on the whole plan." in ants
    assert "whole plan" not in whole
    assert (
        whole.partition("If two people move")[2].split(".")[0] == ants.partition("If two people move")[2].split(".")[0]
    )


def test_holding__of_a_kind__looks_at_the_whole_plan_and_says_so(project: Project, read: Callable[..., str]) -> None:
    two_teams(project)
    held = read("kind=endpoint", path=f"{PAGE}/holding")
    assert "bees, in " in held
    assert "Of the whole plan, not only of this filter." in held


def test_holding__of_another_filter__is_not_what_the_page_keeps(project: Project, client: Client, viewer: User) -> None:
    two_teams(project)
    client.force_login(viewer)

    def kept(query: str) -> str:
        found = re.search(r'class="answers-slow" id="([^"]+)"', client.get(f"{PAGE}?{query}").content.decode())
        assert found is not None
        return found[1]

    assert kept("team=ants&days=30") == kept("team=ants&view=down")
    assert len({kept(""), kept("team=ants"), kept("team=bees"), kept("service=bees"), kept("by=effort")}) == 5
