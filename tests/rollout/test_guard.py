"""The guard: what it takes back, what it says once, who looks when the first is dead, and that clocks do not matter."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from migrator.access.rights import Via, console
from migrator.core.ramp_text import read_plan
from migrator.core.stages import Stage
from migrator.dataplane.standby import Standby
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import record_deploy, save_service
from migrator.ledger.models import Entry, Kind
from migrator.observations.models import Standing
from migrator.rollout import announcing, guard, ramps
from migrator.rollout import pulse as pulses
from migrator.rollout.models import Flip, Pulse, Ramp, RampState
from migrator.rollout.scopes import one_unit
from migrator.rollout.services import Refused, rollback
from migrator.telling.models import Event, Message
from tests.rollout.climbers import fresh, in_threads, observe, raised, set_by_hand

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
ANA = console(name="ana")


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main", legacy_url="http://l:1", candidate_url="http://c:1")


@pytest.fixture
def unit(service: Service) -> Unit:
    """In canary with 5 %, and harmful: a tenth differ."""
    found = raised(service, "GET /users/{id}", Stage.CANARY, NOW, 500)
    observe(found, NOW, match=900, mismatch=100)
    return found


def policy(project: Project, **settings: Any) -> None:
    Project.objects.filter(pk=project.pk).update(policy=settings)


def look(**options: Any) -> guard.Look:
    return guard.look(**{"holder": "test", "now": NOW} | options)


def age(name: str, seconds: float) -> None:
    """Let a pulse be so old."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rollout_pulse SET beat_at = clock_timestamp() - %s * interval '1 second' WHERE name = %s",
            [seconds, name],
        )


# ------------------------------------------------------------------------------------------ acting


def test_look__policy_acts__rolls_back_with_the_evidence_in_the_ledger_and_tells(unit: Unit) -> None:
    policy(unit.project, automatic="act")
    seen = look()
    assert (seen.serving, seen.judged, seen.rolled_back) == (1, 1, 1)
    assert (fresh(unit).stage, fresh(unit).candidate_bp) == (Stage.SIDE_BY_SIDE, 0)
    flip = Flip.objects.filter(unit=unit).latest("pk")
    assert (flip.actor, flip.via) == ("guard", Via.GUARD)
    assert "100 of 1,000" in flip.reason
    entry = Entry.objects.get(kind=Kind.GUARD)
    assert entry.body["evidence"]["verdict"] == "rollback"
    assert entry.reason == flip.reason
    told = Message.objects.get(event=Event.ROLLED_BACK)
    assert (told.severity, told.sentence) == ("critical", flip.reason)


def test_look__again_and_again__acts_once(unit: Unit) -> None:
    policy(unit.project, automatic="act")
    for _ in range(4):
        look()
    assert Flip.objects.filter(via=Via.GUARD).count() == 1
    assert Message.objects.filter(event=Event.ROLLED_BACK).count() == 1


def test_look__policy_suggests__tells_once_and_resolves_when_gone(unit: Unit) -> None:
    policy(unit.project, automatic="suggest")
    assert [look().suggested for _ in range(3)] == [1, 0, 0]
    assert fresh(unit).candidate_bp == 500
    rollback(project=unit.project, scope=one_unit(unit), actor=ANA, now=NOW)
    for _ in range(2):
        announcing.announce(now=NOW)
    assert list(Message.objects.filter(event=Event.HARM).order_by("pk").values_list("resolves", flat=True)) == [
        False,
        True,
    ]
    assert Message.objects.filter(event=Event.HARM).latest("pk").title == f"No need to roll back {unit.key} any more"


def test_look__suggested_resolved_and_harmful_again__is_told_again(unit: Unit) -> None:
    policy(unit.project, automatic="suggest")
    look()
    observe(unit, NOW, match=100_000, mismatch=1)
    announcing.announce(now=NOW)
    observe(unit, NOW, match=900, mismatch=100)
    assert look().suggested == 1


def test_look__policy_is_off__does_nothing(unit: Unit) -> None:
    policy(unit.project, automatic="off")
    seen = look()
    assert (seen.judged, seen.rolled_back, seen.suggested) == (1, 0, 0)
    assert not Message.objects.exists()


