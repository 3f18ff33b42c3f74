"""The list of units in removal: ordered by how proofs stood, shown as they stand."""

from collections.abc import Sequence

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dashboards.views import removal as view
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.removal.listing import READY, Listing, listing
from migrator.removal.models import LastLook, ProofMark, Reopening, Repository
from migrator.removal.services import tick
from migrator.removal.watching import watch
from migrator.telling.models import Message
from tests.removal.conftest import ACTOR, DAY, NOW, AddUnit, count, move, register, report_days, scan

Units = Sequence[Unit]
PAGE = "/p/shop/removal"


@pytest.fixture
def units(add_unit: AddUnit, project: Project) -> Units:
    """Six, by what is open of their proofs: nothing, nothing, quiet days, references, both, all but the schema."""
    made = [add_unit(f"GET /u{at}", days=2 if at in (2, 4, 5) else 25) for at in range(6)]
    report_days(project)
    scan(register(project), *(made[at] for at in (0, 1, 2)))
    for unit in made[:5]:
        tick(unit=unit, what="deployment", actor=ACTOR, now=NOW)
    tick(unit=made[0], what="mirroring", actor=ACTOR, now=NOW)
    return made


def listed(units: Units, **options: object) -> Listing:
    return listing(project=units[0].project, now=NOW, **options)  # type: ignore[arg-type]


def keys(found: Listing) -> list[str]:
    return [case.unit.key for case in found.cases]


def test_listing__looked_at__has_what_can_be_deleted_first_and_then_what_is_nearest(units: Units) -> None:
    watch(now=NOW)
    found = listed(units)
    assert keys(found) == ["GET /u0", "GET /u1", "GET /u2", "GET /u3", "GET /u4", "GET /u5"]
    assert [len(case.proof.open_parts) for case in found.cases] == [0, 0, 1, 1, 2, 3]
    standing = found.standing
    assert (standing.total, standing.ready, standing.unknown, found.looked_at) == (6, 2, 0, NOW)
    assert standing.waiting == {"quiet days": 3, "references": 3, "tear-down": 1}


def test_listing__page_after_page__shows_everyone_once_and_says_the_same_of_all(units: Units) -> None:
    watch(now=NOW)
    seen: list[str] = []
    after = None
    for _ in range(3):
        found = listed(units, after=after, limit=2)
        seen, after = seen + keys(found), found.after
        assert (found.standing.ready, found.standing.waiting["references"]) == (2, 3)
    assert seen == [unit.key for unit in units]
    assert after is None


@pytest.mark.parametrize(
    ("waits", "expected"), [(READY, [0, 1]), ("quiet days", [2, 4, 5]), ("tear-down", [5]), ("nonsense", [])]
)
@pytest.mark.parametrize("looked", [True, False])
def test_listing__narrowed__has_those_that_wait_for_it_looked_at_or_not(
    units: Units, waits: str, expected: list[int], looked: bool
) -> None:
    if looked:
        watch(now=NOW)
    assert sorted(keys(listed(units, waits=waits))) == [units[at].key for at in expected]
    assert keys(listed(units, waits=waits, search="/U2")) == [units[at].key for at in expected if at == 2]


def test_listing__nobody_looked__proves_what_it_shows_and_says_that_the_rest_is_unknown(units: Units) -> None:
    found = listed(units)
    assert (found.looked_at, found.standing.ready, found.standing.unknown) == (None, 2, 0)
    found = listed(units, limit=2)
    assert (found.standing.ready, found.standing.unknown, found.standing.total) == (2, 4, 6)


def test_listing__changed_since_it_was_looked_at__is_shown_and_counted_as_it_is_now(units: Units) -> None:
    watch(now=NOW)
    count(units[0], NOW - 2 * DAY, not_sampled=5)
    found = listed(units, limit=2)
    assert keys(found) == ["GET /u1", "GET /u0"]
    assert (found.standing.ready, found.standing.waiting["quiet days"]) == (1, 4)
    assert keys(listed(units, waits=READY)) == ["GET /u1"]
    watch(now=NOW)
    assert keys(listed(units, limit=3)) == ["GET /u1", "GET /u0", "GET /u2"]


