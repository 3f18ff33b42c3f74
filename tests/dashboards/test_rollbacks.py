"""Rolling back by page: two presses, any number of times, whatever else is wrong."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from migrator.access.rights import console
from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.observations.models import Resolution, Rollup
from migrator.rollout.models import DataPlane, Flip, Freeze, HandOver
from migrator.rollout.scopes import one_unit
from migrator.rollout.services import rollback
from tests.dashboards.conftest import observe

AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    """At 50 %, and proven wrong."""
    unit = add_unit("GET /users/{id}", Stage.CANARY, 5_000)
    observe(unit, match=500, mismatch=500)
    return unit


def fresh(unit: Unit) -> Unit:
    return Unit.objects.get(pk=unit.pk)


def test_oncall_page__a_unit_is_wrong__names_it_and_the_way_back(unit: Unit, oncall: User, sign_in: SignIn) -> None:
    page = sign_in(oncall).get("/p/shop/oncall").content.decode()

    assert "1 endpoint is answering wrongly." in page
    assert "500 of 1,000 pairs differ" in page
    assert "setup set this" in page
    assert f'href="/p/shop/units/{unit.pk}/rollback"' in page


def test_sheet__before_it_is_pressed__states_the_consequences(
    unit: Unit, add_unit: AddUnit, oncall: User, sign_in: SignIn
) -> None:
    add_unit("GET /users/{id} $.name", Stage.CANARY, 5_000)
    page = sign_in(oncall).get(f"/p/shop/units/{unit.pk}/rollback").content.decode()

    assert "answers 100 % of the requests" in page
    assert "1 more goes along" in page
    assert fresh(unit).candidate_bp == 5_000


def test_rollback__pressed__is_done_and_proven(unit: Unit, oncall: User, sign_in: SignIn) -> None:
    answer = sign_in(oncall).post(f"/p/shop/units/{unit.pk}/rollback", {"reason": "Wrong answers"}, follow=True)

    assert (fresh(unit).stage, fresh(unit).candidate_bp) == (Stage.SIDE_BY_SIDE, 0)
    page = answer.content.decode()
    assert "Rolled back. No data plane is connected to confirm it." in page
    assert "Effective" in page and "oncall" in page


@pytest.mark.parametrize(
    ("applied", "told"),
    [
        (0, "Rolled back, not everywhere yet: 1 data plane still has to follow."),
        (1_000_000, "Rolled back: legacy answers every request."),
    ],
)
def test_rollback__a_data_plane_obeys_or_not_yet__claims_no_more_than_is_known(
    applied: int, told: str, unit: Unit, oncall: User, sign_in: SignIn
) -> None:
    now = timezone.now()
    DataPlane.objects.create(
        project=unit.project, source="gw/0", kind="gateway", boot="b", first_seen_at=now, last_seen_at=now,
        applied_epoch=unit.project.epoch, applied_number=applied,
    )  # fmt: skip

    assert told in sign_in(oncall).post(f"/p/shop/units/{unit.pk}/rollback", follow=True).content.decode()


def test_rollback__pressed_again_and_again__is_harmless(unit: Unit, oncall: User, sign_in: SignIn) -> None:
    client = sign_in(oncall)
    for _ in range(3):
        assert client.post(f"/p/shop/units/{unit.pk}/rollback", follow=True).status_code == 200

    assert Flip.objects.filter(unit=unit, direction="back").count() == 1


def test_rollback__viewer__is_forbidden_and_learns_who_may(
    unit: Unit, viewer: User, oncall: User, sign_in: SignIn
) -> None:
    client = sign_in(viewer)
    assert "oncall (on-call)" in client.get("/p/shop/oncall").content.decode()
    answer = client.post(f"/p/shop/units/{unit.pk}/rollback")

    assert answer.status_code == 403
    assert "oncall (on-call)" in answer.content.decode()
    assert fresh(unit).candidate_bp == 5_000


def test_rollback__reason_is_nonsense__is_cut_not_refused(unit: Unit, oncall: User, sign_in: SignIn) -> None:
    sign_in(oncall).post(f"/p/shop/units/{unit.pk}/rollback", {"reason": "\x00" + "x" * 5_000})

    assert fresh(unit).candidate_bp == 0


@pytest.mark.parametrize("address", ["/p/shop/rollback", "/p/shop/services/{service}/rollback"])
def test_rollback__of_everything__takes_all_down(
    address: str, unit: Unit, add_unit: AddUnit, oncall: User, sign_in: SignIn
) -> None:
    other = add_unit("GET /orders", Stage.CUTOVER)
    client, address = sign_in(oncall), address.format(service=unit.service_id)
    assert "2 units" in client.get(address).content.decode()
    page = client.post(address, follow=True).content.decode()

    assert (fresh(unit).candidate_bp, fresh(other).candidate_bp) == (0, 0)
    assert "<h1>Rolled back. No data plane is connected to confirm it.</h1>" in page


def test_rollback__legacy_is_gone__says_which_unit_stays(
    unit: Unit, add_unit: AddUnit, oncall: User, sign_in: SignIn
) -> None:
    gone = add_unit("GET /orders", Stage.REMOVAL)
    gone.service.legacy_deployed = False
    gone.service.save()
    client = sign_in(oncall)
    assert "1 unit cannot go back" in client.get("/p/shop/rollback").content.decode()
    page = client.post("/p/shop/rollback", follow=True).content.decode()

    assert "GET /orders stays" in page
    assert fresh(gone).candidate_bp == 10_000
    assert fresh(unit).candidate_bp == 0


def test_oncall_everywhere__several_projects__worst_first(
    unit: Unit, superuser: User, stranger: User, sign_in: SignIn
) -> None:
    page = sign_in(superuser).get("/oncall").content.decode()

    assert "1 endpoint is answering wrongly." in page
    assert page.index('href="/p/shop/oncall"') < page.index('href="/p/elsewhere/oncall"')


def test_oncall_everywhere__something_is_wrong__two_taps_from_here(unit: Unit, oncall: User, sign_in: SignIn) -> None:
    page = sign_in(oncall).get("/oncall").content.decode()

    assert "500 of 1,000 pairs differ" in page
    assert "setup set this" in page
    assert f'class="button danger primary large" href="/p/shop/units/{unit.pk}/rollback"' in page


def test_oncall_everywhere__viewer__sees_what_is_wrong_and_no_button(unit: Unit, viewer: User, sign_in: SignIn) -> None:
    page = sign_in(viewer).get("/oncall").content.decode()
    assert "500 of 1,000 pairs differ" in page
    assert "/rollback" not in page


def test_alerts_link__a_unit_that_is_not_the_worst__comes_first_with_its_button(
    unit: Unit, add_unit: AddUnit, oncall: User, sign_in: SignIn
) -> None:
    other, now = add_unit("GET /orders", Stage.CANARY, 100), timezone.now()
    DataPlane.objects.create(
        project=unit.project, source="gw/0", kind="gateway", boot="b", first_seen_at=now, last_seen_at=now
    )
    Rollup.objects.create(
        unit=other, resolution=Resolution.MINUTE, window_start=now.replace(second=0, microsecond=0), evidence_epoch=1,
        shard=0, match=60, served_candidate=1,
    )  # fmt: skip
    page = sign_in(oncall).get(f"/p/shop/oncall/{other.pk}").content.decode()

    assert "<h1>Nothing is known to be wrong with GET /orders.</h1>" in page
    assert page.index(f'data-key="case-{other.pk}"') < page.index("Also wrong") < page.index(f"case-{unit.pk}")
    assert f'class="button danger primary large" href="/p/shop/units/{other.pk}/rollback"' in page
    page = sign_in(oncall).get(f"/p/shop/oncall/{unit.pk}").content.decode()
    assert "is answering wrongly.</h1>" in page


def test_alerts_link__followed_after_the_rollback__says_that_legacy_answers(
    unit: Unit, oncall: User, sign_in: SignIn
) -> None:
    client = sign_in(oncall)
    client.post(f"/p/shop/units/{unit.pk}/rollback")
    page = client.get(f"/p/shop/oncall/{unit.pk}").content.decode()

    assert "<h1>Legacy answers GET /users/{id}: there is nothing to roll back.</h1>" in page
    assert "oncall set this" in page
    assert f'href="/p/shop/units/{unit.pk}/rollback"' not in page


def test_alerts_link__of_no_unit__is_not_found(unit: Unit, oncall: User, sign_in: SignIn) -> None:
    assert sign_in(oncall).get("/p/shop/oncall/999999").status_code == 404


def test_done__pressed_freeze__keeps_everything_from_climbing_once(unit: Unit, oncall: User, sign_in: SignIn) -> None:
    client = sign_in(oncall)
    page = client.post(f"/p/shop/units/{unit.pk}/rollback", follow=True).content.decode()
    assert "Freeze climbing for 8 h" in page
    for _ in range(2):
        answer = client.post("/p/shop/freezes/night", {"reason": "GET /users/{id} was rolled back"}, follow=True)
        assert "Nothing climbs for eight hours." in answer.content.decode()
    assert Freeze.objects.count() == 1


def test_done__counted_since__shows_that_traffic_moved(unit: Unit, oncall: User, sign_in: SignIn) -> None:
    now = timezone.now()
    rollback(
        project=unit.project,
        scope=one_unit(unit),
        actor=console(name="ana"),
        now=now - timedelta(minutes=5),
        reason="x",
    )
    for ago, served in ((4, 0), (3, 0), (9, 500)):
        start = now.replace(second=0, microsecond=0) - timedelta(minutes=ago)
        Rollup.objects.create(
            unit=unit, resolution=Resolution.MINUTE, window_start=start, evidence_epoch=1, shard=0,
            match=602, served_candidate=served,
        )  # fmt: skip
    page = sign_in(oncall).get(f"/p/shop/units/{unit.pk}/rollback").content.decode()
    assert "Candidate answered 0 % of 1,204 requests since." in page


def test_hand_over__left__stands_on_the_page_with_author_and_age(
    unit: Unit, oncall: User, engineer: User, sign_in: SignIn
) -> None:
    for _ in range(2):  # pressed twice on a bad line
        sign_in(oncall).post("/p/shop/oncall/hand-over", {"text": "Watch <feeds>."})
    assert HandOver.objects.count() == 1
    page = sign_in(engineer).get("/p/shop/oncall").content.decode()
    assert "Watch &lt;feeds&gt;." in page
    assert re.search(r"oncall, <time [^>]+>(now|\d+ s ago)</time>", page)


def test_hand_over__viewer__may_not(unit: Unit, viewer: User, sign_in: SignIn) -> None:
    client = sign_in(viewer)
    assert "Leave the note" not in client.get("/p/shop/oncall").content.decode()
    assert client.post("/p/shop/oncall/hand-over", {"text": "x"}).status_code == 403
