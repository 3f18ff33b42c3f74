"""Plans and pasts that went wrong: no number lies, nothing falls over, and what is refused is refused in words."""

import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from migrator.access.tokens import create_token
from migrator.core.forecast import Forecast, NoForecast, Stream, Week, forecast
from migrator.core.stages import Stage
from migrator.inventory.importers.reading import read_spec
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import Invalid, create_team, create_unit
from migrator.ledger.scoping import import_specs
from migrator.observations.models import Resolution, Traffic
from migrator.planning import services
from migrator.planning.attribution import Attributing, Target, read_mapping
from migrator.planning.changes import change_milestone, change_phase
from migrator.planning.counting import count
from migrator.planning.lines import Source, sources
from migrator.planning.models import Effort, Milestone, PastForecast, Phase
from migrator.planning.queries import (
    Measure,
    Slice,
    Tagged,
    burn_up,
    plan_of,
    promises,
    prospect,
    scope_changes,
    traffic,
)
from migrator.planning.queries.since import since
from tests.planning.conftest import ACTOR, NOW, History, days_ago, finished

TODAY: Final = NOW.date()


# ---------------------------------------------------------------------------------------- pasts


def test_past__that_another_clock_wrote_tomorrow__is_not_here_yet(project: Project, history: History) -> None:
    history("GET /a", -1)
    found = prospect(project=project, now=NOW, days=None)
    assert (found.found.days, found.found.scope) == ((TODAY,), (0,))


def test_effort__of_tenths_that_is_all_done__leaves_nothing(project: Project, history: History) -> None:
    """0.1 + 0.2 - 0.3 is no work that anybody has, whatever floating point says."""
    units = [history(f"GET /{number}", 60, finished(50 - number)) for number in range(12)]
    for more in (0.0, 0.7, 1e5):
        points = {unit.pk: 0.1 * (at + 1) + more for at, unit in enumerate(units)}
        services.set_effort(project=project, points=points, actor=ACTOR, now=NOW)
        for _ in range(2):
            found = prospect(project=project, now=NOW, measure=Measure.EFFORT)
            assert found.found.left == 0
            assert "Nothing is left" in found.reason
            assert not any(found.found.counts[Stage.BACKLOG][-30:])
            count(project=project)


def test_deadline__that_is_over__has_no_chance_and_no_pace(project: Project, history: History) -> None:
    for number in range(10):
        history(f"GET /{number}", 90, finished(75 - 7 * number))
    history("GET /left", 90)
    for deadline in (TODAY, TODAY - timedelta(days=1), date(2000, 1, 1)):
        project.deadline = deadline
        found = prospect(project=project, now=NOW)
        assert isinstance(found.forecast, Forecast)
        assert (found.chance, found.found.pace_needed) == (0.0, None)


def test_team__called_as_nobodys_work_is__keeps_its_own(project: Project, history: History) -> None:
    history("GET /a", 9, team=create_team(project=project, name="(no team)"))
    history("GET /b", 9)
    plan = plan_of(project=project, now=NOW)
    assert sum(stream.left for stream in plan.teams.values()) == sum(piece.size for piece in plan.pieces) == 2
    assert len(plan.teams) == 2


def imported(service: Service, at: datetime, *paths: str) -> None:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "x", "version": "1"},
        "paths": {path: {"get": {"responses": {"200": {"description": "ok"}}}} for path in paths},
    }
    spec = read_spec(json.dumps(document).encode(), filename="x.json")
    import_specs(project=service.project, service=service, specs=[spec], actor=ACTOR, now=at, reason=f"v{len(paths)}")


