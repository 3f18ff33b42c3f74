"""Alerts from outside: who may send them, what they hold or take down, and what a storm of them costs."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from migrator.access.rights import console
from migrator.core.stages import Stage
from migrator.inventory.models import Kind, Project, Service, Unit
from migrator.inventory.services import create_unit
from migrator.rollout.alarms import QUIET, settle, take
from migrator.rollout.freezes import freeze, lift_key
from migrator.rollout.models import Flip, Freeze
from migrator.rollout.notices import remove_hook
from migrator.telling.hooks import HookSettings, SavedHook, alerts_of, save_hook
from migrator.telling.models import Alarm, Hook, Message
from migrator.telling.senders.webhook import SIGNATURE, signature
from tests.api.conftest import Caller, climb

MakeHook = Callable[..., SavedHook]
Post = Callable[..., Any]


@pytest.fixture
def hook(project: Project) -> MakeHook:
    """`hook(action="rollback")`: a hook named prometheus."""

    def made(**wanted: Any) -> SavedHook:
        settings = HookSettings(**{"name": "prometheus", **wanted})
        return save_hook(project=project, wanted=settings, actor=console(name="t"), now=timezone.now())

    return made


@pytest.fixture
def post(client: Client) -> Post:
    """`post(saved, body)`: as whoever holds the secret."""

    def posted(saved: SavedHook, body: Any, **headers: str) -> Any:
        headers = headers or {"Authorization": f"Bearer {saved.secret}"}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        address = f"/api/v1/projects/shop/alerts/{saved.hook.name}/"
        return client.generic("POST", address, data=data, content_type="application/json", headers=headers)

    return posted


def alertmanager(*labels: dict[str, str], status: str = "firing") -> dict[str, Any]:
    alerts = [
        {
            "status": status,
            "labels": {"alertname": "HighErrorRate", **each},
            "annotations": {"summary": "5 % of requests fail"},
            "fingerprint": f"{index:016x}",
        }
        for index, each in enumerate(labels)
    ]
    return {"version": "4", "groupKey": "{}:{}", "status": status, "receiver": "migrator", "alerts": alerts}


def plain(unit: Unit, status: str = "firing", key: str = "errors") -> dict[str, Any]:
    return {"key": key, "status": status, "unit": unit.key, "message": "errors"}


# --------------------------------------------------------------------------------- who may


def test_alert__without_the_hooks_secret__is_refused_and_does_nothing(
    unit: Unit, hook: MakeHook, post: Post, admin: Caller
) -> None:
    saved = hook()
    body = json.dumps(plain(unit)).encode()
    stamp = int(timezone.now().timestamp())
    wrong = [
        {"X-Nothing": "1"},
        {"Authorization": "Bearer mah_wrong"},
        {"Authorization": f"Bearer {admin.token}"},
        {"Authorization": f"Basic {saved.secret}"},
        {SIGNATURE: "t=1,v1=" + "0" * 64},
        {SIGNATURE: signature(secret="mah_wrong", timestamp=stamp, body=body)},
        {SIGNATURE: signature(secret=saved.secret, timestamp=stamp, body=body + b" ")},
        {SIGNATURE: signature(secret=saved.secret, timestamp=stamp - 400, body=body)},
        {SIGNATURE: signature(secret=saved.secret, timestamp=stamp + 400, body=body)},
    ]
    for headers in wrong:
        answer = post(saved, body, **headers)
        assert answer.status_code == 401, headers
        assert answer["WWW-Authenticate"].startswith("Bearer")
    assert not Alarm.objects.exists() and not Freeze.objects.exists()


def test_alert__signed_with_the_hooks_secret__is_taken(unit: Unit, hook: MakeHook, post: Post) -> None:
    saved = hook()
    body = json.dumps(plain(unit)).encode()
    signed = signature(secret=saved.secret, timestamp=int(timezone.now().timestamp()), body=body)
    assert post(saved, body, **{SIGNATURE: signed}).status_code == 200
    assert Freeze.objects.get().unit == unit


def test_hook__that_is_unknown_switched_off_or_of_another_project__answers_alike(
    unit: Unit, hook: MakeHook, post: Post, client: Client
) -> None:
    saved = hook(enabled=False)
    headers = {"Authorization": f"Bearer {saved.secret}"}
    refused = post(saved, plain(unit))
    for address in ("/api/v1/projects/shop/alerts/moon/", "/api/v1/projects/moon/alerts/prometheus/"):
        answer = client.post(address, plain(unit), content_type="application/json", headers=headers)
        assert (answer.status_code, answer.json()["detail"]) == (401, refused.json()["detail"])


def test_secret__of_a_hook__is_shown_once_and_kept_hashed_or_encrypted(
    project: Project, owner: User, client: Client
) -> None:
    client.force_login(owner)
    made = client.post("/api/v1/projects/shop/hooks/", {"name": "grafana"}, content_type="application/json").json()
    assert made["secret"].startswith("mah_")
    listed = client.get("/api/v1/projects/shop/hooks/").content.decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM telling_hook t")
        stored = cursor.fetchone()[0]
    assert made["secret"] not in listed and made["secret"] not in stored
    renewed = client.patch(f"/api/v1/hooks/{made['id']}/", {"renew_secret": True}, content_type="application/json")
    assert renewed.json()["secret"] not in ("", made["secret"])


# ----------------------------------------------------------------------------------- holding


def test_alert__that_holds__freezes_the_unit_until_ten_quiet_minutes_have_passed(unit: Unit, hook: MakeHook) -> None:
    made, now = hook().hook, timezone.now()
    fire, end = alerts_of(plain(unit)), alerts_of(plain(unit, "resolved"))

    assert take(hook=made, alerts=fire, now=now).held == 1
    held = Freeze.objects.get()
    assert (held.unit, held.made_by) == (unit, "alert prometheus")
    assert "errors" in held.reason

    take(hook=made, alerts=end, now=now + timedelta(minutes=1))
    settle(now=now + timedelta(minutes=10))
    held.refresh_from_db()
    assert held.lifted_at is None
    settle(now=now + timedelta(minutes=1) + QUIET)
    held.refresh_from_db()
    assert held.lifted_at == now + timedelta(minutes=11)


def test_alert__that_flaps__keeps_one_hold_that_counts_and_rolls_back_once(unit: Unit, hook: MakeHook) -> None:
    climb(unit, Stage.CANARY)
    made, now = hook(action="rollback").hook, timezone.now()
    for minute in range(15):
        for status in ("firing", "resolved"):
            take(hook=made, alerts=alerts_of(plain(unit, status)), now=now + timedelta(minutes=minute))
    settle(now=now + timedelta(minutes=20))

    held = Freeze.objects.get()
    assert held.lifted_at is None
    assert "Flapped 14 times" in held.reason
    assert Flip.objects.filter(actor="alert prometheus").count() == 1
    settle(now=now + timedelta(minutes=25))
    held.refresh_from_db()
    assert held.lifted_at is not None
    assert Unit.objects.get(pk=unit.pk).candidate_bp == 0


def test_alert__repeated_while_it_fires__does_nothing_again_also_after_a_person_lifted_the_hold(
    unit: Unit, hook: MakeHook
) -> None:
    made, now = hook().hook, timezone.now()
    take(hook=made, alerts=alerts_of(plain(unit)), now=now)
    lift_key(project=unit.project, key=Freeze.objects.get().key, actor=console(name="t"), now=now, reason="known")
    take(hook=made, alerts=alerts_of(plain(unit)), now=now + timedelta(hours=4))

    assert not Freeze.objects.filter(lifted_at__isnull=True).exists()


def test_alerts__two_about_one_unit__hold_it_until_both_are_over(unit: Unit, hook: MakeHook) -> None:
    made, now = hook().hook, timezone.now()
    for key in ("one", "two"):
        take(hook=made, alerts=alerts_of(plain(unit, key=key)), now=now)
    assert Freeze.objects.count() == 1
    take(hook=made, alerts=alerts_of(plain(unit, "resolved", key="one")), now=now)
    settle(now=now + timedelta(hours=1))
    assert Freeze.objects.get().lifted_at is None
    take(hook=made, alerts=alerts_of(plain(unit, "resolved", key="two")), now=now + timedelta(hours=1))
    settle(now=now + timedelta(hours=2))
    assert Freeze.objects.get().lifted_at is not None


def test_hook__removed__frees_what_it_held_and_nothing_else(project: Project, unit: Unit, hook: MakeHook) -> None:
    made, now = hook().hook, timezone.now()
    take(hook=made, alerts=alerts_of(plain(unit)), now=now)
    freeze(project=project, actor=console(name="t"), reason="holiday", now=now)
    remove_hook(hook=made, actor=console(name="t"), now=now)

    assert [each.reason for each in Freeze.objects.filter(lifted_at__isnull=True)] == ["holiday"]


# -------------------------------------------------------------------------------- rolling back


def test_alert__that_rolls_back__takes_the_unit_down_and_tells_people(unit: Unit, hook: MakeHook, post: Post) -> None:
    climb(unit, Stage.CANARY)
    answer = post(hook(action="rollback"), alertmanager({"unit": unit.key}))

    assert answer.json() == {"firing": 1, "resolved": 0, "held": 1, "rolled_back": 1}
    after = Unit.objects.get(pk=unit.pk)
    assert (after.stage, after.candidate_bp) == (Stage.SIDE_BY_SIDE, 0)
    last = Flip.objects.filter(unit=unit).first()
    assert (last.actor, last.via) == ("alert prometheus", "alert")
    assert "HighErrorRate: 5 % of requests fail" in last.reason
    told = Message.objects.get(event="rolled_back")
    assert told.unit == unit and told.severity == "critical"


def test_rollback__where_the_hold_fails__is_committed_and_a_repeat_holds_after_all(
    unit: Unit, hook: MakeHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    climb(unit, Stage.CANARY)
    made, now = hook(action="rollback").hook, timezone.now()
    with monkeypatch.context() as broken:
        broken.setattr("migrator.rollout.alarms.freeze", None)
        with pytest.raises(TypeError):
            take(hook=made, alerts=alerts_of(plain(unit)), now=now)
    assert Unit.objects.get(pk=unit.pk).candidate_bp == 0

    take(hook=made, alerts=alerts_of(plain(unit)), now=now)
    assert Freeze.objects.get().unit == unit


def test_alert__over__never_takes_a_unit_up_again(unit: Unit, hook: MakeHook, post: Post) -> None:
    climb(unit, Stage.CANARY)
    saved = hook(action="rollback")
    post(saved, plain(unit))
    flips = Flip.objects.count()
    assert post(saved, plain(unit, "resolved")).json()["resolved"] == 1
    settle(now=timezone.now() + timedelta(hours=1))

    assert Flip.objects.count() == flips


def test_alert__of_a_new_matter_within_the_cool_down__does_not_undo_a_persons_override(
    unit: Unit, hook: MakeHook
) -> None:
    climb(unit, Stage.CANARY)
    made, now = hook(action="rollback").hook, timezone.now()

    def one_matter(after: timedelta) -> int:
        moved = take(hook=made, alerts=alerts_of(plain(unit)), now=now + after).rolled_back
        take(hook=made, alerts=alerts_of(plain(unit, "resolved")), now=now + after)
        settle(now=now + after + QUIET)
        return moved

    assert one_matter(timedelta(0)) == 1
    Freeze.objects.update(lifted_at=now)
    climb(Unit.objects.get(pk=unit.pk), Stage.CANARY)
    assert one_matter(timedelta(minutes=30)) == 0
    assert one_matter(timedelta(minutes=90)) == 1


def test_alert__that_only_suggests__moves_nothing_and_tells_once(unit: Unit, hook: MakeHook, post: Post) -> None:
    climb(unit, Stage.CANARY)
    saved = hook(action="suggest")
    for _ in range(3):
        assert post(saved, plain(unit)).json()["rolled_back"] == 0
    told = Message.objects.get(event="alert")
    assert told.path == f"/p/shop/oncall/{unit.pk}"
    assert Unit.objects.get(pk=unit.pk).stage == Stage.CANARY and not Freeze.objects.exists()
    post(saved, plain(unit, "resolved"))
    settle(now=timezone.now() + timedelta(hours=1))
    assert Message.objects.filter(event="alert", resolves=True, key=told.key).count() == 1


# ---------------------------------------------------------------------------------- targets


@pytest.mark.parametrize(
    ("wanted", "labels", "about"),
    [
        ({}, {"unit": "GET /users/{id}"}, "unit"),
        ({}, {"service": "main"}, "service"),
        ({"unit_from": "{method} {route}"}, {"method": "GET", "route": "/users/{id}"}, "unit"),
        ({"service_from": "{job}"}, {"job": "main"}, "service"),
        ({"fallback": "project"}, {"pod": "x"}, "project"),
    ],
)
def test_labels__of_an_alert__name_what_is_held(
    wanted: dict[str, str], labels: dict[str, str], about: str, project: Project, service: Service, hook: MakeHook,
    post: Post,
) -> None:  # fmt: skip
    unit = create_unit(project=project, service=service, key="GET /users/{id}", kind=Kind.ENDPOINT, now=timezone.now())
    assert post(hook(**wanted), alertmanager(labels)).status_code == 200
    held = Freeze.objects.get()
    assert (held.unit, held.service) == {
        "unit": (unit, None), "service": (None, service), "project": (None, None),
    }[about]  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "label", "told"),
    [
        ({"unit": "GET /moon"}, "unit", "no unit 'GET /moon', which label unit names"),
        ({"service": "moon"}, "service", "no service 'moon'"),
        ({"pod": "x"}, "unit", "no label unit or service"),
    ],
)
def test_alert__that_names_nothing_tracked__is_a_problem_naming_the_label(
    labels: dict[str, str], label: str, told: str, unit: Unit, hook: MakeHook, post: Post
) -> None:
    answer = post(hook(), alertmanager(labels, {"unit": unit.key}))

    assert answer.status_code == 422 and answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == label
    assert told in answer.json()["detail"]
    assert Freeze.objects.get().unit == unit  # the other one counts


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        {},
        {"key": "a"},
        {"key": "a", "status": "maybe"},
        {"key": 7, "status": "firing"},
        {"alerts": {}},
        {"alerts": [7]},
        {"alerts": [{"status": "firing", "labels": 7}]},
        {"alerts": [{"labels": {}}]},
        {"key": "a\x00b", "status": "firing"},
        {"alerts": [{"status": "resolved", "labels": {}}] * 1_001},
    ],
)
def test_alerts__that_are_none__are_refused_in_words(body: Any, hook: MakeHook, post: Post) -> None:
    answer = post(hook(), body)
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_alerts__of_too_many_bytes__are_refused(hook: MakeHook, post: Post) -> None:
    assert post(hook(), b" " * (4 * 1_048_576 + 1)).status_code == 413


def test_storm__of_a_thousand_alerts_in_one_request__is_a_few_queries_and_one_hold(
    project: Project, service: Service, hook: MakeHook, post: Post
) -> None:
    now = timezone.now()
    Unit.objects.bulk_create(
        Unit(project=project, service=service, key=f"GET /u{number}", kind=Kind.ENDPOINT, added_at=now)
        for number in range(1_000)
    )
    saved = hook(action="rollback")
    storm = alertmanager(*({"unit": f"GET /u{number}"} for number in range(1_000)))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = post(saved, storm)

    assert answer.json()["firing"] == 1_000
    assert [(held.service, held.unit) for held in Freeze.objects.all()] == [(service, None)]
    assert "and 995 more" in Freeze.objects.get().reason or "HighErrorRate" in Freeze.objects.get().reason
    assert len(queries) < 80
    assert Hook.objects.get().alarms.count() == 1_000


# ------------------------------------------------------------------------- channels over REST


def test_channel__over_rest__is_made_changed_tried_and_removed_without_showing_its_target(
    project: Project, service: Service, owner: User, client: Client
) -> None:
    client.force_login(owner)
    target = "https://hooks.example.test/c4nary-s3cret"
    body = {"name": "ops", "kind": "webhook", "target": target, "services": ["main"], "quiet_days": [5, 6]}
    made = client.post("/api/v1/projects/shop/channels/", body, content_type="application/json")
    assert made.status_code == 201, made.content
    assert made.json()["secret"].startswith("mwh_")
    pk = made.json()["id"]

    changed = client.patch(f"/api/v1/channels/{pk}/", {"per_minute": 5}, content_type="application/json")
    assert (changed.json()["per_minute"], changed.json()["services"], changed.json()["secret"]) == (5, ["main"], "")
    tried = client.post(f"/api/v1/channels/{pk}/test/", content_type="application/json").json()
    assert tried["arrived"] is False and "hooks.example.test cannot be reached" in tried["error"]
    listed = client.get("/api/v1/projects/shop/channels/")
    assert listed.json()["results"][0]["hint"] == "https://hooks.example.test/…"
    for answer in (made, changed, listed):
        assert b"c4nary" not in answer.content
    kinds = list(project.entries.values_list("body__act", flat=True).order_by("number"))
    assert kinds[-2:] == ["made", "changed"]
    assert client.delete(f"/api/v1/channels/{pk}/").status_code == 204
    assert project.entries.first().body["act"] == "removed"


def test_channel__with_a_name_that_is_taken__is_refused_beside_it(
    project: Project, owner: User, client: Client
) -> None:
    client.force_login(owner)
    body = {"name": "ops", "kind": "webhook", "target": "https://h.test/x"}
    for status in (201, 400):
        answer = client.post("/api/v1/projects/shop/channels/", body, content_type="application/json")
        assert answer.status_code == status
    assert answer.json()["errors"][0]["field"] == "name"


def test_channel__over_rest__takes_the_week_where_its_events_name_it(
    project: Project, owner: User, client: Client
) -> None:
    client.force_login(owner)
    body = {"name": "ops", "kind": "webhook", "target": "https://h.test/x"}
    made = client.post("/api/v1/projects/shop/channels/", body, content_type="application/json").json()
    assert made["weekly"] is False
    for wanted, weekly in (({"events": ["weekly"]}, True), ({"events": []}, True), ({"weekly": False}, False)):
        changed = client.patch(f"/api/v1/channels/{made['id']}/", wanted, content_type="application/json")
        assert changed.json()["weekly"] is weekly
    both = {"events": ["weekly"], "weekly": False}
    refused = client.patch(f"/api/v1/channels/{made['id']}/", both, content_type="application/json")
    assert refused.json()["errors"][0]["field"] == "weekly"
