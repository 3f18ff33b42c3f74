"""The admin pages look, and do not touch what the single door writes."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from migrator.access.models import SecondFactor, Token
from migrator.access.tokens import create_token
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Unit
from migrator.rollout.models import DataPlane, Flip
from tests.api.conftest import climb


@pytest.fixture
def site(superuser: User, client: Client) -> Client:
    client.force_login(superuser)
    return client


def page(row: Any, act: str) -> str:
    arguments = [] if act == "add" else [row.pk]
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{act}", args=arguments)


def test_admin_pages__all_of_them__open(site: Client, unit: Unit) -> None:
    climb(unit, Stage.CANARY)
    for model in admin.site._registry:
        answer = site.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
        assert answer.status_code == 200, model


def test_admin_page__of_a_unit__offers_nothing_to_write(site: Client, unit: Unit) -> None:
    content = site.get(page(unit, "change")).content.decode()
    assert 'name="stage"' not in content
    assert 'name="_save"' not in content


@pytest.mark.parametrize("act", ["change", "add", "delete"])
def test_admin__posts_about_units_and_ledger__are_refused_and_change_nothing(
    site: Client, unit: Unit, act: str
) -> None:
    climb(unit, Stage.CANARY)
    rows = [unit, Flip.objects.first(), unit.project, unit.service]
    before = [list(model.objects.order_by("pk").values()) for model in (Unit, Flip, Project, Service)]
    sent = {"stage": "removed", "candidate_bp": 10_000, "version": 99, "key": "x", "post": "yes", "_save": "Save"}
    for row in rows:
        assert site.post(page(row, act), sent).status_code == 403
    assert [list(model.objects.order_by("pk").values()) for model in (Unit, Flip, Project, Service)] == before


def test_admin__action_that_deletes__finds_no_ledger_entry_to_delete(site: Client, unit: Unit) -> None:
    climb(unit, Stage.CANARY)
    for model in (Flip, Unit, DataPlane):
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        chosen = [row.pk for row in model.objects.all()]
        site.post(address, {"action": "delete_selected", "_selected_action": chosen, "post": "yes"})
    assert Flip.objects.count() == 3
    assert Unit.objects.count() == 1


def test_admin__of_a_token__ends_it_and_changes_nothing_else(site: Client, project: Project, db: None) -> None:
    from_now = {"revoked_at_0": "2026-01-01", "revoked_at_1": "00:00:00", "expires_at_0": "", "expires_at_1": ""}
    create_token(name="old", scope="read", now=project.created_at)
    token = Token.objects.get()
    site.post(page(token, "change"), from_now | {"scope": "admin", "digest": "0" * 64, "_save": "Save"})
    after = Token.objects.get()
    assert after.revoked_at is not None
    assert (after.scope, after.digest) == ("read", token.digest)


def test_admin__of_a_second_factor__shows_whose_it_is_and_no_secret(site: Client, owner: User) -> None:
    factor = SecondFactor.objects.create(user=owner, secret="JBSWY3DPEHPK3PXP", created_at=timezone.now())
    listed = site.get(reverse("admin:access_secondfactor_changelist")).content.decode()
    shown = site.get(page(factor, "change")).content.decode()
    assert "owner" in listed and "owner" in shown
    assert "JBSWY3DPEHPK3PXP" not in listed + shown
    site.post(page(factor, "change"), {"secret": "AAAA", "confirmed_at_0": "2026-01-01", "confirmed_at_1": "00:00"})
    site.post(page(factor, "delete"), {"post": "yes"})
    assert SecondFactor.objects.get().confirmed_at is None


@pytest.mark.parametrize("path", ["/admin/", "/admin/inventory/unit/"])
def test_admin__of_somebody_who_is_no_superuser__is_closed(owner: User, client: Client, path: str) -> None:
    client.force_login(owner)
    assert client.get(path).status_code == 302