def test_look__harm_of_an_older_epoch__is_not_held_against_the_new_build(unit: Unit) -> None:
    policy(unit.project, automatic="act")
    record_deploy(service=unit.service, side="candidate", build="fixed", now=NOW)
    assert look().rolled_back == 0
    assert fresh(unit).candidate_bp == 500


@pytest.mark.parametrize("stage", [Stage.SHADOW, Stage.SIDE_BY_SIDE])
def test_look__nobody_is_served__there_is_nothing_to_take_back(service: Service, stage: Stage) -> None:
    policy(service.project, automatic="act")
    observe(raised(service, "GET /dark", stage, NOW), NOW, match=900, mismatch=100)
    assert (look().serving, look().judged, look().rolled_back) == (0, 0, 0)


def test_look__stale_and_incomplete_evidence__still_takes_harm_back(unit: Unit) -> None:
    policy(unit.project, automatic="act")
    observe(unit, NOW, match=900, mismatch=100, age_s=86_400)
    assert look().rolled_back == 1


@pytest.mark.parametrize("jump", [timedelta(days=3), timedelta(days=-3), timedelta(days=20)])
def test_look__process_clock_jumps__changes_nothing(unit: Unit, jump: timedelta) -> None:
    policy(unit.project, automatic="act")
    look(holder="first", now=NOW + jump)
    assert fresh(unit).candidate_bp == 0
    assert guard.pulse().age_s is not None
    assert guard.pulse().age_s < 10  # type: ignore[operator]
    assert not look(holder="second", now=NOW - jump, unless_within_s=5).mine


def test_look__slowness_that_no_outcome_shows__is_judged_too(service: Service) -> None:
    policy(service.project, automatic="act")
    slow = raised(service, "GET /slow", Stage.CANARY, NOW, 500)
    observe(slow, NOW, match=5_000)
    Standing.objects.filter(unit_id=slow.pk).update(legacy_latency={"100": 5_000}, candidate_latency={"600": 5_000})
    assert look().rolled_back == 1
    assert "took longer than" in Flip.objects.latest("pk").reason


def test_look__many_harmful_at_once__go_together(service: Service) -> None:
    policy(service.project, automatic="act")
    units = [raised(service, f"GET /u{at}", Stage.CANARY, NOW, 500) for at in range(25)]
    for each in units:
        observe(each, NOW, match=900, mismatch=100)
    assert look().rolled_back == 25
    flips = Flip.objects.filter(via=Via.GUARD)
    assert len(set(flips.values_list("version", flat=True))) == 1
    assert "25 units harm at once." in flips[0].reason
    assert Entry.objects.filter(kind=Kind.GUARD).count() == 25


