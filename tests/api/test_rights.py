"""Every address, every method, every role: a table that fails when an address is not in it."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern
from django.utils import timezone

from migrator.access.models import Approval, Role
from migrator.access.rights import ROLE_OF_SCOPE, console
from migrator.access.tokens import create_token
from migrator.api.urls import v1
from migrator.core.ramp import Plan
from migrator.core.ramp_text import as_record
from migrator.gates.models import PolicyLayer, Waiver
from migrator.inventory.models import ObservedEndpoint, Project, Unit
from migrator.inventory.services import create_unit
from migrator.observations.models import MismatchGroup
from migrator.observations.ruling import create_rule
from migrator.observations.specs import RuleDraft
from migrator.planning.models import Dependency, Milestone, Phase
from migrator.rollout.models import Freeze, Ramp
from migrator.telling.models import Channel, Hook

RANK = {Role.VIEWER: 0, Role.ON_CALL: 1, Role.ENGINEER: 2, Role.ADMIN: 3}

LEAST: dict[tuple[str, str], Role | None] = {
    # None: not a matter of a role in a project; tests of their own.
    ("GET", "projects/"): None,
    ("POST", "projects/"): None,
    ("GET", "projects/<slug>/"): Role.VIEWER,
    ("PATCH", "projects/<slug>/"): Role.ADMIN,
    ("GET", "projects/<slug>/services/"): Role.VIEWER,
    ("POST", "projects/<slug>/services/"): Role.ENGINEER,
    ("GET", "projects/<slug>/services/<service>/"): Role.VIEWER,
    ("PATCH", "projects/<slug>/services/<service>/"): Role.ENGINEER,
    ("GET", "projects/<slug>/teams/"): Role.VIEWER,
    ("POST", "projects/<slug>/teams/"): Role.ENGINEER,
    ("GET", "projects/<slug>/deploys/"): Role.VIEWER,
    ("POST", "projects/<slug>/deploys/"): Role.ENGINEER,
    ("POST", "projects/<slug>/import/"): Role.ENGINEER,
    ("GET", "projects/<slug>/units/"): Role.VIEWER,
    ("POST", "projects/<slug>/units/"): Role.ENGINEER,
    ("POST", "projects/<slug>/flip/"): Role.ENGINEER,
    ("POST", "projects/<slug>/rollback/"): Role.ON_CALL,
    ("GET", "projects/<slug>/flips/"): Role.VIEWER,
    ("GET", "projects/<slug>/rules/"): Role.VIEWER,
    ("POST", "projects/<slug>/rules/"): Role.ENGINEER,
    ("POST", "projects/<slug>/rules/preview/"): Role.VIEWER,
    ("GET", "projects/<slug>/channels/"): Role.VIEWER,
    ("POST", "projects/<slug>/channels/"): Role.ADMIN,
    ("GET", "channels/<channel>/"): Role.VIEWER,
    ("PATCH", "channels/<channel>/"): Role.ADMIN,
    ("DELETE", "channels/<channel>/"): Role.ADMIN,
    ("POST", "channels/<channel>/test/"): Role.ADMIN,
    ("GET", "projects/<slug>/messages/"): Role.VIEWER,
    ("GET", "projects/<slug>/hooks/"): Role.VIEWER,
    ("POST", "projects/<slug>/hooks/"): Role.ADMIN,
    ("PATCH", "hooks/<hook>/"): Role.ADMIN,
    ("DELETE", "hooks/<hook>/"): Role.ADMIN,
    # Alerts come with the secret of their hook, whoever sends them: tests of their own.
    ("POST", "projects/<slug>/alerts/<name>/"): None,
    ("GET", "projects/<slug>/ramps/"): Role.VIEWER,
    ("POST", "projects/<slug>/ramps/"): Role.ENGINEER,
    ("GET", "projects/<slug>/guard/"): Role.VIEWER,
    ("POST", "ramps/<ramp>/pause/"): Role.ON_CALL,
    ("POST", "ramps/<ramp>/resume/"): Role.ENGINEER,
    ("POST", "ramps/<ramp>/skip-wait/"): Role.ENGINEER,
    ("POST", "ramps/<ramp>/stop/"): Role.ON_CALL,
    ("GET", "projects/<slug>/approvals/"): Role.VIEWER,
    ("POST", "units/<unit>/approvals/"): Role.ENGINEER,
    ("POST", "approvals/<approval>/approve/"): Role.ENGINEER,
    ("POST", "approvals/<approval>/refuse/"): Role.ENGINEER,
    ("POST", "approvals/<approval>/withdraw/"): Role.ADMIN,
    ("GET", "projects/<slug>/freezes/"): Role.VIEWER,
    ("POST", "projects/<slug>/freezes/"): Role.ON_CALL,
    ("POST", "freezes/<freeze>/lift/"): Role.ON_CALL,
    ("GET", "units/<unit>/comments/"): Role.VIEWER,
    ("POST", "units/<unit>/comments/"): Role.ON_CALL,
    ("GET", "projects/<slug>/hand-over/"): Role.VIEWER,
    ("POST", "projects/<slug>/hand-over/"): Role.ON_CALL,
    ("GET", "projects/<slug>/ledger/"): Role.VIEWER,
    ("GET", "projects/<slug>/ledger/check/"): Role.VIEWER,
    ("GET", "projects/<slug>/policy/"): Role.VIEWER,
    ("PATCH", "projects/<slug>/policy/"): Role.ADMIN,
    ("GET", "projects/<slug>/policies/"): Role.VIEWER,
    ("POST", "projects/<slug>/policies/"): Role.ADMIN,
    ("GET", "policies/<policie>/"): Role.VIEWER,
    ("PATCH", "policies/<policie>/"): Role.ADMIN,
    ("DELETE", "policies/<policie>/"): Role.ADMIN,
    ("GET", "units/<unit>/policy/"): Role.VIEWER,
    ("GET", "units/<unit>/waivers/"): Role.VIEWER,
    ("POST", "units/<unit>/waivers/"): Role.ADMIN,
    ("POST", "waivers/<waiver>/revoke/"): Role.ADMIN,
    ("GET", "rules/<rule>/"): Role.VIEWER,
    ("DELETE", "rules/<rule>/"): Role.ENGINEER,
    ("GET", "projects/<slug>/mismatches/"): Role.VIEWER,
    ("GET", "projects/<slug>/mismatches/kindred/"): Role.VIEWER,
    ("GET", "projects/<slug>/mismatches/export/"): Role.VIEWER,
    ("GET", "groups/<group>/"): Role.VIEWER,
    ("PATCH", "groups/<group>/"): Role.ENGINEER,
    ("POST", "groups/<group>/settle/"): Role.ENGINEER,
    ("GET", "groups/<group>/suggestions/"): Role.VIEWER,
    ("GET", "projects/<slug>/burndown/"): Role.VIEWER,
    ("GET", "projects/<slug>/pins/"): Role.VIEWER,
    ("GET", "projects/<slug>/outlook/"): Role.VIEWER,
    ("POST", "projects/<slug>/what-if/"): Role.VIEWER,
    ("GET", "projects/<slug>/forecasts/"): Role.VIEWER,
    ("GET", "projects/<slug>/phases/"): Role.VIEWER,
    ("POST", "projects/<slug>/phases/"): Role.ADMIN,
    ("GET", "phases/<phase>/"): Role.VIEWER,
    ("PATCH", "phases/<phase>/"): Role.ADMIN,
    ("DELETE", "phases/<phase>/"): Role.ADMIN,
    ("POST", "phases/<phase>/units/"): Role.ADMIN,
    ("GET", "projects/<slug>/milestones/"): Role.VIEWER,
    ("POST", "projects/<slug>/milestones/"): Role.ADMIN,
    ("PATCH", "milestones/<milestone>/"): Role.ADMIN,
    ("DELETE", "milestones/<milestone>/"): Role.ADMIN,
    ("GET", "projects/<slug>/baselines/"): Role.VIEWER,
    ("POST", "projects/<slug>/baselines/"): Role.ADMIN,
    ("GET", "projects/<slug>/capacity/"): Role.VIEWER,
    ("POST", "projects/<slug>/capacity/"): Role.ADMIN,
    ("GET", "projects/<slug>/dependencies/"): Role.VIEWER,
    ("POST", "projects/<slug>/dependencies/"): Role.ENGINEER,
    ("DELETE", "dependencies/<dependencie>/"): Role.ENGINEER,
    ("GET", "projects/<slug>/effort/"): Role.VIEWER,
    ("POST", "projects/<slug>/effort/"): Role.ENGINEER,
    ("GET", "projects/<slug>/data-planes/"): Role.VIEWER,
    ("GET", "projects/<slug>/removal/"): Role.VIEWER,
    ("GET", "projects/<slug>/repositories/"): Role.VIEWER,
    ("POST", "projects/<slug>/repositories/"): Role.ENGINEER,
    ("GET", "projects/<slug>/scans/"): Role.VIEWER,
    ("POST", "projects/<slug>/scans/"): Role.ENGINEER,
    ("GET", "projects/<slug>/scans/wanted/"): Role.VIEWER,
    ("GET", "units/<unit>/tear-down/"): Role.VIEWER,
    ("POST", "units/<unit>/tear-down/"): Role.ENGINEER,
    ("GET", "projects/<slug>/observed/"): Role.VIEWER,
    ("POST", "projects/<slug>/observed/<observed>/track/"): Role.ENGINEER,
    ("POST", "projects/<slug>/observed/<observed>/dismiss/"): Role.ENGINEER,
    ("GET", "units/<unit>/"): Role.VIEWER,
    ("PATCH", "units/<unit>/"): Role.ENGINEER,
    ("POST", "units/<unit>/flip/"): Role.ENGINEER,
    ("POST", "units/<unit>/rollback/"): Role.ON_CALL,
    ("GET", "units/<unit>/evidence/"): Role.VIEWER,
    ("GET", "units/<unit>/series/"): Role.VIEWER,
    ("GET", "units/<unit>/mismatches/"): Role.VIEWER,
}
BODIES = {
    "units/<unit>/flip/": {"stage": "shadow", "version": 0, "reason": "try"},
    "units/<unit>/approvals/": {"stage": "shadow", "version": 0, "reason": "try"},
}
PERSONS_ONLY = {"approvals/<approval>/approve/"}
"""A second person gives their word themselves; no program does it for them."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
IN_PROJECT = [(method, route, least) for (method, route), least in LEAST.items() if least is not None]
ROLES = ["owner", "engineer", "oncall", "viewer"]