def test_units__gone_and_brought_back__were_not_in_scope_meanwhile(project: Project, service: Service) -> None:
    imported(service, days_ago(9), "/a", "/b", "/c")
    imported(service, days_ago(6), "/a")
    imported(service, days_ago(3), "/a", "/b", "/c", "/d")
    wanted = (0, 3, 3, 3, 1, 1, 1, 4, 4, 4, 4)
    team = create_team(project=project, name="ants")
    Unit.objects.update(team=team)  # now they have a history of tags too
    for units in (Slice(), Slice(service="main"), Slice(team="ants"), Slice(service="main", tagged=Tagged.THEN)):
        found = burn_up(project=project, now=NOW, days=10, units=units)
        assert found.scope == wanted, units
    assert [found.added[at] for at in (1, 7)] == [3, 3]
    assert found.gone[4] == 2
    told = scope_changes(project=project, since=days_ago(10), until=NOW)
    assert [(each.added, each.gone, each.who, each.why) for each in told] == [
        (3, 0, ACTOR.name, "v3"), (0, 2, ACTOR.name, "v1"), (3, 0, ACTOR.name, "v4"),
    ]  # fmt: skip
    assert sum(week.added for week in plan_of(project=project, now=NOW).teams["ants"].weeks) == 4


# ------------------------------------------------------------------------------------ forecasts

WORK: Final = tuple(Week(done=5, added=1) for _ in range(12))
IDLE: Final = Week(done=0, added=0)


def test_forecast__after_holidays__is_later_and_after_years_of_silence_there_is_none() -> None:
    def asked(weeks: tuple[Week, ...]) -> Any:
        return forecast(stream=Stream(left=60, weeks=weeks), today=TODAY)

    steady, rested, silent = asked(WORK), asked((*WORK, IDLE, IDLE, IDLE)), asked(WORK + (IDLE,) * 104)
    assert steady.p85 < rested.p85
    assert isinstance(silent, NoForecast)
    assert "in 26 weeks nothing was finished" in silent.reason


def test_forecast__of_one_burst__is_wide_rather_than_near() -> None:
    """Fifty in one week and nothing in eleven is not four a week."""
    even = forecast(stream=Stream(left=50, weeks=(Week(done=4, added=0),) * 13), today=TODAY)
    burst = forecast(
        stream=Stream(left=50, weeks=(Week(done=1, added=0), *(IDLE,) * 11, Week(done=51, added=0))), today=TODAY
    )
    assert isinstance(even, Forecast)
    assert isinstance(burst, Forecast)
    assert even.p95 is not None
    assert burst.p95 is None or burst.p95 > even.p95


@pytest.mark.parametrize(("measure", "done_stage"), [(Measure.EFFORT, Stage.CUTOVER), (Measure.UNITS, Stage.REMOVED)])
def test_since__of_another_measure__is_not_held_against_what_was_kept_of_this_one(
    project: Project, history: History, measure: Measure, done_stage: Stage
) -> None:
    history("GET /a", 30)
    day = TODAY - timedelta(days=3)
    kept = date(2033, 3, 3)
    PastForecast.objects.create(project=project, day=day - timedelta(days=1), scope=1, done=0, p85=kept)
    seen = {}
    for each in ((Measure.UNITS, Stage.CUTOVER), (measure, done_stage)):
        found = prospect(project=project, now=NOW, measure=each[0], done_stage=each[1])
        seen[each] = since(project=project, found=found, units=Slice(tagged=Tagged.THEN), day=day).p85_then
    assert list(seen.values()) == [kept, None]


def test_traffic__as_tagged_then_of_everything__is_the_traffic_of_the_project(project: Project) -> None:
    start = datetime.combine(TODAY, time(), tzinfo=UTC)
    Traffic.objects.create(
        project=project, resolution=Resolution.DAY, window_start=start, shard=0, received=8, served_candidate=2
    )
    now, then = (traffic(project=project, now=NOW, days=1, units=Slice(tagged=each)) for each in Tagged)
    assert now == then
    assert then[-1].share == 0.25


# --------------------------------------------------------------------------------- the plan


