"""Rolling back by page: two presses, any number of times, whatever else is wrong."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone

from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.rollout.models import DataPlane, Flip
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
    assert "Nothing to roll back" in page


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


def test_oncall_page__everything_it_loads__fits_a_bad_connection(unit: Unit, oncall: User, sign_in: SignIn) -> None:
    page = sign_in(oncall).get("/p/shop/oncall").content.decode()
    paths = {path.partition("#")[0] for path in re.findall(r'(?:src|href)="/static/([^"]+)"', page)}
    files = [Path(str(finders.find(path))).read_bytes() for path in paths]

    assert len(paths) >= 6
    assert sum(len(gzip.compress(part)) for part in (page.encode(), *files)) < 50_000