def test_listing__back_in_removal_once_more__knows_nothing_of_the_last_stay(units: Units) -> None:
    watch(now=NOW)
    Unit.objects.filter(pk=units[0].pk).update(stage_since=NOW - DAY)
    assert listed(units, limit=1).standing.unknown == 1
    assert keys(listed(units))[-1] != "GET /u0"  # shown as it is now: it waits for quiet days only
    assert keys(listed(units, waits=READY)) == ["GET /u1"]


def test_listing__many_more_units__asks_the_database_no_more_often(units: Units, add_unit: AddUnit) -> None:
    def questions() -> int:
        watch(now=NOW)
        with CaptureQueriesContext(connection) as asked:
            listed(units, limit=3)
        return len(asked)

    before = questions()
    for at in range(12):
        add_unit(f"GET /more{at}", days=25)
    assert questions() == before


def test_listing__moved_on_or_of_another_project__is_not_in_it(units: Units) -> None:
    watch(now=NOW)
    move(units[0], Stage.REMOVED)
    found = listed(units)
    assert "GET /u0" not in keys(found)
    assert (found.standing.total, found.standing.ready) == (5, 1)


# ------------------------------------------------------------------------------------- the watch


def test_watch__a_scan_that_grew_old__is_remembered_of_all_and_told_of_those_that_were_proven(units: Units) -> None:
    assert watch(now=NOW) == 6
    told = Message.objects.count()
    assert watch(now=NOW) == 0
    Repository.objects.update(branch="trunk")  # no scan of it counts any more
    assert watch(now=NOW + DAY / 24) == 3
    assert all("references" in (mark.open_parts or ()) for mark in ProofMark.objects.all())
    assert Message.objects.count() == told + 2
    assert LastLook.objects.get().at == NOW + DAY / 24


# -------------------------------------------------------------------------------------- the page


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.fixture
def in_twos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "PAGE", 2)


def test_page__more_than_fit__says_how_old_the_rest_is_and_goes_on(
    units: Units, in_twos: None, viewer: User, client: Client
) -> None:
    watch(now=NOW)
    client.force_login(viewer)
    first = page(client, PAGE)
    assert "2 units can be deleted today; 3 wait for quiet days, 3 for references, 1 for tear-down." in first
    assert "the others are counted and ordered by how they stood" in first
    assert f"removal-{units[2].pk}" not in first
    link = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = page(client, PAGE + link)
    assert f"removal-{units[2].pk}" in second
    assert f"removal-{units[3].pk}" in second
    assert f"removal-{units[0].pk}" not in second
    assert "First page" in second
    assert "2 units can be deleted today; 3 wait" in second


@pytest.mark.parametrize("after", ["nonsense", "-", "9999999999999-x", "²-x", "1-%00", "0-"])
def test_page__cursor_that_is_none__shows_units_or_says_that_there_are_none(
    units: Units, viewer: User, client: Client, after: str
) -> None:
    client.force_login(viewer)
    assert "can be deleted today" in page(client, f"{PAGE}?after={after}")


def test_page__those_shown_changed_since__offers_the_next_ones(
    units: Units, in_twos: None, viewer: User, client: Client
) -> None:
    """Nobody has looked yet, so those who are ready cannot be told before they are proven."""
    for unit in units[:2]:
        count(unit, NOW - 2 * DAY, not_sampled=5)
    client.force_login(viewer)
    shown = page(client, f"{PAGE}?waits=ready")
    assert "None of these units matches any more" in shown
    assert 'rel="next"' in shown


def test_page__very_many_reopened__shows_some_and_counts_the_others(
    add_unit: AddUnit, viewer: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "REOPENED_SHOWN", 2)
    for at in range(3):
        Reopening.objects.create(unit=add_unit(f"GET /back{at}"), why=f"Legacy was called: {at}.", at=NOW)
    client.force_login(viewer)
    shown = page(client, PAGE)
    assert "3 removed units are still needed." in shown
    assert "1 more removed unit is still needed." in shown
    assert shown.count("See what returned") == 2
