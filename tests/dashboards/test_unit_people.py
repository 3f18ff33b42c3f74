"""The unit page between people: what stands in the way, who can open, what was said, and the glass."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from migrator.access.models import Approval, Membership, Role, SecondFactor
from migrator.access.rights import Via, console, machine
from migrator.access.second_factor import STEP_S, code_at, enrol
from migrator.core.stages import ALL, Stage
from migrator.inventory.models import Team, Unit
from migrator.observations.models import Resolution, Rollup
from migrator.removal.models import Reopening
from migrator.rollout.freezes import freeze
from migrator.rollout.models import Comment, Flip
from migrator.rollout.scopes import one_unit
from migrator.rollout.services import Change, flip, rollback
from migrator.telling.models import Event, Message
from tests.dashboards.conftest import observe

AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]
ANA = console(name="ana")


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    """In canary with everybody, and safe: the next step is cutover."""
    unit = add_unit("GET /users/{id}", Stage.CANARY, ALL)
    observe(unit, match=50_000)
    return unit


@pytest.fixture
def low(add_unit: AddUnit) -> Unit:
    """At 2 %, and safe."""
    unit = add_unit("GET /low", Stage.CANARY, 200)
    observe(unit, match=50_000)
    return unit


def fresh(unit: Unit) -> Unit:
    return Unit.objects.get(pk=unit.pk)


def page_of(client: Client, unit: Unit, query: str = "") -> str:
    return str(client.get(f"/p/shop/units/{unit.pk}{query}").content.decode())


def press(client: Client, unit: Unit, verb: str = "flip", **fields: object) -> str:
    """Post a button of the traffic panel and follow it."""
    filled = {"version": fresh(unit).version, "stage": unit.stage} | fields
    return str(client.post(f"/p/shop/units/{unit.pk}/{verb}", filled, follow=True).content.decode())


# ------------------------------------------------------------------------------- what is in the way


def test_frozen__says_so_before_and_after_choosing_and_leaves_no_button(
    low: Unit, owner: User, sign_in: SignIn
) -> None:
    freeze(project=low.project, actor=ANA, reason="Black Friday", now=timezone.now())
    client = sign_in(owner)

    assert "Shop is frozen until somebody lifts it (ana: Black Friday)" in page_of(client, low)
    page = page_of(client, low, "?candidate_percent=5")
    assert page.count("(ana: Black Friday)") >= 1
    assert '<button class="button wide" disabled>Set to 5 %</button>' in page
    assert "Shop is frozen" in press(client, low, candidate_percent="5")
    assert fresh(low).candidate_bp == 200


def test_cooling_down__an_admin_goes_on_with_a_reason_and_nobody_else(
    low: Unit, owner: User, engineer: User, sign_in: SignIn
) -> None:
    guard = machine(name="guard", via=Via.GUARD)
    rollback(project=low.project, scope=one_unit(low), actor=guard, now=timezone.now())
    assert "Guard rolled GET /low back at" in page_of(sign_in(engineer), low)
    query = "?stage=canary&candidate_percent=1"
    assert "disabled>Move to canary at 1 %" in page_of(sign_in(engineer), low, query)
    client = sign_in(owner)
    page = page_of(client, low, query)
    assert "Go on although it cools down" in page
    press(client, low, stage="canary", candidate_percent="1", override="true", reason="The cache was cold.", typed="1")
    assert fresh(low).candidate_bp == 100


def test_down__while_frozen_and_cooling__stands_open(low: Unit, engineer: User, sign_in: SignIn) -> None:
    freeze(project=low.project, actor=ANA, reason="Black Friday", now=timezone.now())
    client = sign_in(engineer)
    assert '<button class="button primary wide" aria-keyshortcuts="Control+Enter">Set to 1 %</button>' in page_of(
        client, low, "?candidate_percent=1"
    )
    press(client, low, candidate_percent="1")
    assert fresh(low).candidate_bp == 100


# --------------------------------------------------------------------------------- a second person


def test_cutover__takes_two__is_asked_for_and_given_on_the_page(
    unit: Unit, owner: User, engineer: User, client: Client
) -> None:
    client.force_login(engineer)
    page = page_of(client, unit, "?stage=cutover")
    assert f'class="button primary wide" formaction="/p/shop/units/{unit.pk}/approval">Ask for approval' in page
    assert "owner (admin)" in page
    assert ">Move to cutover</button>" not in page
    page = press(client, unit, "approval", stage="cutover", reason="clean for a week")
    assert "Waits for a second person" in page
    assert "Withdraw" in page and "Approve, and do it" not in page
    assert "Ask for approval</button>" not in page_of(client, unit, "?stage=cutover")

    client.force_login(owner)
    page = page_of(client, unit)
    assert "clean for a week" in page and "Approve, and do it" in page
    approval = Approval.objects.get()
    told = {"verb": "approve", "unit": unit.pk}
    page = client.post(f"/p/shop/approvals/{approval.pk}", told, follow=True).content.decode()
    assert "Approved, and done" in page
    assert fresh(unit).stage == Stage.CUTOVER


def test_cutover__pressed_all_the_same__is_refused_and_says_how(
    unit: Unit, owner: User, engineer: User, sign_in: SignIn
) -> None:
    assert "takes a second person. Ask for approval" in press(sign_in(engineer), unit, stage="cutover")
    assert fresh(unit).stage == Stage.CANARY


# ------------------------------------------------------------------------------------- the glass


def code_of(user: User, now: datetime | None = None) -> str:
    secret = SecondFactor.objects.get(user=user).secret
    return code_at(secret=secret, step=int((now or timezone.now()).timestamp()) // STEP_S)


def with_factor(user: User) -> None:
    enrol(user=user, now=timezone.now())
    SecondFactor.objects.filter(user=user).update(confirmed_at=timezone.now())


def test_glass__no_second_factor__says_where_to_set_one_up(low: Unit, engineer: User, sign_in: SignIn) -> None:
    freeze(project=low.project, actor=ANA, reason="Black Friday", now=timezone.now())
    page = page_of(sign_in(engineer), low, "?candidate_percent=5")
    assert 'href="/account">Set one up' in page
    assert "Break the glass</summary>" not in page


def test_glass__nothing_in_the_way__is_not_offered(low: Unit, engineer: User, sign_in: SignIn) -> None:
    with_factor(engineer)
    assert "reak the glass" not in page_of(sign_in(engineer), low, "?candidate_percent=5")


def test_glass__broken_with_a_code__moves_and_everybody_is_told(low: Unit, engineer: User, sign_in: SignIn) -> None:
    with_factor(engineer)
    freeze(project=low.project, actor=ANA, reason="Black Friday", now=timezone.now())
    client = sign_in(engineer)
    assert "Break the glass: set to 5 %" in page_of(client, low, "?candidate_percent=5")
    common = {"candidate_percent": "5", "break_glass": "true"}
    assert "needs a reason" in press(client, low, **common, code=code_of(engineer))
    assert "code is wrong" in press(client, low, **common, reason="Legacy burns", code="000000")
    assert fresh(low).candidate_bp == 200

    press(client, low, **common, reason="Legacy burns", code=code_of(engineer))
    entry = Flip.objects.filter(unit=low).first()
    assert entry is not None
    assert (entry.to_candidate_bp, entry.override, entry.evidence["broke_the_glass"]) == (500, True, True)
    assert Message.objects.filter(event=Event.BREAK_GLASS).count() == 1


# ----------------------------------------------------------------------------------- one's own team


def test_engineer_of_the_team__sees_the_controls_and_of_another_sees_who_may(
    low: Unit, stranger: User, sign_in: SignIn
) -> None:
    team = Team.objects.create(project=low.project, name="web")
    Membership.objects.create(user=stranger, project=low.project, team=team, role=Role.ENGINEER)
    client = sign_in(stranger)
    assert "You may look, not change." in page_of(client, low)
    Unit.objects.filter(pk=low.pk).update(team=team)
    assert "Set to 5 %" in page_of(client, low, "?candidate_percent=5")
    press(client, low, candidate_percent="5")
    assert fresh(low).candidate_bp == 500


# --------------------------------------------------------------------------------- said and counted


def test_comment__written__stands_on_the_page_as_it_was_typed(low: Unit, oncall: User, sign_in: SignIn) -> None:
    client = sign_in(oncall)
    told = {"text": "It is <the> cache."}
    page = client.post(f"/p/shop/units/{low.pk}/comments", told, follow=True).content.decode()
    assert "It is &lt;the&gt; cache." in page
    assert (
        "Write something"
        in client.post(f"/p/shop/units/{low.pk}/comments", {"text": " "}, follow=True).content.decode()
    )
    assert Comment.objects.count() == 1


def test_comment__viewer__may_not(low: Unit, viewer: User, sign_in: SignIn) -> None:
    client = sign_in(viewer)
    assert "comment-text" not in page_of(client, low)
    assert client.post(f"/p/shop/units/{low.pk}/comments", {"text": "x"}).status_code == 403


def count_minute(unit: Unit, ago: float, *, received: int, served: int) -> None:
    start = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=ago)
    Rollup.objects.create(
        unit_id=unit.pk, resolution=Resolution.MINUTE, window_start=start, evidence_epoch=unit.evidence_epoch, shard=0,
        match=received, served_candidate=served,
    )  # fmt: skip


def test_change__counted_since__is_proven_by_whole_minutes_only(low: Unit, viewer: User, sign_in: SignIn) -> None:
    five_minutes = timezone.now() - timedelta(minutes=5)
    move_at(low, five_minutes)
    client = sign_in(viewer)
    assert "Candidate answered" not in page_of(client, low)
    count_minute(low, 9, received=1_000, served=1_000)
    count_minute(low, 5, received=1_000, served=1_000)
    for ago in (3, 2):
        count_minute(low, ago, received=602, served=30)
    assert "Candidate answered 5 % of 1,204 requests since." in page_of(client, low)


def move_at(unit: Unit, at: datetime) -> None:
    """A flip to 5 % in the past."""
    change = Change(unit_id=unit.pk, version=fresh(unit).version, candidate=500)
    flip(project=unit.project, changes=[change], actor=ANA, reason="x", now=at, override=True)


def test_removed__something_returned__is_told_on_top(low: Unit, viewer: User, sign_in: SignIn) -> None:
    Reopening.objects.create(unit=low, why="web calls it at deadbeef.", at=timezone.now())
    page = page_of(sign_in(viewer), low)
    assert "still needed since" in page and "web calls it at deadbeef." in page


def test_ramp__offered_on_the_page(low: Unit, engineer: User, sign_in: SignIn) -> None:
    assert "Start a ramp" in page_of(sign_in(engineer), low)