def test_phase__that_somebody_removed_meanwhile__is_not_raised_from_the_dead(project: Project) -> None:
    phase = services.save_phase(project=project, name="mvp", actor=ACTOR, now=NOW)
    milestone = services.set_milestone(project=project, name="half", due=TODAY, phase=phase, actor=ACTOR, now=NOW)
    stale_phase, stale_milestone = Phase.objects.get(), Milestone.objects.get()
    services.remove_phase(phase=phase, actor=ACTOR, now=NOW)
    with pytest.raises(Invalid, match="took mvp out of the plan meanwhile"):
        services.save_phase(project=project, phase=stale_phase, name="new", actor=ACTOR, now=NOW)
    with pytest.raises(Invalid, match="took half out of the plan meanwhile"):
        services.set_milestone(project=project, milestone=stale_milestone, name="new", due=TODAY, actor=ACTOR, now=NOW)
    assert not Phase.objects.exists()
    assert not Milestone.objects.exists()
    assert milestone.name == "half"


def test_phase__changed_by_two_people_who_saw_the_same__has_both_changes(project: Project) -> None:
    services.save_phase(project=project, name="mvp", description="seen", actor=ACTOR, now=NOW)
    mine, yours = Phase.objects.get(), Phase.objects.get()
    change_phase(phase=mine, actor=ACTOR, now=NOW, changes={"deadline": TODAY})
    change_phase(phase=yours, actor=ACTOR, now=NOW, changes={"name": "MVP"})
    found = Phase.objects.get()
    assert (found.name, found.deadline, found.description) == ("MVP", TODAY, "seen")


def test_milestone__changed_by_two_people_who_saw_the_same__has_both_changes(project: Project) -> None:
    services.set_milestone(project=project, name="half", due=TODAY, share=0.5, actor=ACTOR, now=NOW)
    mine, yours = Milestone.objects.get(), Milestone.objects.get()
    change_milestone(milestone=mine, actor=ACTOR, now=NOW, changes={"due": TODAY + timedelta(days=9)})
    change_milestone(milestone=yours, actor=ACTOR, now=NOW, changes={"share": 0.6})
    found = Milestone.objects.get()
    assert (found.name, found.due, found.share) == ("half", TODAY + timedelta(days=9), 0.6)
    services.remove_milestone(milestone=found, actor=ACTOR, now=NOW)
    with pytest.raises(Invalid, match="took half out of the plan meanwhile"):
        change_milestone(milestone=mine, actor=ACTOR, now=NOW, changes={"share": 1.0})


def test_milestones__of_days_before_anything_began__are_missed_or_kept_and_never_likely(
    project: Project, history: History
) -> None:
    phase = services.save_phase(project=project, name="late", deadline=date(2099, 1, 1), actor=ACTOR, now=NOW)
    unit = history("GET /a", 9)
    services.set_milestone(project=project, name="early", due=date(2000, 1, 1), phase=phase, actor=ACTOR, now=NOW)
    services.assign(project=project, phase=phase, unit_ids=[unit.pk], actor=ACTOR, now=NOW)
    early = next(each for each in promises(project=project, now=NOW) if each.name == "early")
    assert (early.chance, early.is_kept) == (0.0, False)


def test_dependencies__that_close_a_long_ring__are_refused_with_all_of_it(project: Project, history: History) -> None:
    units = [history(f"GET /{number}", 9) for number in range(30)]
    for waiting, needed in pairwise(units):
        services.add_dependency(unit=waiting, needs=needed, actor=ACTOR, now=NOW)
    with pytest.raises(Invalid) as refused:
        services.add_dependency(unit=units[-1], needs=units[0], actor=ACTOR, now=NOW)
    assert all(unit.key in refused.value.message for unit in units)


