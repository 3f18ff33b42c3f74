"""`manage.py simulate`, run as people run it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "simulate", *arguments],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "migrator.settings"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_simulate__a_small_month__keeps_its_promises_in_json() -> None:
    done = simulate("--units", "120", "--days", "10", "--gaps", "3000", "--workers", "2", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["units"], found["days"], found["seed"], found["kept"]) == (120, 10, 1, True)
    assert found["pairs"] > 1_000_000
    by_name = {promise["name"]: promise for promise in found["promises"]}
    assert "0 of 3,000 pieces of evidence" in by_name["gaps"]["sentence"]


def test_simulate__for_people__says_each_promise_on_a_line() -> None:
    done = simulate("--units", "20", "--days", "5", "--gaps", "100", "--workers", "1", "--seed", "3")
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first.startswith("20 units, 5 days, ")
    assert len(lines) == 7
    assert all(line.startswith("kept ") for line in lines)


@pytest.mark.parametrize(
    ("argument", "value"), [("--units", "0"), ("--days", "4"), ("--gaps", "-1"), ("--workers", "0")]
)
def test_simulate__bad_input__is_one_line_and_exit_2(argument: str, value: str) -> None:
    done = simulate(argument, value)
    assert done.returncode == 2
    assert argument in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
