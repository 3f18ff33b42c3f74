"""The demo's history came in through the doors that everybody uses, and only once."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import F
from django.test import override_settings

from demo.past_evidence import show
from demo.planned import FIRST_PHASE, LAST_PHASE, PILOT_PHASE
from demo.running import CANARIES, CLIMBING, COMPARED, FRONT_PAGE, HARMFUL, KARMA, MOVED, READY, SEARCH, VOTES
from demo.scope import MAILS, RUNBOOKS
from demo.seed import PEOPLE, Taken, seed
from demo.tokens import gateway_token
from migrator.access.models import Approval, Membership, Token
from migrator.access.rights import Via, person
from migrator.access.tokens import find_token
from migrator.core.forecast import Forecast
from migrator.core.policy import Automatic, Severity
from migrator.core.stages import ALL, START, Direction, Stage, check_transition
from migrator.gates.flaws import flaws_of
from migrator.gates.layers import layers_of, policies_of
from migrator.gates.queries import judgements
from migrator.gates.waivers import waived
from migrator.inventory.models import Project, Unit
from migrator.ledger.models import Entry
from migrator.ledger.services import digest_of
from migrator.observations.models import Arrival, Rollup, Standing, Traffic
from migrator.planning.models import Baseline, Phase
from migrator.planning.queries import plan_of, prospect, record
from migrator.planning.sharing import find_share_link
from migrator.removal.queries import deletable, in_removal, proof_of, reopened
from migrator.rollout.approvals import approve
from migrator.rollout.freezes import blocking
from migrator.rollout.models import Flip, Ramp, RampState
from migrator.telling.hooks import genuine
from migrator.telling.models import Hook, Message

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
ADDRESSES = {
    "legacy_url": "http://127.0.0.1:9001",
    "candidate_url": "http://127.0.0.1:9002",
    "receiver_url": "http://127.0.0.1:9005/",
}
OTHERS = {
    "legacy_url": "http://127.0.0.1:9003",
    "candidate_url": "http://127.0.0.1:9004",
    "receiver_url": "http://127.0.0.1:9006/",
}


pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("demo_seed")]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets")


@pytest.fixture(scope="module")
def demo(django_db_setup: None, django_db_blocker: Any, secrets: Path) -> Iterator[Project]:
    """The seeded project, made once for all tests here: each begins with what this left."""
    allowed = override_settings(OUTGOING_ALLOW=["127.0.0.0/8"])
    with allowed, django_db_blocker.unblock(), transaction.atomic():
        project = seed(**ADDRESSES, secrets=secrets, now=NOW)
        connection.check_constraints()
        yield project
        transaction.set_rollback(True)


def counts() -> tuple[int, ...]:
    rows = (Flip, Unit, Rollup, get_user_model(), Entry, Approval, Ramp, Message)
    return tuple(model.objects.count() for model in rows)


def test_seed__runs_twice__changes_nothing_but_the_addresses(demo: Project, secrets: Path) -> None:
    before, hint = counts(), demo.channels.get().target
    again = seed(**OTHERS, secrets=secrets, now=NOW + timedelta(days=1))
    assert again == demo
    assert counts() == before
    assert demo.services.get(name="comments").legacy_url == OTHERS["legacy_url"]
    assert demo.services.filter(name="comments").count() == 1
    assert demo.channels.get().target != hint


def test_seed__the_project_of_its_name_is_real__is_left_alone(demo: Project, secrets: Path) -> None:
    Project.objects.update(simulated=False)
    with pytest.raises(Taken, match="untouched"):
        seed(**OTHERS, secrets=secrets, now=NOW)
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
    assert {flip.via for flip in flips} == {Via.SIMULATION, Via.GUARD}
    assert all(flip.reason.startswith("simulated: ") for flip in flips)
    assert demo.simulated
    assert Direction.BACK in {flip.direction for flip in flips}


def test_seed__steps_up__were_carried_by_evidence_of_their_day(demo: Project) -> None:
    reads = Flip.objects.filter(unit__operation="read", direction=Direction.FORWARD, to_candidate_bp__gt=0)
    raised = reads.exclude(from_candidate_bp=F("to_candidate_bp"))
    carried = raised.filter(override=False)
    assert set(carried.values_list("evidence__verdict", flat=True)) == {"promote"}
    against = raised.filter(override=True).values_list("unit__key", flat=True)
    assert {key.partition(" $")[0] for key in against} == {KARMA, HARMFUL}
    harmed = Flip.objects.filter(unit__operation="read", direction=Direction.BACK)
    assert harmed.exists()
    assert all(flip.evidence["mismatch_rate"] > demo.policy["mismatch_limit"] for flip in harmed)


def test_seed__four_months__end_with_something_in_every_stage(demo: Project) -> None:
    assert set(Unit.objects.values_list("stage", flat=True)) == {str(stage) for stage in Stage}
    assert 300 <= Unit.objects.count() <= 600
    assert Unit.objects.dates("added_at", "day").count() > 1
    done = Unit.objects.filter(stage=Stage.REMOVED).count() / Unit.objects.count()
    assert 0.2 < done < 0.7


def test_seed__the_running_service__stands_where_a_visitor_can_begin(demo: Project) -> None:
    stages = {unit.key: unit.position for unit in Unit.objects.filter(service__name="comments", kind="endpoint")}
    assert len(stages) == 16
    assert {key for key, position in stages.items() if position.stage is Stage.SIDE_BY_SIDE} == set(COMPARED)
    assert {key for key, position in stages.items() if position.stage is Stage.CUTOVER} == set(MOVED)
    canaries = {key: position.candidate for key, position in stages.items() if position.stage is Stage.CANARY}
    assert canaries == CANARIES
    assert all(stages[key].mirror == 10_000 for key in (*COMPARED, *CANARIES))
    assert all(position == START for key, position in stages.items() if not key.startswith("GET "))


def test_seed__its_policies__are_stricter_with_money_and_one_can_never_pass(demo: Project) -> None:
    policies = policies_of(units=list(Unit.objects.all()))
    money = Unit.objects.filter(risk="money")
    assert money.exists()
    assert {policies[unit.pk].mismatch_limit for unit in money} == {0.0025}
    front, harmful = Unit.objects.get(key=FRONT_PAGE), Unit.objects.get(key=HARMFUL)
    assert policies[front.pk].automatic is Automatic.ACT
    assert policies[harmful.pk].automatic is Automatic.SUGGEST
    of_reach = layers_of(units=[Unit.objects.get(key="GET /newsletters")])
    flaws = {flaw.severity for layers in of_reach.values() for flaw in flaws_of(project=demo, layers=layers)}
    assert Severity.NEVER_PASSES in flaws


def test_seed__its_ramps__climb_pause_and_cool_down(demo: Project) -> None:
    states = {(ramp.unit.key.partition(" $")[0], ramp.state) for ramp in Ramp.objects.select_related("unit")}
    assert states == {(CLIMBING, RampState.RUNNING), (SEARCH, RampState.PAUSED), (VOTES, RampState.COOLING)}


def test_seed__somebody_asks_for_cutover__a_visitor_with_proof_can_let_it_happen(demo: Project) -> None:
    unit = Unit.objects.get(key=READY)
    show(units=[unit], harmed=False, now=NOW, dice=random.Random(1))
    visitor = get_user_model().objects.create_superuser("visitor")
    approve(approval=Approval.objects.get(), actor=person(user=visitor, project=demo, via=Via.PAGE), now=NOW)
    assert Unit.objects.get(key=READY).stage == Stage.CUTOVER


def test_seed__a_service_is_frozen__nothing_of_it_climbs(demo: Project) -> None:
    frozen = list(Unit.objects.filter(service__name="media"))
    assert set(blocking(units=frozen, now=NOW)) == {unit.pk for unit in frozen}
    assert not blocking(units=list(Unit.objects.filter(service__name="comments")), now=NOW)


def test_seed__its_waiver__is_in_force_on_the_build_that_runs(demo: Project) -> None:
    unit = Unit.objects.get(key=SEARCH)
    assert waived(units=[unit], now=NOW)[unit.pk].keys() == {"latency ratio"}


def test_seed__removal__has_what_can_go_what_is_named_and_what_came_back(demo: Project) -> None:
    waiting = in_removal(project=demo)
    assert 0 < len(deletable(project=demo, now=NOW)) < len(waiting)
    assert any("lines of code still name it" in p.sentence for p in proof_of(units=waiting, now=NOW).values())
    assert [each.unit.stage for each in reopened(project=demo)] == [Stage.REMOVED]


def test_seed__its_plan__has_phases_with_scope_and_a_record_of_forecasts(demo: Project) -> None:
    phases = {phase.name: phase for phase in Phase.objects.filter(project=demo)}
    assert set(phases) == {PILOT_PHASE, FIRST_PHASE, LAST_PHASE}
    assert not Unit.objects.filter(project=demo, phases=None).exists()
    assert record(project=demo, now=NOW, phase=phases[PILOT_PHASE]).judged
    whole = prospect(project=demo, now=NOW)
    assert isinstance(whole.forecast, Forecast)
    assert whole.chance is not None and whole.chance > 0.5
    plan = plan_of(project=demo, now=NOW)
    assert plan.people.keys() >= plan.teams.keys()
    assert Baseline.objects.filter(phase=None).count() == 2


def test_seed__a_write_that_sends_mails__is_irreversible_and_met_by_callers(demo: Project) -> None:
    (mails,) = Unit.objects.filter(project=demo, irreversible=True)
    assert (mails.key, mails.runbook) == (MAILS, f"{RUNBOOKS}/device-mails")
    assert 0 < mails.candidate_bp < ALL
    assert Unit.objects.get(project=demo, key=HARMFUL).runbook_in_force == f"{RUNBOOKS}/comments"


def test_seed__the_chain__holds(demo: Project) -> None:
    entries = list(Entry.objects.order_by("number"))
    assert all(entry.digest == digest_of(entry) for entry in entries)
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    assert {entry.kind for entry in entries} >= {"deploy", "scope", "plan", "policy", "waiver", "ramp", "removal"}


def test_seed__old_news__is_told_to_nobody(demo: Project) -> None:
    waiting = Message.objects.filter(routed_at=None)
    assert [message.event for message in waiting] == ["approval"]


def test_seed__secrets__lie_where_only_we_read_them(demo: Project, secrets: Path) -> None:
    share, hook = secrets / "share-comments", secrets / "hook-comments"
    assert share.stat().st_mode & 0o077 == 0 and hook.stat().st_mode & 0o077 == 0
    found = find_share_link(secret=share.read_text(), now=NOW)
    assert found is not None and found.project == demo
    alerts = Hook.objects.get(project=demo)
    assert genuine(hook=alerts, bearer=hook.read_text(), signed="", body=b"", now=NOW)


def test_seed__made_up_counters__are_no_evidence(demo: Project) -> None:
    units = list(Unit.objects.filter(service__name="comments"))
    assert Rollup.objects.filter(unit__in=units).exists() and Traffic.objects.exists()
    assert not Standing.objects.exists()
    assert not Arrival.objects.filter(window_start__gte=NOW.replace(hour=0, minute=0)).exists()
    for judgement in judgements(units=units, now=NOW).values():
        assert judgement.evidence.pairs == 0
        assert not judgement.verdict.promotes
    epochs = {unit.pk: unit.evidence_epoch for unit in units}
    assert all(row.evidence_epoch < epochs[row.unit_id] for row in Rollup.objects.filter(unit__in=units))


def test_seed__its_people__cannot_sign_in_before_they_have_a_password(demo: Project) -> None:
    assert Membership.objects.filter(project=demo, team=None).count() == len(PEOPLE)
    assert Membership.objects.filter(project=demo, team__name="Commerce").count() == 1
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
