"""`manage.py doctor`: finds what is wrong, and says what to do."""

import io
import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from migrator.inventory.models import Project
from migrator.observations.stream import key_of
from migrator.rollout.models import DataPlane
from tests.product import LiveProduct
from tests.servers import TestServer


def doctor() -> tuple[dict[str, dict[str, Any]], int]:
    """The findings by name, and the exit code."""
    out, code = io.StringIO(), 0
    try:
        call_command("doctor", "--json", "--url", "http://127.0.0.1:1", stdout=out)
    except SystemExit as exit_:
        code = int(str(exit_.code))
    told = json.loads(out.getvalue())
    assert told["ok"] == (code == 0)
    return {finding["name"]: finding for finding in told["findings"]}, code


def test_doctor__each_wrong_finding__has_a_remedy(db: None, settings: LazySettings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1"
    found, code = doctor()
    assert code == 1
    assert not found["redis"]["ok"]
    assert not found["web"]["ok"]
    assert not found["accounts"]["ok"]
    assert found["database"]["ok"]
    assert found["migrations"]["ok"]
    assert all(bool(finding["remedy"]) != finding["ok"] for finding in found.values())


def test_doctor__of_a_redis_that_evicts_or_forgets__says_which_setting(
    db: None, settings: LazySettings, redis_server: Callable[..., TestServer]
) -> None:
    settings.REDIS_URL = redis_server(maxmemory_policy="allkeys-lru").url
    assert "noeviction" in doctor()[0]["redis"]["remedy"]
    settings.REDIS_URL = redis_server(appendonly="no").url
    assert "appendonly" in doctor()[0]["redis"]["remedy"]
    settings.REDIS_URL = redis_server().url
    assert doctor()[0]["redis"]["ok"]


def test_doctor__of_reports_that_nobody_counts__sends_for_worker_and_beat(db: None, redis_client: Any) -> None:
    redis_client.xadd(key_of(0), {"report": b"{}"}, id="1-1")
    found = doctor()[0]["reports"]
    assert "1 wait" in found["said"]
    assert "beat" in found["remedy"]


def test_doctor__of_a_data_plane_on_an_older_table__names_it(project: Project) -> None:
    Project.objects.update(version=2)
    now = timezone.now() + timedelta(seconds=1)
    DataPlane.objects.create(
        project=project, source="gw-7", kind="gateway", boot="b", applied_epoch=1, applied_number=1,
        first_seen_at=now, last_seen_at=now,
    )  # fmt: skip
    assert "shop: gw-7" in doctor()[0]["data planes"]["said"]


@pytest.mark.parametrize("key", ["changeme", "short", "please-change-this-insecure-key-before-production"])
def test_doctor__of_a_placeholder_for_a_key__says_so(db: None, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("SECRET_KEY", key)
    assert not doctor()[0]["SECRET_KEY"]["ok"]


def test_doctor__of_hosts_left_open__says_so(db: None, settings: LazySettings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert not doctor()[0]["ALLOWED_HOSTS"]["ok"]
    settings.ALLOWED_HOSTS, settings.DEBUG = ["migrator.example.org"], True
    assert "DEBUG" in doctor()[0]["ALLOWED_HOSTS"]["remedy"]
    settings.DEBUG = False
    assert doctor()[0]["ALLOWED_HOSTS"]["ok"]


def test_doctor__addresses__are_told_without_passwords(
    db: None, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://user:hunter2@127.0.0.1:1/0")
    settings.REDIS_URL = "redis://user:hunter2@127.0.0.1:1/0"
    said = json.dumps(doctor()[0])
    assert "hunter2" not in said
    assert "redis://127.0.0.1:1/0" in said


def test_doctor__as_text__has_a_line_for_each_finding(db: None, superuser: User) -> None:
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", "--url", "http://127.0.0.1:1", stdout=out)
    lines = out.getvalue().splitlines()
    assert all(line.startswith(("ok    ", "WRONG ")) for line in lines)
    assert all("->" in line for line in lines if line.startswith("WRONG"))
    assert any(line.startswith("ok    accounts") for line in lines)


def test_doctor__of_the_whole_product__finds_nothing_wrong_but_the_test_servers_own_settings(
    live_product: LiveProduct,
) -> None:
    command = live_product.instance.manage("doctor", "--json", "--url", live_product.url).command
    done = subprocess.run(command, env=live_product.env, capture_output=True, text=True, timeout=60)
    found = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    wrong = {name for name, finding in found.items() if not finding["ok"]}
    assert wrong == {"redis"}, "tests keep no append-only file"
    assert "appendonly" in found["redis"]["remedy"]
    assert "@" in found["worker"]["said"]