def routes(patterns: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """(method, route) of every view below `patterns`, as LEAST spells them."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if not isinstance(pattern, URLPattern):
            yield from routes(pattern.url_patterns, route)
            continue
        for method in METHODS:
            if hasattr(pattern.callback.view_class, method.lower()):
                yield method, spelt(route)


def spelt(route: str) -> str:
    owner = re.search(r"([a-z-]+)/<int:pk>", route)
    name = owner[1].removesuffix("s") if owner else ""
    return route.replace("<int:pk>", f"<{name}>").replace("<slug:slug>", "<slug>").replace("<slug:hook>", "<name>")


@pytest.fixture
def addresses(unit: Unit) -> dict[str, str]:
    """Something real for each part of a route."""
    now = timezone.now()
    offer = ObservedEndpoint.objects.create(
        project=unit.project, service=unit.service, key="GET /seen", first_seen_at=now, last_seen_at=now
    )
    group = MismatchGroup.objects.create(
        project=unit.project, unit=unit, cause="c", shape="$.a", kind="value", raised_at=now, first_seen_at=now,
        last_seen_at=now,
    )  # fmt: skip
    rule = create_rule(
        project=unit.project,
        draft=RuleDraft(kind="ignore", path="$.b", unit=unit),
        actor=console(name="test"),
        reason="try",
        now=now,
    )
    own: dict[str, Any] = {"service": unit.service, "unit": unit, "observed": offer, "group": group, "rule": rule}
    own["channel"] = Channel.objects.create(
        project=unit.project, name="ops", kind="webhook", target="", hint="", created_at=now
    )
    own["hook"] = Hook.objects.create(project=unit.project, name="grafana", created_at=now)
    own["ramp"] = Ramp.objects.create(
        project=unit.project, unit=unit, batch=uuid4(), plan=as_record(Plan()), step_since=now, starter="test",
        started_via="command", started_at=now,
    )  # fmt: skip
    own["policie"] = PolicyLayer.objects.create(
        project=unit.project, unit=unit, settings={"alpha": 0.01}, changed_by="test", changed_at=now
    )
    own["approval"] = Approval.objects.create(
        project=unit.project, unit=unit, subject="cutover", wanted={"stage": "cutover", "candidate": 0, "mirror": 0},
        headline="x", seen_version=99, asker="somebody", asked_at=now, expires_at=now + timedelta(days=1),
    )  # fmt: skip
    own["freeze"] = Freeze.objects.create(
        project=unit.project, reason="try", made_by="test", made_at=now, begins_at=now + timedelta(days=1)
    )
    own["phase"] = Phase.objects.create(project=unit.project, name="endgame")
    own["milestone"] = Milestone.objects.create(
        project=unit.project, name="soon", due=now.date(), set_by="test", set_at=now
    )
    needed = create_unit(project=unit.project, service=unit.service, key="GET /needed", kind="endpoint", now=now)
    own["dependencie"] = Dependency.objects.create(unit=unit, needs=needed, set_by="test", set_at=now)
    own["waiver"] = Waiver.objects.create(
        project=unit.project, unit=unit, gates=["freshness"], reason="try", signed_by="test", signed_at=now,
        expires_at=now + timedelta(days=1),
    )  # fmt: skip
    return {"slug": "shop", "name": "grafana"} | {name: str(row.pk) for name, row in own.items()}


def call(client: Client, method: str, route: str, parts: dict[str, str], **options: Any) -> int:
    path = re.sub(r"<(\w+)>", lambda found: parts[found[1]], route)
    data = "" if method == "GET" else json.dumps(BODIES.get(route, {}))
    kind = "multipart/form-data; boundary=x" if route.endswith("import/") else "application/json"
    return client.generic(method, f"/api/v1/{path}", data=data, content_type=kind, **options).status_code


def test_addresses__of_the_api__are_all_in_the_table() -> None:
    assert set(routes(v1)) == set(LEAST)


@pytest.mark.parametrize(("method", "route"), LEAST)
def test_address__called_by_nobody__401(addresses: dict[str, str], client: Client, method: str, route: str) -> None:
    assert call(client, method, route, addresses) == 401


@pytest.mark.parametrize(("method", "route", "least"), IN_PROJECT)
def test_address__called_by_a_stranger__404(
    addresses: dict[str, str], stranger: User, client: Client, method: str, route: str, least: Role
) -> None:
    client.force_login(stranger)
    assert call(client, method, route, addresses) == 404


@pytest.mark.parametrize(("method", "route", "least"), IN_PROJECT)
def test_address__called_by_people__opens_from_the_least_role_on(
    addresses: dict[str, str],
    request: pytest.FixtureRequest,
    client: Client,
    method: str,
    route: str,
    least: Role,
) -> None:
    for name in reversed(ROLES):
        user = request.getfixturevalue(name)
        client.force_login(user)
        status = call(client, method, route, addresses)
        if RANK[user.memberships.get().role] < RANK[least]:
            assert status == 403, name
        else:
            assert status in (200, 201, 204, 400, 404, 409), name
            if status == 404:  # an offer is gone once it was taken, and what was deleted
                assert "<observed>" in route or method == "DELETE"


@pytest.mark.parametrize(("method", "route", "least"), IN_PROJECT)
def test_address__called_with_tokens__opens_from_the_least_scope_on(
    addresses: dict[str, str], project: Project, client: Client, method: str, route: str, least: Role
) -> None:
    for scope, role in ROLE_OF_SCOPE.items():
        token = create_token(name=scope, scope=scope, now=timezone.now(), project=project)
        status = call(client, method, route, addresses, headers={"Authorization": f"Bearer {token}"})
        assert (status == 403) == (RANK[role] < RANK[least] or route in PERSONS_ONLY), scope


@pytest.mark.parametrize(("method", "route"), LEAST)
def test_address__with_a_method_it_does_not_know__405_as_a_problem(
    addresses: dict[str, str], owner: User, client: Client, method: str, route: str
) -> None:
    client.force_login(owner)
    path = re.sub(r"<(\w+)>", lambda found: addresses[found[1]], route)
    for other in METHODS:
        if (other, route) not in LEAST:
            answer = client.generic(other, f"/api/v1/{path}", data="{}", content_type="application/json")
            assert answer.status_code == 405
            assert answer["Content-Type"] == "application/problem+json"
