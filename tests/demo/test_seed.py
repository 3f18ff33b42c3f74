"""The demo's history came in through the doors that everybody uses, and only once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import F

from demo.history import CANARY, COMPARED, SHADOWED, Imported, history
from demo.seed import Taken, seed
from demo.tokens import gateway_token
from migrator.access.models import Membership, Token
from migrator.access.rights import Via
from migrator.access.tokens import find_token
from migrator.core.stages import START, Direction, Stage, check_transition
from migrator.gates.queries import judgements
from migrator.inventory.models import Project, Unit
from migrator.observations.models import Arrival, Rollup, Standing, Traffic
from migrator.rollout.models import Flip

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
ADDRESSES = {"legacy_url": "http://127.0.0.1:9001", "candidate_url": "http://127.0.0.1:9002"}


pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("demo_seed")]


@pytest.fixture(scope="module")
def demo(django_db_setup: None, django_db_blocker: Any) -> Iterator[Project]:
    """The seeded project, made once for all tests here: each begins with what this left."""
    with django_db_blocker.unblock(), transaction.atomic():
        project = seed(**ADDRESSES, now=NOW)
        connection.check_constraints()
        yield project
        transaction.set_rollback(True)


def test_history__whatever_the_day__goes_up_one_step_at_a_time_and_never_ahead() -> None:
    for days in range(14):
        now = NOW + timedelta(days=days, hours=days)
        events = history(now=now)
        assert all(event.at < now for event in events)
        assert [event.at for event in events] == sorted(event.at for event in events)
        assert isinstance(events[0], Imported)


def test_seed__runs_twice__changes_nothing_but_the_addresses(demo: Project) -> None:
    before = (Flip.objects.count(), Unit.objects.count(), Rollup.objects.count(), get_user_model().objects.count())
    again = seed(legacy_url="http://127.0.0.1:9003", candidate_url="http://127.0.0.1:9004", now=NOW + timedelta(days=1))
    assert again == demo
    assert before == (
        Flip.objects.count(),
        Unit.objects.count(),
        Rollup.objects.count(),
        get_user_model().objects.count(),
    )
    assert demo.services.get(name="comments").legacy_url == "http://127.0.0.1:9003"
    assert demo.services.filter(name="comments").count() == 1


def test_seed__the_project_of_its_name_is_real__is_left_alone(demo: Project) -> None:
    Project.objects.update(simulated=False)
    with pytest.raises(Taken, match="untouched"):
        seed(legacy_url="http://127.0.0.1:9003", candidate_url="http://127.0.0.1:9004", now=NOW)
    assert demo.services.get(name="comments").legacy_url == ADDRESSES["legacy_url"]


def test_seed__the_ledger__explains_every_unit(demo: Project) -> None:
    for unit in Unit.objects.prefetch_related("flips"):
        position = START
        for flip in sorted(unit.flips.all(), key=lambda entry: entry.unit_version):
            assert flip.before == position
            assert check_transition(current=flip.before, target=flip.after) == flip.direction
            assert unit.added_at < flip.at < NOW
            position = flip.after
        assert unit.position == position
        assert unit.version == unit.flips.count()


def test_seed__the_ledger__is_in_order_and_marked(demo: Project) -> None:
    flips = list(Flip.objects.order_by("id"))
    assert [flip.at for flip in flips] == sorted(flip.at for flip in flips)
    assert {flip.via for flip in flips} == {Via.SIMULATION}
    assert all(flip.reason.startswith("simulated: ") for flip in flips)
    assert demo.simulated
    assert Direction.BACK in {flip.direction for flip in flips}


def test_seed__steps_up__were_carried_by_evidence_of_their_day(demo: Project) -> None:
    reads = Flip.objects.filter(unit__operation="read", direction=Direction.FORWARD, to_candidate_bp__gt=0)
    raised = reads.exclude(from_candidate_bp=F("to_candidate_bp"))
    carried = raised.filter(override=False)
    assert set(carried.values_list("evidence__verdict", flat=True)) == {"promote"}
    against = raised.filter(override=True).values_list("unit__key", flat=True)
    assert {key.partition(" $")[0] for key in against} == {"GET /users/{id}/karma"}
    harmed = Flip.objects.filter(unit__operation="read", direction=Direction.BACK)
    assert harmed.exists()
    assert all(flip.evidence["mismatch_rate"] > demo.policy["mismatch_limit"] for flip in harmed)


def test_seed__three_months__end_with_something_in_every_stage(demo: Project) -> None:
    assert set(Unit.objects.values_list("stage", flat=True)) == {str(stage) for stage in Stage}
    assert 300 <= Unit.objects.count() <= 600
    assert Unit.objects.dates("added_at", "day").count() > 1
    done = Unit.objects.filter(stage=Stage.REMOVED).count() / Unit.objects.count()
    assert 0.2 < done < 0.7


def test_seed__the_running_service__stands_where_a_visitor_can_begin(demo: Project) -> None:
    stages = {unit.key: unit.position for unit in Unit.objects.filter(service__name="comments", kind="endpoint")}
    assert len(stages) == 16
    assert {key for key, position in stages.items() if position.stage is Stage.SIDE_BY_SIDE} == set(COMPARED)
    assert {key for key, position in stages.items() if position.stage is Stage.SHADOW} == set(SHADOWED)
    assert stages[CANARY].stage is Stage.CANARY and stages[CANARY].candidate == 500
    assert all(stages[key].mirror == 10_000 for key in (*COMPARED, *SHADOWED, CANARY))
    assert all(position == START for key, position in stages.items() if not key.startswith("GET "))


def test_seed__made_up_counters__are_no_evidence(demo: Project) -> None:
    units = list(Unit.objects.filter(service__name="comments"))
    assert Rollup.objects.filter(unit__in=units).exists() and Traffic.objects.exists()
    assert not Standing.objects.exists() and not Arrival.objects.exists()
    for judgement in judgements(units=units, now=NOW).values():
        assert judgement.evidence.pairs == 0
        assert not judgement.verdict.promotes
    epochs = {unit.pk: unit.evidence_epoch for unit in units}
    assert all(row.evidence_epoch < epochs[row.unit_id] for row in Rollup.objects.filter(unit__in=units))


def test_seed__its_people__cannot_sign_in_before_they_have_a_password(demo: Project) -> None:
    assert Membership.objects.filter(project=demo).count() == 3
    assert not any(user.has_usable_password() for user in get_user_model().objects.all())


def test_gateway_token__asked_for_again__is_the_same_until_it_is_revoked(demo: Project, tmp_path: Path) -> None:
    file = tmp_path / "demo" / "token"
    first = gateway_token(project=demo, file=file, now=NOW)
    assert gateway_token(project=demo, file=file, now=NOW) == first
    assert file.stat().st_mode & 0o077 == 0
    found = find_token(secret=first, now=NOW)
    assert found is not None and found.project == demo
    Token.objects.filter(pk=found.pk).update(revoked_at=NOW)
    assert gateway_token(project=demo, file=file, now=NOW) != first