@pytest.mark.parametrize("reason", ["", " \t\n", "\0", " \0 "])
def test_baseline__set_anew_without_a_reason__is_refused(project: Project, history: History, reason: str) -> None:
    history("GET /a", 9)
    services.set_baseline(project=project, actor=ACTOR, now=NOW, reason="")
    with pytest.raises(Invalid, match="Say why"):
        services.set_baseline(project=project, actor=ACTOR, now=NOW, reason=reason)
    assert project.baselines.count() == 1


# ----------------------------------------------------------------------------------------- REST

Post = Callable[[str, str], Any]


@pytest.fixture
def post(project: Project, history: History) -> Post:
    """`post("effort", '{"points": …}')` as raw JSON, because not all of what is sent is JSON."""
    ants, bees = (create_team(project=project, name=name) for name in ("ants", "bees"))
    for team in (ants, bees):
        history(f"GET /{team.name}", 9, team=team)
        services.set_capacity(team=team, people=4, since=date(2020, 1, 1), actor=ACTOR, now=NOW)
    client = Client(headers={"Authorization": f"Bearer {create_token(name='x', scope='admin', now=timezone.now())}"})
    return lambda path, body: client.post(f"/api/v1/projects/shop/{path}/", body, content_type="application/json")


NO_NUMBERS: Final = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e309",
    "-1e309",
    '"nan"',
    '"inf"',
    '"1e309"',
    "-1",
    '"x"',
    "[]",
    "{}",
)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("effort", '{"points": {"GET /ants": @}}'),
        ("capacity", '{"team": "ants", "since": "2026-01-01", "people": @}'),
        ("milestones", '{"name": "x", "due": "2027-01-01", "share": @}'),
        ("what-if", '{"moves": [{"giver": "ants", "taker": "bees", "people": @}]}'),
        ("what-if", '{"cut": {"ants": @}}'),
        ("what-if", '{"ramp_up_weeks": @}'),
    ],
)
def test_rest__sent_what_is_no_number__400_and_nothing_is_kept(post: Post, path: str, body: str) -> None:
    for number in NO_NUMBERS:
        answer = post(path, body.replace("@", number))
        assert answer.status_code == 400, (number, answer.content)
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert not Effort.objects.exists()
    assert not Milestone.objects.exists()


@pytest.mark.parametrize("points", ["0", "-0.0", "1e7", "1e-400"])
def test_rest__effort_of_nothing_or_too_much__400_tells_the_bounds(post: Post, points: str) -> None:
    answer = post("effort", f'{{"points": {{"GET /ants": {points}}}}}')
    assert answer.status_code == 400
    assert "above 0, at most 1,000,000" in answer.content.decode()


def test_rest__what_if_of_5000_moves__400_and_at_once(post: Post) -> None:
    moves = ", ".join(['{"giver": "ants", "taker": "bees", "people": 0.0001}'] * 5_000)
    answer = post("what-if", f'{{"moves": [{moves}]}}')
    assert answer.status_code == 400
    assert "at most 20" in answer.content.decode()


@pytest.mark.parametrize("name", ["", "   ", "\\u0000", "x" * 200])
def test_rest__phase_without_a_usable_name__400_names_the_field(post: Post, name: str) -> None:
    answer = post("phases", f'{{"name": "{name}"}}')
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["name"]


# ------------------------------------------------------------------------------- effort of code


