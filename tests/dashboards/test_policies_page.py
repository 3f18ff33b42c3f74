"""The page of policies: what is demanded, who asks otherwise, what is wrong beside its control, who signed for what."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from migrator.access.models import Approval
from migrator.access.rights import console
from migrator.core.stages import Stage
from migrator.gates.layers import LayerKind
from migrator.gates.models import PolicyLayer, Waiver
from migrator.gates.services import Target, set_layer
from migrator.inventory.models import Project, Unit
from tests.dashboards.causes import html
from tests.dashboards.conftest import observe

AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]
POLICIES = "/p/shop/policies"


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    return add_unit("GET /users/{id}", Stage.SIDE_BY_SIDE)


def save(client: Client, address: str = POLICIES, **typed: str) -> Any:
    return client.post(address, {"version": "1"} | typed, follow=True)


def add_layer(client: Client, kind: str = "service", of: str = "users", **typed: str) -> PolicyLayer:
    save(client, f"{POLICIES}/new?kind={kind}&of={of}", version="0", **typed)
    return PolicyLayer.objects.order_by("-pk")[0]


def waive(client: Client, unit: Unit, **typed: Any) -> Any:
    end = (timezone.now() + timedelta(days=7)).date().isoformat()
    usual = {"gates": ["weekly cycle"], "reason": "rare", "expires_at": end, "version": str(unit.version)}
    return client.post(f"/p/shop/units/{unit.pk}/waivers", usual | typed, follow=True)


def test_page__of_a_new_project__says_what_promotion_asks_for(project: Project, owner: User, sign_in: SignIn) -> None:
    page = html(sign_in(owner), POLICIES)

    assert "Promotion asks for a rate proven below 0.1 %, everywhere." in page
    assert 'placeholder="0.1"' in page
    assert "None: every gate must be passed." in page


def test_project_policy__saved__is_kept_as_fractions_and_seconds(
    project: Project, owner: User, sign_in: SignIn
) -> None:
    typed = {
        "mismatch_limit": "0,25 %", "alpha": "1", "freshness_s": "2.5", "independent_pairs": "1,000",
        "callers": "ios, web", "latency_ratio": "off", "weekly_cycle": "yes", "automatic": "act", "four_eyes": "none",
    }  # fmt: skip
    page = save(sign_in(owner), **typed).content.decode()

    assert Project.objects.get().policy == {
        "mismatch_limit": 0.0025, "alpha": 0.01, "freshness_s": 150, "independent_pairs": 1_000,
        "callers": ["ios", "web"], "latency_ratio": None, "weekly_cycle": True, "automatic": "act", "four_eyes": [],
    }  # fmt: skip
    assert "Saved. It is version 2. Look at it: 1 flaw." in page
    assert "Can never pass: The project names no header that says what kind of caller it is." in page
    assert 'value="0.25"' in page and 'value="2.5"' in page and 'value="ios, web"' in page


def test_project_policy__saved_as_it_is_shown__stays_the_same(project: Project, owner: User, sign_in: SignIn) -> None:
    client = sign_in(owner)
    save(
        client, mismatch_limit="0.07", cool_down_s="90", critical_paths="$.a, $.b[*]", month_end="no", cost_ratio="1.5"
    )
    before = Project.objects.get().policy
    page = html(client, POLICIES)
    shown = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page)) | {"month_end": "no"}
    save(client, **{name: value for name, value in shown.items() if name != "csrfmiddlewaretoken"})

    assert Project.objects.get().policy == before
    assert Project.objects.get().policy_version == 3


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"mismatch_limit": "low"}, "&#x27;low&#x27; is no number"),
        ({"mismatch_limit": "200"}, "Expected float"),
        ({"mismatch_limit": "NaN"}, "is no number"),
        ({"alpha": "0"}, "Expected float"),
        ({"independent_pairs": "1.5"}, "Write a whole number."),
        ({"independent_pairs": "1e400"}, ""),
        ({"weekly_cycle": "perhaps"}, "Say yes or no."),
        ({"automatic": "always"}, "always"),
        ({"four_eyes": "lunch"}, "lunch"),
    ],
)
def test_project_policy__typed_wrongly__says_so_beside_the_control_and_keeps_what_was_typed(
    project: Project, owner: User, sign_in: SignIn, typed: dict[str, str], told: str
) -> None:
    answer = save(sign_in(owner), **typed, harm_limit="3")
    page = answer.content.decode()

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == list(typed)
    assert 'class="error"' in page and told in page
    assert 'name="harm_limit" value="3"' in page
    assert Project.objects.get().policy == {}


def test_project_policy__changed_meanwhile__is_refused_then_saved_on_top(
    project: Project, owner: User, sign_in: SignIn
) -> None:
    client = sign_in(owner)
    save(client, alpha="2")
    answer = save(client, alpha="3")
    assert "at version 2; you saw version 1" in answer.content.decode()
    assert Project.objects.get().policy == {"alpha": 0.02}

    save(client, alpha="3", version=str(answer.context["version"]))
    assert Project.objects.get().policy == {"alpha": 0.03}


def test_layer__added__is_in_the_table_and_in_the_sentence(
    project: Project, unit: Unit, owner: User, sign_in: SignIn
) -> None:
    client = sign_in(owner)
    layer = add_layer(client, mismatch_limit="0.01", reason="money")
    page = html(client, POLICIES)

    assert layer.settings == {"mismatch_limit": 0.0001}
    assert "below 0.1 %; 1 service asks otherwise." in page
    assert "Promote below: <b>0.01 %</b>" in page and "money" in page
    again = client.get(f"{POLICIES}/new?kind=service&of=users")
    assert again["Location"] == f"{POLICIES}/{layer.pk}"


def test_layer__edited_and_removed__falls_back(project: Project, unit: Unit, owner: User, sign_in: SignIn) -> None:
    client = sign_in(owner)
    layer = add_layer(client, alpha="1")
    save(client, f"{POLICIES}/{layer.pk}", alpha="2")
    assert PolicyLayer.objects.get().settings == {"alpha": 0.02}

    assert "at version 2" in save(client, f"{POLICIES}/{layer.pk}/remove").content.decode()
    save(client, f"{POLICIES}/{layer.pk}/remove", version="2")
    assert not PolicyLayer.objects.exists()


def test_layer__that_sets_nothing__says_so(project: Project, unit: Unit, owner: User, sign_in: SignIn) -> None:
    page = save(sign_in(owner), f"{POLICIES}/new?kind=service&of=users", version="0").content.decode()

    assert "This layer changes nothing." in page


@pytest.mark.parametrize("query", ["", "?kind=moon&of=x", "?kind=service", "?kind=project&of=shop"])
def test_layer__for_nothing__leads_back(project: Project, owner: User, sign_in: SignIn, query: str) -> None:
    assert sign_in(owner).get(f"{POLICIES}/new{query}")["Location"] == POLICIES


def test_layer__for_what_is_not_there__is_refused(project: Project, owner: User, sign_in: SignIn) -> None:
    page = save(sign_in(owner), f"{POLICIES}/new?kind=service&of=moon", version="0", alpha="1").content.decode()

    assert "There is no service" in page
    assert not PolicyLayer.objects.exists()


def test_unit_policy__says_where_each_setting_comes_from(
    project: Project, unit: Unit, owner: User, sign_in: SignIn
) -> None:
    client = sign_in(owner)
    save(client, beta="0.2", mismatch_limit="0.2")
    layer = add_layer(client, mismatch_limit="0.01")
    page = html(client, f"/p/shop/units/{unit.pk}/policy")

    assert "Promotion asks for a rate proven below 0.01 %, as service users asks." in page
    assert f'<a href="{POLICIES}/{layer.pk}">service users</a><span class="sub"> over the project' in page
    assert "built in" in page
    assert f"/p/shop/units/{unit.pk}/policy" in html(client, f"/p/shop/units/{unit.pk}")


def test_unit_policy__edited_for_the_unit__begins_from_what_reaches_it(
    project: Project, unit: Unit, owner: User, sign_in: SignIn
) -> None:
    client = sign_in(owner)
    add_layer(client, mismatch_limit="0.01")
    page = html(client, f"{POLICIES}/new?kind=unit&of={unit.pk}")
    assert 'placeholder="0.01"' in page and "GET /users" in page

    layer = add_layer(client, kind="unit", of=str(unit.pk), mismatch_limit="0.005")
    assert (layer.unit, layer.settings) == (unit, {"mismatch_limit": 0.00005})


def test_waiver__signed_and_revoked__is_shown_with_who_and_until_when(
    project: Project, unit: Unit, owner: User, sign_in: SignIn
) -> None:
    client = sign_in(owner)
    page = waive(client, unit).content.decode()
    assert "Signed. It ends by itself" in page

    listed = html(client, POLICIES)
    assert "weekly cycle" in listed and "rare" in listed and "owner" in listed
    waiver = Waiver.objects.get()
    assert (timezone.localtime(waiver.expires_at).hour, waiver.gates) == (23, ["weekly cycle"])

    client.post(f"/p/shop/waivers/{waiver.pk}/revoke")
    assert "None: every gate must be passed." in html(client, POLICIES)
    assert "revoked by owner" in html(client, f"/p/shop/units/{unit.pk}/policy")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"gates": []}, "at least one gate"),
        ({"gates": ["completeness"]}, "cannot be waived"),
        ({"reason": ""}, "says why"),
        ({"expires_at": ""}, "A waiver ends. Say when"),
        ({"expires_at": "soon"}, "A waiver ends. Say when"),
        ({"expires_at": "2001-01-01"}, "in the future"),
        ({"expires_at": "9999-12-31"}, "within 90 days"),
        ({"version": "77"}, "you saw version 77"),
    ],
)
def test_waiver__that_cannot_be__says_so_beside_the_control(
    project: Project, unit: Unit, owner: User, sign_in: SignIn, typed: dict[str, Any], told: str
) -> None:
    answer = waive(sign_in(owner), unit, **typed)

    assert (answer.status_code, Waiver.objects.count()) == (422, 0)
    assert told in answer.content.decode()


def test_gates__of_a_waived_unit__say_who_signed(project: Project, unit: Unit, owner: User, sign_in: SignIn) -> None:
    client = sign_in(owner)
    waive(client, unit, gates=["freshness"])

    assert "Waived by owner until" in html(client, f"/p/shop/units/{unit.pk}")


@pytest.mark.parametrize("who", ["viewer", "engineer"])
def test_pages__for_who_may_only_look__have_no_form_and_say_who_can(
    project: Project, unit: Unit, owner: User, sign_in: SignIn, request: pytest.FixtureRequest, who: str
) -> None:
    layer = add_layer(sign_in(owner), alpha="1")
    client = sign_in(request.getfixturevalue(who))
    for address in (POLICIES, f"{POLICIES}/{layer.pk}"):
        page = html(client, address)
        assert "You may look, not change it. Who can: owner (admin)." in page
        assert "Save" not in page and "Remove this layer" not in page
    assert "You may look, not sign. Who can: owner (admin)." in html(client, f"/p/shop/units/{unit.pk}/policy")
    for address in (
        POLICIES,
        f"{POLICIES}/{layer.pk}",
        f"{POLICIES}/{layer.pk}/remove",
        f"/p/shop/units/{unit.pk}/waivers",
    ):
        assert client.post(address, {"version": "1", "alpha": "2"}).status_code == 403


def test_pages__of_another_project__are_not_there(unit: Unit, owner: User, stranger: User, sign_in: SignIn) -> None:
    layer = add_layer(sign_in(owner), alpha="1")
    client = sign_in(stranger)

    assert client.get(POLICIES).status_code == 403
    assert client.get(f"/p/elsewhere/policies/{layer.pk}").status_code == 404
    assert client.get(f"/p/elsewhere/units/{unit.pk}/policy").status_code == 404


def test_changes__that_take_two__are_asked_for_and_done_when_the_second_says_so(
    project: Project, unit: Unit, owner: User, engineer: User, client: Client
) -> None:
    client.force_login(owner)
    page = save(client, alpha="2").content.decode()
    assert "Policy of the project waits for a second person." in page
    assert "Who may approve: owner (admin), engineer (engineer)." in page
    waive(client, unit)
    assert "Waits for a second person" in client.get(f"/p/shop/units/{unit.pk}").content.decode()
    assert (Project.objects.get().policy, Waiver.objects.count()) == ({}, 0)

    client.force_login(engineer)
    for approval in Approval.objects.all():
        client.post(f"/p/shop/approvals/{approval.pk}", {"verb": "approve"})
    assert Project.objects.get().policy == {"alpha": 0.02}
    assert Waiver.objects.get().approved_by == "engineer"


def test_layer__that_can_never_pass__is_marked_in_the_list_with_the_way_to_change_it(
    unit: Unit, owner: User, sign_in: SignIn
) -> None:
    client = sign_in(owner)
    blind = add_layer(client, callers="ios")
    fine = add_layer(client, kind="operation", of="read", alpha="1")

    page = html(client, POLICIES)
    marked, unmarked = (page.split(f'id="layer-{layer.pk}"')[1].split("</tr>")[0] for layer in (blind, fine))
    assert "Can never pass: The project names no header that says what kind of caller it is." in marked
    assert f'href="{POLICIES}/{blind.pk}#id_callers"' in marked
    assert 'href="/p/shop/settings/requests"' in marked
    assert 'id="id_callers"' in html(client, f"{POLICIES}/{blind.pk}")
    assert "Can never pass" not in unmarked


def test_layer__under_a_project_that_can_never_pass__bears_no_mark_of_its_own(
    unit: Unit, owner: User, sign_in: SignIn
) -> None:
    client = sign_in(owner)
    save(client, callers="ios")
    add_layer(client, alpha="1")

    page = html(client, POLICIES)
    assert page.count("The project names no header that says what kind of caller it is.") == 2, "on top, at its control"


def test_layer__of_a_unit_with_too_little_traffic__is_marked(unit: Unit, owner: User, sign_in: SignIn) -> None:
    observe(unit, match=3)
    target, demand = Target(kind=LayerKind.UNIT, of=str(unit.pk)), {"independent_pairs": 90_000_000}
    set_layer(
        project=unit.project, target=target, settings=demand, seen_version=0, actor=console(name="t"),
        now=timezone.now(),
    )  # fmt: skip
    layer = PolicyLayer.objects.get()

    page = html(sign_in(owner), POLICIES)
    assert re.search(r"Can never pass: 90,000,000 are demanded, and in 30 days [\d,]+ come", page)
    assert f'href="{POLICIES}/{layer.pk}#id_independent_pairs"' in page
