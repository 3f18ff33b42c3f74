"""The account page: a second factor set up by phone, and taken away again."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from migrator.access.models import Membership, Role, SecondFactor
from migrator.access.second_factor import STEP_S, code_at
from migrator.inventory.models import Project, Team
from tests.conftest import PASSWORD

SignIn = Callable[[User], Client]


def code_now(steps: int = 0) -> str:
    step = int(timezone.now().timestamp()) // STEP_S
    return code_at(secret=SecondFactor.objects.get().secret, step=step + steps)


def act(client: Client, verb: str, code: str = "") -> str:
    return str(client.post("/account/second-factor", {"verb": verb, "code": code}, follow=True).content.decode())


def test_account__nobody_signed_in__leads_to_sign_in(client: Client, db: None) -> None:
    assert client.get("/account").headers["Location"] == "/sign-in?next=/account"


def test_account__without_a_second_factor__offers_one_and_tells_the_roles(engineer: User, sign_in: SignIn) -> None:
    page = sign_in(engineer).get("/account").content.decode()
    assert "You have no second factor" in page
    assert "Shop" in page and "engineer" in page


def test_second_factor__set_up__shows_the_secret_until_a_code_confirms_it(engineer: User, sign_in: SignIn) -> None:
    client = sign_in(engineer)
    page = act(client, "enrol")
    secret = SecondFactor.objects.get().secret
    assert re.sub(r"\s", "", re.search(r'id="secret">([^<]+)<', page)[1]) == secret  # type: ignore[index]
    assert "<svg" in page and 'class="qr"' in page
    assert "style=" not in page
    assert client.get("/account").headers["Cache-Control"] == "no-store"
    assert "wrong, or was used" in act(client, "confirm", "000000")
    page = act(client, "confirm", code_now())
    assert "Your second factor is in force" in page
    assert secret not in page and secret[:4] not in page


def test_second_factor__removed__takes_a_code(engineer: User, sign_in: SignIn) -> None:
    client = sign_in(engineer)
    act(client, "enrol")
    act(client, "confirm", code_now())
    assert "wrong, or was used" in act(client, "remove", code_now())
    assert "Removed." in act(client, "remove", code_now(steps=1))
    assert not SecondFactor.objects.exists()


@pytest.mark.parametrize("verb", ["", "nonsense", "confirm", "remove"])
def test_second_factor__nothing_set_up__does_nothing(verb: str, engineer: User, sign_in: SignIn) -> None:
    act(sign_in(engineer), verb, "123456")
    assert not SecondFactor.objects.exists()


def test_second_factor__of_somebody_else__is_not_shown(engineer: User, owner: User, client: Client) -> None:
    client.force_login(engineer)
    act(client, "enrol")
    client.force_login(owner)
    assert "You have no second factor" in client.get("/account").content.decode()


@pytest.mark.parametrize("address", ["/", "/p/shop/", "/p/shop/oncall"])
def test_account__from_the_menu_of_any_page__is_one_press_away(address: str, engineer: User, sign_in: SignIn) -> None:
    page = sign_in(engineer).get(address).content.decode()

    menu = page[page.index('<details class="menu right">') :]
    assert 'href="/account"' in menu[: menu.index("</details>")]


@pytest.mark.parametrize(
    ("whole", "in_team", "told"),
    [
        (None, Role.ENGINEER, "engineer in core"),
        (None, Role.VIEWER, "viewer in core"),
        (Role.VIEWER, Role.ENGINEER, "viewer, engineer in core"),
        (Role.ADMIN, Role.VIEWER, "admin"),
    ],
)
def test_role__with_one_in_a_team__is_told_with_the_team(
    whole: Role | None, in_team: Role, told: str, project: Project, sign_in: SignIn
) -> None:
    eve = User.objects.create_user("eve")
    if whole:
        Membership.objects.create(user=eve, project=project, role=whole)
    Membership.objects.create(
        user=eve, project=project, role=in_team, team=Team.objects.create(project=project, name="core")
    )
    signed_in = sign_in(eve)

    assert f"eve · {told}<" in signed_in.get("/p/shop/").content.decode()
    assert f">{told}<" in signed_in.get("/account").content.decode()


def change_password(client: Client, *, old: str = PASSWORD, new: str = "a fresh long phrase", again: str = "") -> Any:
    typed = {"old_password": old, "new_password1": new, "new_password2": again or new}
    return client.post("/account/password", typed)


def test_password__changed__this_session_goes_on_and_every_other_ends(engineer: User) -> None:
    here, elsewhere = Client(), Client()
    for client in (here, elsewhere):
        assert client.login(username="engineer", password=PASSWORD)

    assert change_password(here).headers["Location"] == "/account"
    assert "Your password is changed." in here.get("/account").content.decode()
    assert elsewhere.get("/account").headers["Location"] == "/sign-in?next=/account"
    assert not Client().login(username="engineer", password=PASSWORD)
    assert Client().login(username="engineer", password="a fresh long phrase")


@pytest.mark.parametrize(
    ("typed", "field", "told"),
    [
        ({"old": "wrong"}, "old_password", "old password was entered incorrectly"),
        ({"new": "short"}, "new_password2", "at least 10 characters"),
        ({"new": "password12"}, "new_password2", "too common"),
        ({"again": "another long phrase"}, "new_password2", "match"),
    ],
)
def test_password__that_cannot_be__is_told_beside_its_field_and_changes_nothing(
    typed: dict[str, str], field: str, told: str, engineer: User, sign_in: SignIn
) -> None:
    answer = change_password(sign_in(engineer), **typed)
    page = answer.content.decode()

    assert answer.status_code == 422
    beside = re.search(rf'<input id="id_{field}"[^>]*aria-invalid="true"[^>]*>(<p class="error".*?</p>)', page)
    assert beside and told in beside[1]
    assert page.count('class="error"') == 1
    assert not any(secret in page for secret in (PASSWORD, "a fresh long phrase", "password12"))
    assert User.objects.get(pk=engineer.pk).check_password(PASSWORD)


def test_password__kept_elsewhere__is_changed_there(engineer: User, sign_in: SignIn) -> None:
    engineer.set_unusable_password()
    engineer.save()
    client = sign_in(engineer)
    page = client.get("/account").content.decode()

    assert "change it where you sign in" in page and "id_old_password" not in page
    assert change_password(client).status_code == 422
    assert not User.objects.get(pk=engineer.pk).has_usable_password()


def test_account__says_what_a_second_factor_is_for_in_plain_words(engineer: User, sign_in: SignIn) -> None:
    page = sign_in(engineer).get("/account").content.decode()
    assert "in an emergency you cannot force a change through" in page
    assert "Signing in and rolling back never need a code." in page