@pytest.fixture
def odd_tree(tmp_path: Path) -> Path:
    """A tree as it comes: a binary, links in a ring and to nowhere, a pipe, names that are no text."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "good.py").write_text('get("/a")\n' * 10)
    (tmp_path / "binary.py").write_bytes(b"\x00\x01\xff" * 99)
    (tmp_path / "broken.py").write_bytes(b"\xff\xfe = 1\n")
    (tmp_path / "empty.py").touch()
    (tmp_path / "deep" / "ring").symlink_to(tmp_path)
    (tmp_path / "itself.py").symlink_to(tmp_path / "itself.py")
    (tmp_path / "nowhere.py").symlink_to(tmp_path / "gone.py")
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/n\xff.py")).write_text("x = 1\n")
    return tmp_path


def test_sources__of_an_odd_tree__are_its_files_of_text_and_nobody_waits(odd_tree: Path) -> None:
    found: list[Source] = []
    reading = threading.Thread(target=lambda: found.extend(sources(odd_tree)), daemon=True)
    reading.start()
    reading.join(20)
    assert not reading.is_alive(), "it waits for the pipe"
    assert {(source.path.encode("utf-8", "replace"), source.lines) for source in found} == {
        (b"broken.py", 1), (b"empty.py", 0), (b"good.py", 10), (b"n?.py", 1),
    }  # fmt: skip


def test_count_effort__over_an_odd_tree__counts_what_it_can(odd_tree: Path, history: History) -> None:
    unit = history("GET /a", 9)
    (odd_tree / "pipe.py").unlink()
    call_command("count_effort", str(odd_tree), project="shop")
    assert Effort.objects.get().unit == unit
    assert Effort.objects.get().lines == 10


@pytest.mark.parametrize(
    "text",
    [
        "- files: 2001-99-99\n  unit: x",
        "[" * 3_000,
        "&a [*a]",
        "- &a {files: x, unit: *a}",
        "? [a]\n: b",
        "- {files: a, unit: x, <<: {service: y}}",
        "\x00",
        "- !!python/object/apply:os.system ['true']",
    ],
)
def test_mapping__that_is_none__is_refused_in_words(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_mapping(text)
    assert refused.value.field == "mapping"
    assert "\n" not in refused.value.message


def test_mapping__of_a_date_that_is_none__exits_with_2(tmp_path: Path, project: Project) -> None:
    (tmp_path / "m.yaml").write_text("- files: 2001-99-99")
    with pytest.raises(CommandError) as refused:
        call_command("count_effort", str(tmp_path), project="shop", mapping=str(tmp_path / "m.yaml"))
    assert refused.value.returncode == 2


TARGETS: Final = [
    Target(id=number, key=key, service="main", endpoint=number) for number, key in enumerate(("GET /a", "GET /b"), 1)
]
CODE: Final = "def a():\n    one\n    two\ndef b():\n    one\nrest\n"


@pytest.mark.parametrize(
    ("mapping", "lines", "unclaimed"),
    [
        ("- {files: nothing, unit: GET /a}", {}, 6),
        ("- {files: x.py, unit: GET /nowhere}", {}, 6),
        ("- {files: x.py, unit: GET /a}\n- {files: '*', unit: GET /b}", {1: 6}, 0),
        ("- {files: x.py, unit: GET /a, functions: def a}\n- {files: '*', unit: GET /b}", {1: 3, 2: 3}, 0),
        (
            "- {files: x.py, unit: GET /a, functions: def}\n- {files: '*', unit: GET /b, functions: def b}",
            {1: 5, 2: 1},
            0,
        ),
        ("- {files: '{a²}.py', unit: GET /a}", {}, 6),
    ],
    ids=["no file", "no unit", "twice", "a function and the rest", "a function twice", "no name"],
)
def test_mapping__that_fits_nothing_or_twice__divides_each_line_once(
    mapping: str, lines: dict[int, int], unclaimed: int
) -> None:
    attributing = Attributing(targets=TARGETS, mapping=read_mapping(mapping))
    source = next(iter([Source(path="x.py", language="Python", lines=6, text=CODE)]))
    attributing.take(source)
    assert (dict(attributing.found.lines), attributing.found.unclaimed) == (lines, unclaimed)


def test_unit__created_at_the_last_moment_of_a_day__is_of_that_day(project: Project, service: Service) -> None:
    last = datetime.combine(TODAY - timedelta(days=1), time.max, tzinfo=UTC)
    create_unit(project=project, service=service, key="GET /a", kind="endpoint", now=last)
    assert burn_up(project=project, now=NOW, days=2).scope == (0, 1, 1)
