"""Settings: who is in, what there is, what opens it; each change with its line in the ledger."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from migrator.access.models import Membership, Role, SecondFactor, Token
from migrator.access.tokens import find_token
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Team, Unit
from migrator.inventory.services import create_team
from migrator.ledger.models import Entry, Kind
from migrator.planning.models import ShareLink

SignIn = Callable[[User], Client]
AddUnit = Callable[..., Unit]
TABS = ("", "/project", "/services", "/requests", "/tokens", "/sharing")


def recorded(project: Project) -> list[str]:
    """Headlines of the settings in the ledger, newest first."""
    return [entry.body["headline"] for entry in Entry.objects.filter(project=project, kind=Kind.SETTINGS)]


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("role", ["owner", "viewer"])
def test_tab__any_member__shows_one_sentence(
    tab: str, role: str, service: Service, sign_in: SignIn, request: pytest.FixtureRequest
) -> None:
    answer = sign_in(request.getfixturevalue(role)).get(f"/p/shop/settings{tab}")

    assert answer.status_code == 200
    assert answer.content.decode().count("<h1>") == 1


@pytest.mark.parametrize(
    ("tab", "act"),
    [("people", "add-person"), ("project", "save-project"), ("tokens", "make-token"), ("sharing", "make-link")],
)
def test_change__without_the_right__is_refused_and_names_who_may(
    tab: str, act: str, owner: User, engineer: User, project: Project, sign_in: SignIn
) -> None:
    answer = sign_in(engineer).post(f"/p/shop/settings/{tab}", {"act": act, "name": "x", "scope": "admin"})

    assert answer.status_code == 403
    assert "owner (admin)" in answer.content.decode()
    assert recorded(project) == []


def test_person__let_in_changed_and_removed__is_recorded(owner: User, project: Project, sign_in: SignIn) -> None:
    ana = User.objects.create_user("ana")
    signed_in = sign_in(owner)
    signed_in.post("/p/shop/settings/people", {"act": "add-person", "username": "ana", "role": "viewer"})
    member = Membership.objects.get(user=ana)
    signed_in.post("/p/shop/settings/people", {"act": "change-role", "member": member.pk, "role": "engineer"})
    assert Membership.objects.get(user=ana).role == Role.ENGINEER
    signed_in.post("/p/shop/settings/people", {"act": "remove-person", "member": member.pk})

    assert not Membership.objects.filter(user=ana).exists()
    assert recorded(project) == ["ana: engineer → nothing", "ana: viewer → engineer", "ana: nothing → viewer"]


def test_person__in_one_team__holds_there(owner: User, project: Project, sign_in: SignIn) -> None:
    team = create_team(project=project, name="feeds")
    ana = User.objects.create_user("ana")
    sign_in(owner).post(
        "/p/shop/settings/people", {"act": "add-person", "username": "ana", "role": "engineer", "team": team.pk}
    )

    assert Membership.objects.get(user=ana).team == team


def test_person__without_an_account__is_named_beside_the_field(owner: User, sign_in: SignIn) -> None:
    answer = sign_in(owner).post("/p/shop/settings/people", {"act": "add-person", "username": "nob", "role": "viewer"})

    assert answer.status_code == 422
    assert "Nobody has an account &#x27;nob&#x27;" in answer.content.decode()


@pytest.mark.parametrize("post", [{"act": "remove-person"}, {"act": "change-role", "role": "viewer"}])
def test_last_admin__leaving__is_kept(post: dict[str, str], owner: User, project: Project, sign_in: SignIn) -> None:
    member = Membership.objects.get(user=owner)
    answer = sign_in(owner).post("/p/shop/settings/people", post | {"member": member.pk}, follow=True)

    assert "last admin" in answer.content.decode()
    assert Membership.objects.get(pk=member.pk).role == Role.ADMIN


def test_admin__with_another_one__may_leave(owner: User, project: Project, sign_in: SignIn) -> None:
    Membership.objects.create(user=User.objects.create_user("ben"), project=project, role=Role.ADMIN)
    member = Membership.objects.get(user=owner)
    sign_in(owner).post("/p/shop/settings/people", {"act": "remove-person", "member": member.pk})

    assert not Membership.objects.filter(pk=member.pk).exists()


def test_member_of_another_project__named_by_number__is_not_found(owner: User, stranger: User, sign_in: SignIn) -> None:
    other = Membership.objects.get(user=stranger)

    answer = sign_in(owner).post("/p/shop/settings/people", {"act": "remove-person", "member": other.pk})

    assert answer.status_code == 404
    assert Membership.objects.filter(pk=other.pk).exists()


def test_team__made_and_renamed__keeps_its_units(
    owner: User, project: Project, add_unit: AddUnit, sign_in: SignIn
) -> None:
    signed_in = sign_in(owner)
    signed_in.post("/p/shop/settings/people", {"act": "add-team", "name": "feeds"})
    team = Team.objects.get(name="feeds")
    unit = add_unit("GET /feeds", Stage.BACKLOG)
    Unit.objects.filter(pk=unit.pk).update(team=team)
    signed_in.post("/p/shop/settings/people", {"act": "rename-team", "team": team.pk, "name": "home"})

    assert Unit.objects.get(pk=unit.pk).team.name == "home"
    assert recorded(project) == ["team feeds → home", "team feeds made"]


def test_project__deadline_set__is_recorded_with_both_values(owner: User, project: Project, sign_in: SignIn) -> None:
    given = {"act": "save-project", "name": "Shop", "legacy_name": "legacy", "candidate_name": "candidate"}
    sign_in(owner).post("/p/shop/settings/project", given | {"deadline": "2027-03-31"})

    entry = Entry.objects.filter(project=project, kind=Kind.SETTINGS).get()
    assert entry.body["before"]["deadline"] is None
    assert entry.body["after"]["deadline"] == "2027-03-31"


def test_service__address_with_a_path__is_refused_beside_its_field(
    owner: User, service: Service, sign_in: SignIn
) -> None:
    shown = sign_in(owner).get(f"/p/shop/settings/services?service={service.pk}").context["service_form"].initial
    given = {name: "" if value is None else value for name, value in shown.items()}
    answer = sign_in(owner).post(
        "/p/shop/settings/services",
        given | {"act": "save-service", "service": service.pk, "legacy_url": "http://legacy.test/api"},
    )

    assert answer.status_code == 422
    assert "An address has no path" in answer.content.decode()
    assert Service.objects.get(pk=service.pk).legacy_url == "http://legacy.test"


def test_service__capacity_set__is_recorded(owner: User, service: Service, project: Project, sign_in: SignIn) -> None:
    shown = sign_in(owner).get(f"/p/shop/settings/services?service={service.pk}").context["service_form"].initial
    given = {name: "" if value is None else value for name, value in shown.items()}
    sign_in(owner).post(
        "/p/shop/settings/services",
        given | {"act": "save-service", "service": service.pk, "legacy_capacity": "250", "legacy_deployed": "on"},
    )

    assert Service.objects.get(pk=service.pk).legacy_capacity == 250
    assert recorded(project) == ["service users: legacy_capacity"]


def test_requests__as_shown__change_nothing(owner: User, project: Project, sign_in: SignIn) -> None:
    shown = sign_in(owner).get("/p/shop/settings/requests").context["manners_form"].initial
    sign_in(owner).post("/p/shop/settings/requests", {"act": "save-manners"} | {k: v for k, v in shown.items() if v})

    project.refresh_from_db()
    assert project.manners == {}
    assert recorded(project) == []


def test_requests__subject_and_pauses__reach_the_data_planes(owner: User, project: Project, sign_in: SignIn) -> None:
    shown = sign_in(owner).get("/p/shop/settings/requests").context["manners_form"].initial
    given = {k: v for k, v in shown.items() if v} | {"act": "save-manners"}
    given |= {"subject_source": "header", "subject_name": "x-user", "rereads_after_ms": "300", "noise_share": "2,5"}
    version = project.version
    sign_in(owner).post("/p/shop/settings/requests", given)

    project.refresh_from_db()
    wanted = {"subject_source": "header", "subject_name": "x-user", "rereads_after_ms": [300], "noise_share": 250}
    assert project.manners == wanted
    assert project.version > version


def test_token__made__is_shown_once_and_works(owner: User, project: Project, sign_in: SignIn) -> None:
    signed_in = sign_in(owner)
    answer = signed_in.post("/p/shop/settings/tokens", {"act": "make-token", "name": "gateway", "scope": "ingest"})
    secret = answer.context["outcome"].secret

    assert secret in answer.content.decode()
    assert answer.headers["Cache-Control"] == "no-store"
    assert secret not in signed_in.get("/p/shop/settings/tokens").content.decode()
    assert find_token(secret=secret, now=timezone.now()).project == project
    assert secret not in str(list(Entry.objects.values()))


def test_token__revoked__opens_nothing(owner: User, project: Project, sign_in: SignIn) -> None:
    signed_in = sign_in(owner)
    answer = signed_in.post("/p/shop/settings/tokens", {"act": "make-token", "name": "gateway", "scope": "ingest"})
    signed_in.post("/p/shop/settings/tokens", {"act": "revoke-token", "token": Token.objects.get().pk})

    assert find_token(secret=answer.context["outcome"].secret, now=timezone.now()) is None
    assert recorded(project) == ["token gateway revoked", "token gateway made, scope ingest"]


def test_token__that_ends_in_the_past__is_refused(owner: User, sign_in: SignIn) -> None:
    past = (timezone.now() - timedelta(days=3)).date().isoformat()
    answer = sign_in(owner).post(
        "/p/shop/settings/tokens", {"act": "make-token", "name": "x", "scope": "read", "expires_on": past}
    )

    assert answer.status_code == 422
    assert not Token.objects.exists()


@pytest.mark.parametrize("origin", ["https://wiki.example.com/page", "wiki", "https://a.test 'unsafe-inline'", "*"])
def test_link__framed_by_no_site__is_refused(origin: str, owner: User, sign_in: SignIn) -> None:
    answer = sign_in(owner).post(
        "/p/shop/settings/sharing", {"act": "make-link", "name": "board", "embed_origins": origin}
    )

    assert answer.status_code == 422
    assert not ShareLink.objects.exists()


# ------------------------------------------------------------------------------ second factors


def factor_of(user: User) -> SecondFactor:
    return SecondFactor.objects.create(user=user, secret="JBSWY3DPEHPK3PXP", created_at=timezone.now())


def reset(signed_in: Client, user: User, project: Project) -> str:
    member = Membership.objects.get(user=user, project=project)
    answer = signed_in.post("/p/shop/settings/people", {"act": "reset-factor", "member": member.pk}, follow=True)
    return answer.content.decode()


def test_second_factor__of_somebody_whose_phone_is_gone__is_reset_and_recorded(
    owner: User, engineer: User, project: Project, sign_in: SignIn
) -> None:
    factor_of(engineer)
    signed_in = sign_in(owner)
    page = signed_in.get("/p/shop/settings/people").content.decode()
    assert page.count('value="reset-factor"') == 1 and "JBSWY3DPEHPK3PXP" not in page

    assert "engineer has no second factor any more" in reset(signed_in, engineer, project)

    assert not SecondFactor.objects.exists()
    assert recorded(project) == ["second factor of engineer reset"]
    assert 'value="reset-factor"' not in signed_in.get("/p/shop/settings/people").content.decode()


def test_second_factor__ones_own__takes_a_code(owner: User, project: Project, sign_in: SignIn) -> None:
    factor_of(owner)
    signed_in = sign_in(owner)

    assert 'value="reset-factor"' not in signed_in.get("/p/shop/settings/people").content.decode()
    assert "Not reset: You remove your own" in reset(signed_in, owner, project)
    assert SecondFactor.objects.exists()


def test_second_factor__of_somebody_who_works_elsewhere_too__is_kept(
    owner: User, engineer: User, stranger: User, superuser: User, project: Project, sign_in: SignIn
) -> None:
    factor_of(engineer)
    other = Membership.objects.get(user=stranger).project
    Membership.objects.create(user=engineer, project=other, role=Role.VIEWER)

    assert f"Not reset: engineer is in {other.name} too" in reset(sign_in(owner), engineer, project)
    assert SecondFactor.objects.exists()
    Membership.objects.create(user=owner, project=other, role=Role.ADMIN)
    assert "has no second factor any more" in reset(sign_in(owner), engineer, project)

    Membership.objects.create(user=superuser, project=project, role=Role.VIEWER)
    factor_of(superuser)
    assert "Not reset: superuser is in every project too" in reset(sign_in(owner), superuser, project)


def test_second_factor__reset_by_an_engineer__is_refused(engineer: User, owner: User, sign_in: SignIn) -> None:
    factor_of(owner)
    member = Membership.objects.get(user=owner)

    assert (
        sign_in(engineer).post("/p/shop/settings/people", {"act": "reset-factor", "member": member.pk}).status_code
        == 403
    )
    assert SecondFactor.objects.exists()


def test_token__made_by_a_person__is_theirs(owner: User, project: Project, sign_in: SignIn) -> None:
    signed_in = sign_in(owner)
    signed_in.post("/p/shop/settings/tokens", {"act": "make-token", "name": "ci", "scope": "operate"})

    assert Token.objects.get().owner == owner
    assert "of owner" in signed_in.get("/p/shop/settings/tokens").content.decode()
