"""For how long legacy was quiet, from what data planes counted."""

from datetime import timedelta

import pytest

from migrator.core.gate import Pass
from migrator.core.policy import Policy
from migrator.inventory.models import Project, Unit
from migrator.observations.models import Arrival
from migrator.removal.proof import TRAFFIC, Part
from migrator.removal.queries import cases_of
from migrator.removal.quiet import Quiet
from tests.removal.conftest import DAY, NOW, AddUnit, count, report_days


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    return add_unit("GET /users/{id}", days=20)


def look(unit: Unit) -> tuple[Quiet, Part]:
    case = cases_of(units=[unit], now=NOW)[unit.pk]
    return case.quiet, case.proof.part(TRAFFIC)


def test_quiet__reports_of_every_day_and_no_call__passes_and_says_that_nobody_asked(
    unit: Unit, project: Project
) -> None:
    report_days(project)
    quiet, part = look(unit)
    assert (quiet.days, part.result) == (20, Pass.PASS)
    assert part.sentence == "No request at all in 20 days: neither side is called."


def test_quiet__only_the_candidate_answers__passes(unit: Unit, project: Project) -> None:
    report_days(project)
    count(unit, NOW - 2 * DAY, not_sampled=500, served_candidate=500)
    quiet, part = look(unit)
    assert (quiet.calls, quiet.received, part.result) == (0, 500, Pass.PASS)
    assert "Legacy was not called for 20 days" in part.sentence


@pytest.mark.parametrize(
    "trace",
    [
        {"not_sampled": 500, "served_candidate": 497},
        {"not_sampled": 3, "served_candidate": 3, "legacy_latency": {12: 2, 40: 1}},
        {"legacy_error": 3, "served_candidate": 3},
    ],
    ids=["answered", "mirrored or run beside", "failed"],
)
def test_quiet__legacy_was_called_three_days_ago__fails_and_counts_from_there(
    unit: Unit, project: Project, trace: dict[str, object]
) -> None:
    report_days(project)
    count(unit, NOW - 3 * DAY, **trace)
    quiet, part = look(unit)
    assert (quiet.calls, quiet.days, part.result) == (3, 2, Pass.FAIL)
    assert quiet.last_call_at == NOW.replace(minute=0) - 3 * DAY + timedelta(hours=1)
    assert "called 3 times" in part.sentence
    assert "2 of 14 days" in part.sentence


def test_quiet__last_call_was_longer_ago_than_demanded__passes(unit: Unit, project: Project) -> None:
    report_days(project)
    count(unit, NOW - 15 * DAY, not_sampled=1)
    assert look(unit)[1].result is Pass.PASS


def test_quiet__no_report_at_all__is_not_quiet(unit: Unit) -> None:
    quiet, part = look(unit)
    assert (quiet.days, part.result) == (0, Pass.NO_DATA)


def test_quiet__days_without_reports__do_not_count_and_are_told(unit: Unit, project: Project) -> None:
    report_days(project, missing=range(3, 11))
    quiet, part = look(unit)
    assert (quiet.days, quiet.unknown_days, part.result) == (12, 8, Pass.NO_DATA)
    assert "8 days without whole reports do not count" in part.sentence


def test_quiet__days_of_which_too_little_arrived__do_not_count(unit: Unit, project: Project) -> None:
    report_days(project)
    from_day = NOW.replace(hour=0, minute=0) - 10 * DAY
    Arrival.objects.filter(project=project, window_start__gte=from_day).update(committed=90)
    assert look(unit)[0].days == 9


def test_quiet__idle_data_planes_that_only_say_that_they_live__count(unit: Unit, project: Project) -> None:
    report_days(project, sent=0)
    assert look(unit)[0].days == 20


def test_quiet__calls_before_removal_began__are_no_hits(add_unit: AddUnit, project: Project) -> None:
    report_days(project)
    unit = add_unit("GET /orders", days=14)
    count(unit, NOW - 14 * DAY - timedelta(hours=2), epoch=unit.evidence_epoch - 1, not_sampled=50)
    count(unit, NOW - 14 * DAY, epoch=unit.evidence_epoch - 2, not_sampled=50)
    assert look(unit)[1].result is Pass.PASS


def test_quiet__call_in_the_hour_in_which_removal_began__is_a_hit_where_the_new_table_decided_it(
    add_unit: AddUnit, project: Project
) -> None:
    report_days(project)
    unit = add_unit("GET /orders", days=14)
    count(unit, NOW - 14 * DAY, not_sampled=1)
    assert look(unit)[0].calls == 1


def test_quiet__an_hour_short_of_the_days_demanded__is_not_enough(add_unit: AddUnit, project: Project) -> None:
    report_days(project)
    assert look(add_unit("GET /a", days=14))[1].result is Pass.PASS
    assert look(add_unit("GET /b", days=13.96))[1].result is Pass.NO_DATA


def test_quiet__field_whose_endpoint_is_still_mirrored__is_called_with_it(add_unit: AddUnit, project: Project) -> None:
    report_days(project)
    endpoint = add_unit("GET /users/{id}")
    field = add_unit("GET /users/{id} $.name", parent=endpoint)
    count(endpoint, NOW - DAY, not_sampled=4, served_candidate=4, legacy_latency={3: 4})
    assert (look(field)[0].calls, look(field)[1].result) == (4, Pass.FAIL)


def test_quiet__policy_of_another_length__is_obeyed(unit: Unit, project: Project) -> None:
    report_days(project)
    Project.objects.filter(pk=project.pk).update(policy={"removal_days": 30})
    assert Policy().removal_days == 14
    quiet, part = look(unit)
    assert (quiet.days_needed, part.result) == (30, Pass.NO_DATA)
