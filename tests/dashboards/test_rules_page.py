"""The page of rules: what would be hidden before it is saved, what is wrong beside its field, who may do what."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.observations.models import GroupStatus, MismatchGroup, Rule
from tests.dashboards.causes import PRICE, add_rule, differ, html

AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]
RULES = "/p/shop/rules"


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    return add_unit("GET /users/{id}", Stage.CANARY, 200)


@pytest.fixture
def price(unit: Unit) -> MismatchGroup:
    return differ(unit, PRICE, values=[("12", "string(2) #0b1c2d")])


def test_rule__previewed__says_what_it_would_hide_and_saves_nothing(
    price: MismatchGroup, engineer: User, sign_in: SignIn
) -> None:
    page = html(sign_in(engineer), f"{RULES}?kind=ignore&path=$.price&reason=known&preview=1")

    assert "Nothing is compared at $.price and under it of all endpoints." in page
    assert "Would hide 10 differences of the last 7 days in 1 group." in page
    assert "Save the rule" in page
    assert not Rule.objects.exists()


def test_rule__saved__holds_for_thirty_days_and_hides(price: MismatchGroup, engineer: User, sign_in: SignIn) -> None:
    client = sign_in(engineer)
    page = client.post(RULES, {"kind": "ignore", "path": "$.price", "reason": "known"}, follow=True).content.decode()

    rule = Rule.objects.get()
    assert (rule.author, rule.reason, rule.expires_at - rule.created_at) == ("engineer", "known", timedelta(days=30))
    assert "1 rule in force." in page
    price.refresh_from_db()
    assert price.status == GroupStatus.HIDDEN


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"path": "$["}, "path", ""),
        ({"path": ""}, "path", "required"),
        ({"path": "$"}, "path", "hides the whole body"),
        ({"reason": ""}, "reason", "A rule says why."),
        ({"days": "0"}, "days", "greater than or equal to 1"),
        ({"days": "9000"}, "days", "less than or equal to 366"),
        ({"kind": "moon"}, "kind", "not one of the available choices"),
        ({"kind": "tolerance"}, "absolute", "Say how far"),
        ({"kind": "tolerance", "relative": "x"}, "relative", "Enter a number"),
        ({"kind": "normalise", "form": "pattern", "pattern": "("}, "pattern", ""),
        ({"kind": "normalise", "form": "instant", "zone": "Moon/Sea"}, "zone", ""),
        ({"unit": "77777"}, "unit", "not there any more"),
        ({"service": "moon"}, "service", "no service moon"),
    ],
)
def test_rule__that_means_nothing__says_so_beside_the_field(
    changes: dict[str, str], field: str, told: str, price: MismatchGroup, engineer: User, sign_in: SignIn
) -> None:
    given = {"kind": "ignore", "path": "$.price", "reason": "known"} | changes
    answer = sign_in(engineer).post(RULES, given, follow=True)

    errors = answer.context["form"].errors
    assert list(errors) == [field]
    assert told in errors[field][0]
    assert 'class="error"' in answer.content.decode()
    assert not Rule.objects.exists()


def test_rule__against_another__tells_the_contradiction(
    project: Project, price: MismatchGroup, engineer: User, sign_in: SignIn
) -> None:
    add_rule(project, None, "$.price")
    page = html(sign_in(engineer), f"{RULES}?kind=tolerance&absolute=1&path=$.price&reason=x&preview=1")

    assert "It contradicts a rule in force." in page
    assert "never applies" in page
    assert "Save the rule" not in page


def test_rule__relative_tolerance__is_typed_in_percent(price: MismatchGroup, engineer: User, sign_in: SignIn) -> None:
    sign_in(engineer).post(RULES, {"kind": "tolerance", "path": "$.price", "relative": "2.5", "reason": "known"})

    assert Rule.objects.get().parameters == {"relative": 0.025}


def test_rule__taken_back__opens_what_it_settled(
    project: Project, unit: Unit, price: MismatchGroup, engineer: User, sign_in: SignIn
) -> None:
    rule = add_rule(project, unit, "$.price")
    client = sign_in(engineer)
    page = client.post(f"{RULES}/{rule.pk}/revoke", follow=True).content.decode()

    price.refresh_from_db()
    assert price.status == GroupStatus.ONGOING
    assert "No rule is in force" in page
    assert "revoked by engineer" in html(client, f"{RULES}?state=all")


def test_rules__viewer__sees_them_without_form_or_buttons(
    project: Project, unit: Unit, price: MismatchGroup, viewer: User, sign_in: SignIn
) -> None:
    rule = add_rule(project, unit, "$.price")
    client = sign_in(viewer)
    page = html(client, f"{RULES}?kind=ignore&path=$.a&reason=x&preview=1")

    assert "known" in page and "GET /users" in page.replace("<wbr>", "")
    assert "Save the rule" not in page and "Take back" not in page
    assert client.post(RULES, {"kind": "ignore", "path": "$.a", "reason": "x"}).status_code == 403
    assert client.post(f"{RULES}/{rule.pk}/revoke").status_code == 403


def test_rules__unused_and_searched__are_named_and_found(
    project: Project, unit: Unit, viewer: User, sign_in: SignIn
) -> None:
    rule = add_rule(project, unit, "$.price")
    Rule.objects.filter(pk=rule.pk).update(created_at=timezone.now() - timedelta(days=20))
    client = sign_in(viewer)

    assert "1 rule in force; 1 hid nothing lately." in html(client, RULES)
    assert "No rule contains" in html(client, f"{RULES}?search=zzz")
