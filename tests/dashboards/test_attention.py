"""What needs somebody: what is told, in which order, and that nothing is told twice."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from dashboards.attention import LOOKED_AT, Attention, attention, sentence
from dashboards.changes import acts
from migrator.access.rights import Via, console, person
from migrator.core.ramp_text import read_plan
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.rollout import ramps
from migrator.rollout.models import DataPlane, Ramp
from migrator.rollout.pulse import database_now
from migrator.rollout.queries import ledger
from migrator.rollout.services import Change, flip
from tests.dashboards.conftest import observe

AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]


@pytest.fixture
def add_family(add_unit: AddUnit) -> Callable[..., Unit]:
    """An endpoint with fields, on one stage, all with the same evidence."""

    def add(key: str, stage: Stage, *fields: str, match: int, mismatch: int = 0, **at: int) -> Unit:
        endpoint = add_unit(key, stage, **at)
        observe(endpoint, match=match, mismatch=mismatch)
        for field in fields:
            unit = add_unit(f"{key} $.{field}", stage, **at)
            Unit.objects.filter(pk=unit.pk).update(parent=endpoint)
            observe(unit, match=match, mismatch=mismatch)
        return endpoint

    return add


AddFamily = Callable[..., Unit]


def found_in(project: Project) -> Attention:
    return attention(project=project, now=timezone.now())


def test_attention__proven_to_differ_in_side_by_side__is_told_before_what_is_ready(
    add_family: AddFamily, project: Project
) -> None:
    add_family("GET /clean", Stage.SIDE_BY_SIDE, match=50_000)
    differing = add_family("GET /users/{id}", Stage.SIDE_BY_SIDE, match=500, mismatch=500)
    found = found_in(project)

    assert [case.unit_id for case in found.differs] == [differing.pk]
    assert [case.key for case in found.ready] == ["GET /clean"]
    assert not found.wrong
    assert sentence(found) == "1 endpoint differs from legacy: fix the candidate or accept it; 1 is ready."


def test_attention__endpoint_and_fields__are_one_case(add_family: AddFamily, project: Project) -> None:
    add_family("GET /users/{id}", Stage.CANARY, "name", "karma", match=500, mismatch=500, candidate=5_000)
    add_family("GET /threads", Stage.SIDE_BY_SIDE, "title", match=50_000)
    found = found_in(project)

    assert [(case.key, case.fields) for case in found.wrong] == [("GET /users/{id}", 2)]
    assert [(case.key, case.fields) for case in found.ready] == [("GET /threads", 1)]
    assert sentence(found) == "1 endpoint answers callers wrongly: roll back; 1 is ready."


def test_attention__one_field_differs__its_clean_endpoint_is_not_ready_as_well(
    add_family: AddFamily, add_unit: AddUnit, project: Project
) -> None:
    endpoint = add_family("GET /users/{id}", Stage.SIDE_BY_SIDE, match=50_000)
    field = add_unit("GET /users/{id} $.name", Stage.SIDE_BY_SIDE)
    Unit.objects.filter(pk=field.pk).update(parent=endpoint)
    observe(field, match=500, mismatch=500)
    found = found_in(project)

    assert [case.unit_id for case in found.differs] == [field.pk]
    assert not found.ready
    assert sentence(found).startswith("1 unit differs")


def test_attention__more_than_are_looked_at__says_at_least(add_family: AddFamily, project: Project) -> None:
    for number in range(LOOKED_AT + 1):
        add_family(f"GET /things{number}", Stage.SHADOW, match=500, mismatch=500)

    assert sentence(found_in(project)).startswith(f"At least {LOOKED_AT} endpoints differ")


def test_attention__only_harm__leaves_out_what_nobody_meets(add_family: AddFamily, project: Project) -> None:
    add_family("GET /users/{id}", Stage.SIDE_BY_SIDE, match=500, mismatch=500)
    found = attention(project=project, now=timezone.now(), only_harm=True)

    assert (found.wrong, found.suspect, found.differs, found.ready) == ((), (), (), ())


def test_overview__a_difference_nobody_meets__is_shown_without_a_rollback(
    add_family: AddFamily, engineer: User, sign_in: SignIn
) -> None:
    unit = add_family("GET /users/{id}", Stage.SIDE_BY_SIDE, "name", match=500, mismatch=500)
    signed_in = sign_in(engineer)
    page = signed_in.get("/p/shop/").content.decode()

    assert "1 endpoint differs from legacy" in page
    assert "and 1 of its fields" in page
    assert f'href="/p/shop/units/{unit.pk}#differences"' in page
    assert f'href="/p/shop/units/{unit.pk}/rollback"' not in page
    assert "1 endpoint differs from legacy" in signed_in.get("/").content.decode()
    assert "accept the difference" in signed_in.get(f"/p/shop/units/{unit.pk}").content.decode()


def test_oncall_page__nothing_wrong__is_counts_and_the_canaries(
    add_family: AddFamily, add_unit: AddUnit, oncall: User, sign_in: SignIn
) -> None:
    canary = add_family("GET /users/{id}", Stage.CANARY, "name", "karma", match=50_000, candidate=500)
    add_unit("GET /orders", Stage.REMOVAL)
    page = sign_in(oncall).get("/p/shop/oncall").content.decode()

    assert "GET /orders" not in page, "what went well long ago is a number"
    assert "Removal</span> <b>1</b>" in page and "Canary</span> <b>3</b>" in page
    assert "and 2 fields" in page and "$.karma" not in page
    assert f'href="/p/shop/units/{canary.pk}/rollback"' in page
    assert 'href="/p/shop/rollback"' in page
    assert "primary" not in page.partition("<body")[2], "nothing shouts while nothing is wrong"


def test_oncall_page__only_a_field_is_in_canary__the_field_stands_for_itself(
    add_unit: AddUnit, oncall: User, sign_in: SignIn
) -> None:
    endpoint = add_unit("GET /users/{id}", Stage.SIDE_BY_SIDE)
    field = add_unit("GET /users/{id} $.name", Stage.CANARY, 500)
    Unit.objects.filter(pk=field.pk).update(parent=endpoint)

    assert f'href="/p/shop/units/{field.pk}/rollback"' in sign_in(oncall).get("/p/shop/oncall").content.decode()


def test_acts__endpoint_moved_with_its_fields__speaks_for_them(add_unit: AddUnit, project: Project) -> None:
    units = [add_unit(key, Stage.SHADOW) for key in ("GET /users $.name", "GET /users", "GET /users $.karma")]
    flip(
        project=project,
        changes=[Change(unit_id=unit.pk, version=unit.version, stage=Stage.SIDE_BY_SIDE) for unit in units],
        actor=console(name="ana"),
        reason="together",
        now=timezone.now(),
    )
    newest = acts(ledger(project=project, limit=3))[0]

    assert (newest.entry.unit_key, newest.others, newest.is_family) == ("GET /users", 2, True)


def test_attention__many_are_ready_and_one_differs__at_least_is_said_of_the_ready_alone(
    add_family: AddFamily, project: Project
) -> None:
    add_family("GET /users/{id}", Stage.SIDE_BY_SIDE, match=500, mismatch=500)
    for number in range(LOOKED_AT + 1):
        add_family(f"GET /things{number}", Stage.SIDE_BY_SIDE, match=50_000)

    told = f"1 endpoint differs from legacy: fix the candidate or accept it; at least {LOOKED_AT} are ready."
    assert sentence(found_in(project)) == told


def ask_for_cutover(unit: Unit, who: User, sign_in: SignIn) -> None:
    wanted = {"version": Unit.objects.get(pk=unit.pk).version, "stage": "cutover", "reason": "clean"}
    sign_in(who).post(f"/p/shop/units/{unit.pk}/approval", wanted)


def test_overview__an_approval_waits__says_so_to_whoever_may_give_it(
    add_unit: AddUnit, owner: User, engineer: User, sign_in: SignIn
) -> None:
    unit = add_unit("GET /users", Stage.CANARY, 10_000)
    observe(unit, match=50_000)
    ask_for_cutover(unit, engineer, sign_in)

    assert '<a class="open" href="/p/shop/approvals">1 approval</a>' not in page_at("/p/shop/", sign_in(engineer))
    assert '<a class="open" href="/p/shop/approvals">1 approval</a>' in page_at("/p/shop/", sign_in(owner))
    assert "1 approval." in page_at("/", sign_in(owner))


def test_overview__a_ramp_waits__says_so_and_never_that_nothing_needs_anybody(
    add_unit: AddUnit, engineer: User, viewer: User, sign_in: SignIn
) -> None:
    unit, now = add_unit("GET /users", Stage.CANARY, 100), timezone.now()
    DataPlane.objects.create(
        project=unit.project, source="gw/0", kind="gateway", boot="b", first_seen_at=now, last_seen_at=now,
        applied_epoch=unit.project.epoch, applied_number=1_000_000,
    )  # fmt: skip
    client = sign_in(engineer)
    assert "Nothing needs you." in page_at("/p/shop/", client)
    actor, project = person(user=engineer, project=unit.project, via=Via.PAGE), unit.project
    ramps.start(
        project=project, unit_ids=[unit.pk], plan=read_plan(steps="1, 5"), actor=actor, reason="", now=database_now()
    )
    ramps.pause(project=project, ramp_ids=[Ramp.objects.get().pk], actor=actor, now=database_now())

    page = page_at("/p/shop/", client)
    assert "Waits for you: 1 ramp that waits." in page
    assert '<a class="open" href="/p/shop/ramps">1 ramp that waits</a>' in page
    assert "Waits for you: 1 ramp that waits." in page_at("/", client)
    assert "Waits for somebody" in page_at("/p/shop/", sign_in(viewer))


def page_at(address: str, client: Client) -> str:
    return str(client.get(address).content.decode())
