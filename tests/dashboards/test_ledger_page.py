"""The ledger's page: every kind of change reads as a sentence, and what no link seals is there too."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from dashboards.ledger_words import told
from dashboards.views import ledger as view
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.ledger.models import Kind
from migrator.rollout import guard
from tests.dashboards.conftest import observe
from tests.rollout.test_unsealed import unseal

SignIn = Callable[[User], Client]
AddUnit = Callable[..., Unit]


def link(headline: str, **more: Any) -> dict[str, Any]:
    return {"headline": headline, **more}


@pytest.mark.parametrize(
    ("kind", "body", "sentence"),
    [
        ("settings", link("share link board made"), "Settings changed: share link board made."),
        ("settings", {"what": "notifications", "channel": "pager", "act": "made"}, "Channel pager made."),
        (
            "settings",
            {"what": "notifications", "hook": "alerts", "act": "changed", "secret_renewed": True},
            "Hook alerts changed, with a new secret.",
        ),
        ("settings", link("ana: nothing → viewer", person="ana", role="viewer"), "Role of ana: nothing → viewer."),
        ("settings", link("second factor of ana reset", person="ana"), "Settings changed: second factor of ana reset."),
        ("deploy", link("users, candidate: 1.4"), "Deploy: users, candidate: 1.4."),
        ("scope", link("shop.yaml of users: 12 added, 3 gone"), "Scope changed: shop.yaml of users: 12 added, 3 gone."),
        ("plan", link("phase endgame made"), "Plan changed: phase endgame made."),
        (
            "policy",
            {"layer": "project", "of": "shop", "before": {}, "after": {"alpha": 0.01}},
            "Policy of the project made.",
        ),
        ("policy", {"layer": "team", "of": "core", "before": {"x": 1}, "after": None}, "Policy of team core removed."),
        (
            "waiver",
            {"gates": ["latency", "coverage"], "expires_at": "2026-12-01T00:00:00+00:00"},
            "Waiver of latency and coverage signed, until 2026-12-01.",
        ),
        ("waiver", {"waiver": 3, "revoked": True}, "Waiver revoked."),
        ("approval", link("asked: GET /a: canary → cutover"), "Approval asked for: GET /a: canary → cutover."),
        ("approval", link("approved: GET /a: canary → cutover"), "Approved: GET /a: canary → cutover."),
        ("freeze", link("", what="service users", lifted=False), "Frozen: service users."),
        ("freeze", link("", what="service users", lifted=True), "Free again: service users."),
        ("ramp", {"act": "start", "units": [1, 2]}, "2 ramps started."),
        ("ramp", {"act": "cooling", "units": [1]}, "Ramp cools down."),
        (
            "override",
            {"units": ["*"], "services": [], "rolled_back": 4},
            "Signed override of everything carried out: 4 units rolled back.",
        ),
        ("override", link("broke the glass: GET /a"), "Broke the glass: GET /a."),
        ("rule", link("", what="ended", kind="ignore", path="$.at"), "Rule ended: ignore $.at."),
        (
            "removal",
            link("Closed again", sentence="Nothing calls it any more."),
            "Closed again: Nothing calls it any more.",
        ),
        ("guard", {"act": "rollback"}, "The guard rolled back."),
        ("ramp", {}, "Ramp."),
    ],
)
def test_told__of_each_kind__is_a_sentence(kind: str, body: dict[str, Any], sentence: str) -> None:
    assert told(kind, body) == sentence


@pytest.mark.parametrize("kind", Kind.values)
def test_told__a_link_that_says_nothing__is_its_kind(kind: str) -> None:
    assert re.fullmatch(r"[A-Z][a-z ]+\.", told(kind, {}))


def test_page__settings_changed__reads_as_a_sentence(project: Project, owner: User, sign_in: SignIn) -> None:
    signed_in = sign_in(owner)
    signed_in.post("/p/shop/settings/sharing", {"act": "make-link", "name": "board"})

    page = signed_in.get("/p/shop/ledger").content.decode()
    assert "Settings changed: share link board made." in re.sub(r"<[^>]+>", "", page)


@pytest.mark.parametrize("room", [1, 2, 3, 4, 50])
def test_pages__with_flips_from_before_sealing__show_each_line_once(
    room: int, add_unit: AddUnit, owner: User, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "PAGE", room)
    add_unit("GET /users", Stage.CUTOVER)
    unseal(1, 2)
    signed_in, address, shown = sign_in(owner), "/p/shop/ledger", []
    while address:
        answer = signed_in.get(address)
        shown += [row.line for row in answer.context["rows"]]
        following = re.search(r'rel="next" href="([^"]+)"', answer.content.decode())
        address = f"/p/shop/ledger{following[1].replace('&amp;', '&')}" if following else ""

    assert [line.number for line in shown] == [4, 3, None, None]
    assert [line.flips[0].after.stage for line in shown] == ["cutover", "canary", "side_by_side", "shadow"]


def test_page__flips_from_before_sealing__are_marked(add_unit: AddUnit, owner: User, sign_in: SignIn) -> None:
    add_unit("GET /users", Stage.CANARY)
    unseal(1)
    signed_in = sign_in(owner)

    assert signed_in.get("/p/shop/ledger").content.decode().count("before sealing began") == 1
    exported = b"".join(signed_in.get("/p/shop/ledger.csv").streaming_content).decode()
    assert exported.count("GET /users") == 3


def test_sentence__what_the_guard_did__names_it_once(
    add_unit: AddUnit, project: Project, viewer: User, sign_in: SignIn
) -> None:
    unit = add_unit("GET /users", Stage.CANARY, 5_000)
    observe(unit, match=500, mismatch=500)
    Project.objects.filter(pk=project.pk).update(policy={"automatic": "act"})
    assert guard.look(holder="test", now=timezone.now()).rolled_back == 1

    page = sign_in(viewer).get("/p/shop/ledger?kind=guard").content.decode()
    assert "<h1>Found: the guard rolled back GET /users.</h1>" in page