def test_look__a_unit_that_cannot_be_judged__takes_no_other_along(
    unit: Unit, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    policy(unit.project, automatic="act")
    broken = raised(service, "GET /broken", Stage.CANARY, NOW, 9_000)
    observe(broken, NOW, match=900, mismatch=100)
    Standing.objects.filter(unit_id=broken.pk).update(subjects=b"\xff\x00 no sketch")
    assert look().rolled_back == 1
    assert fresh(unit).candidate_bp == 0


# ---------------------------------------------------------------------------- with people and ramps


def test_look__ramp_of_the_unit__cools_down(unit: Unit) -> None:
    policy(unit.project, automatic="act")
    ramps.start(project=unit.project, unit_ids=[unit.pk], plan=read_plan(), actor=ANA, reason="", now=NOW)
    look()
    ramps.tick(now=NOW)
    assert Ramp.objects.get().state == RampState.COOLING


@pytest.mark.django_db(transaction=True)
def test_look__three_guards_at_once__act_once(service: Service) -> None:
    policy(service.project, automatic="act")
    units = [raised(service, f"GET /u{at}", Stage.CANARY, NOW, 500) for at in range(5)]
    for each in units:
        observe(each, NOW, match=900, mismatch=100)

    def one(name: str) -> Callable[[], Any]:
        return lambda: guard._look(name, NOW)  # without the lease: as if it had run out under them

    done = in_threads(one("a"), one("b"), one("c"))
    assert not [each for each in done if isinstance(each, Exception)], done
    assert Flip.objects.filter(via=Via.GUARD).count() == 5
    assert Message.objects.filter(event=Event.ROLLED_BACK).count() == 5
    assert Entry.objects.filter(kind=Kind.GUARD).count() == 5


@pytest.mark.django_db(transaction=True)
def test_look__two_people_and_a_ramp_at_the_same_unit__it_is_down_in_the_end(service: Service) -> None:
    """Its evidence carries a step until it does not: whoever raises it, the guard's next look takes it back."""
    policy(service.project, automatic="act")
    unit = raised(service, "GET /u", Stage.CANARY, NOW, 100)
    observe(unit, NOW)
    ramps.start(project=service.project, unit_ids=[unit.pk], plan=read_plan(), actor=ANA, reason="", now=NOW)

    def by_hand(share: int) -> None:
        with suppress(Refused):  # stale, or already down: that is what this is about
            set_by_hand(unit, NOW, candidate=share)

    def harm() -> None:
        observe(unit, NOW, match=900, mismatch=100)
        guard._look("guard", NOW)

    in_threads(harm, lambda: by_hand(300), lambda: by_hand(700), lambda: ramps.tick(now=NOW))
    guard._look("guard", NOW)
    for _ in range(3):
        ramps.tick(now=NOW)
    assert fresh(unit).candidate_bp == 0
    assert Ramp.objects.get().state == RampState.COOLING
    versions = list(Flip.objects.filter(unit=unit).order_by("pk").values_list("unit_version", flat=True))
    assert versions == list(range(1, len(versions) + 1))


# ------------------------------------------------------------------------------------ pulse and lease


@pytest.mark.django_db
def test_pulse__nobody_ever_looked__says_so() -> None:
    beat = guard.pulse()
    assert (beat.age_s, beat.is_late) == (None, True)
    assert beat.sentence == "The guard has not looked yet: nothing is rolled back by itself."
    guard.stand_by(holder="standby")  # somebody begins to wait for it
    assert guard.pulse().sentence == "The guard has not looked yet: it has just started."
    age(pulses.REGULAR, 16)
    assert guard.pulse().is_late


def test_pulse__after_a_look__says_when_and_at_how_many(unit: Unit) -> None:
    policy(unit.project, automatic="off")
    look()
    assert guard.pulse().sentence == "The guard looked 1 second ago at 1 unit."
    age(pulses.REGULAR, 100)
    assert guard.pulse().is_late
    assert "has been silent for 101 seconds" in guard.pulse().sentence


@pytest.mark.django_db
def test_lease__held_by_one__is_taken_by_no_other_until_it_runs_out() -> None:
    assert pulses.take_lease(holder="first")
    assert not pulses.take_lease(holder="second")
    assert not look(holder="second").mine
    age(pulses.LEASE, 11)  # its holder was killed
    assert pulses.take_lease(holder="second")
    assert not pulses.keep_lease(holder="first")


@pytest.mark.django_db
def test_look__that_fails__shows_no_pulse_and_leaves_no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*, now: datetime) -> list[Unit]:
        raise RuntimeError("out of order")

    monkeypatch.setattr(guard, "suspects", fail)
    with pytest.raises(RuntimeError):
        look()
    assert guard.pulse().age_s is None
    assert pulses.take_lease(holder="second")


def test_stand_by__first_is_alive__does_nothing(unit: Unit) -> None:
    policy(unit.project, automatic="off")
    look()
    policy(unit.project, automatic="act")
    assert not guard.stand_by(holder="standby").mine
    assert fresh(unit).candidate_bp == 500


def test_stand_by__first_is_silent__takes_over_then_alarms_once_and_resolves_when_it_is_back(unit: Unit) -> None:
    policy(unit.project, automatic="act")
    assert not guard.stand_by(holder="standby").mine  # just started: the silence begins to count
    age(pulses.REGULAR, 16)
    assert guard.stand_by(holder="standby").rolled_back == 1
    assert guard.pulse().sentence.startswith("The standby guard looked 1 second ago at 1 unit:")
    assert not Message.objects.filter(event=Event.GUARD).exists()
    age(pulses.REGULAR, 46)
    for _ in range(3):
        guard.stand_by(holder="standby")
    told = Message.objects.get(event=Event.GUARD)
    assert (told.severity, told.key) == ("critical", "guard:pulse")
    assert "has been silent for 47 seconds. The standby looks" in told.sentence
    look()
    over = Message.objects.filter(event=Event.GUARD).latest("pk")
    assert (over.resolves, Message.objects.filter(event=Event.GUARD).count()) == (True, 2)


