"""The rollback ladder, each rung with what it is made for dead: `manage.py drill` as an operator runs it."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from migrator.drill.rungs import RUNGS
from migrator.local.addresses import CHECKOUT


def manage_drill(*arguments: str) -> "subprocess.CompletedProcess[str]":
    # Neither of the servers that other tests use: the drill has its own, and nothing else to reach.
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "migrator.settings", "DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}
    env["REDIS_URL"] = "redis://127.0.0.1:1"
    command = [sys.executable, "manage.py", "drill", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=400)


@pytest.fixture(scope="module")
def held() -> dict[str, Any]:
    """What a whole drill says."""
    done = manage_drill("--json")
    assert done.stdout, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[0])
    said["exit code"] = done.returncode
    return said


@pytest.mark.parametrize("number", [rung.number for rung, _ in RUNGS])
def test_rung__with_all_that_it_does_not_need_dead__brings_every_caller_to_legacy(
    held: dict[str, Any], number: str
) -> None:
    (rung,) = [rung for rung in held["rungs"] if rung["number"] == number]
    assert (rung["error"], rung["failed"]) == ("", 0)
    assert rung["requests"] > 50
    assert rung["passed"], rung


def test_drill__once_everything_is_back__has_each_override_in_the_ledger(held: dict[str, Any]) -> None:
    assert held["overrides"] == held["adopted"] == 3
    assert held["exit code"] == 0


def test_drill__of_a_rung_that_there_is_not__is_refused_in_one_line() -> None:
    done = manage_drill("--rung", "7")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