@pytest.mark.django_db
def test_stand_by__pulse_from_the_future__counts_as_silence() -> None:
    look()
    age(pulses.REGULAR, -86_400)  # the database's clock was set back
    assert guard.stand_by(holder="standby").mine


@pytest.mark.django_db(transaction=True)
def test_standby__thread__acts_alone_and_closes_its_connection(service: Service) -> None:
    policy(service.project, automatic="act")
    unit = raised(service, "GET /u", Stage.CANARY, NOW, 500)
    observe(unit, NOW, match=900, mismatch=100)
    Pulse.objects.create(name=pulses.REGULAR, holder="worker 1", beat_at=NOW)
    standby = Standby(every_s=0.05)
    standby.start()
    deadline = time.monotonic() + 20
    while fresh(unit).candidate_bp and time.monotonic() < deadline:
        time.sleep(0.05)
    standby.stop()
    assert fresh(unit).candidate_bp == 0
    while connections_open() > 1 and time.monotonic() < deadline:  # PostgreSQL takes a moment to see the other end gone
        time.sleep(0.05)
    assert connections_open() == 1


def connections_open() -> int:
    """To this database, by anybody but PostgreSQL itself."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


# ---------------------------------------------------------------------------------------- announcing


def test_announce__evidence_carries_the_next_step__is_told_once_per_step(service: Service) -> None:
    ready = raised(service, "GET /ready", Stage.SIDE_BY_SIDE, NOW)
    observe(ready, NOW)
    climbing = raised(service, "GET /climbing", Stage.SIDE_BY_SIDE, NOW)
    observe(climbing, NOW)
    raised(service, "GET /unseen", Stage.SIDE_BY_SIDE, NOW)
    ramps.start(project=service.project, unit_ids=[climbing.pk], plan=read_plan(), actor=ANA, reason="", now=NOW)
    assert [announcing.announce(now=NOW).ready for _ in range(3)] == [1, 0, 0]
    assert Message.objects.get(event=Event.READY).title == "GET /ready is ready for canary"
    set_by_hand(ready, NOW, stage=Stage.CANARY, candidate=500)
    assert announcing.announce(now=NOW).ready == 1


def test_announce__canary_without_evidence__is_told_once_and_resolved(service: Service) -> None:
    unit = raised(service, "GET /u", Stage.CANARY, NOW, 500)
    observe(unit, NOW)
    assert announcing.announce(now=NOW + timedelta(minutes=14)).without_evidence == 0
    assert [announcing.announce(now=NOW + timedelta(minutes=16)).without_evidence for _ in range(3)] == [1, 0, 0]
    told = Message.objects.get(event=Event.EVIDENCE)
    assert told.sentence.startswith("The candidate answers 5 % of its callers unwatched.")
    observe(unit, NOW + timedelta(minutes=17))
    assert announcing.announce(now=NOW + timedelta(minutes=17)).over == 1
    over = Message.objects.filter(event=Event.EVIDENCE).latest("pk")
    assert (over.resolves, over.title) == (True, "GET /u lacks evidence no longer")


# ---------------------------------------------------------------------------------------- the command


def test_guard_command__once__says_what_it_found(unit: Unit, capsys: pytest.CaptureFixture[str]) -> None:
    policy(unit.project, automatic="act")
    call_command("guard", "--once")
    assert "Serving: 1. Judged: 1. Rolled back: 1. Suggested: 0." in capsys.readouterr().out


@pytest.mark.django_db
@pytest.mark.parametrize("every", ["0", "11", "-1", "nan"])
def test_guard_command__at_a_useless_pace__is_refused(every: str) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("guard", "--every", every, "--seconds", "0.1")
    assert refused.value.returncode == 2
