"""`python -m migrator.local up` in a checkout of its own: ready, alone, obedient, and gone without a trace."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from migrator.local import addresses

ROOT = Path(__file__).resolve().parents[2]
READY = re.compile(r"Migrator is ready at (http://127\.0\.0\.1:(\d+))  sign in as (\w+) / (\S+)\n")
CHOSEN_BY_HAND = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE"}


@pytest.fixture
def checkout(tmp_path):
    """A copy of the product that has nothing but its sources."""
    for name in ("migrator", "dashboards", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", tmp_path)
    tmp_path.chmod(0o755)
    yield tmp_path
    subprocess.run([sys.executable, "-m", "migrator.local", "clean"], cwd=tmp_path, check=True, timeout=60)
    assert not addresses.runtime_dir(tmp_path).exists()
    assert not (tmp_path / ".local").exists()


def start(checkout: Path, **environment: str) -> "subprocess.Popen[str]":
    env = {name: value for name, value in os.environ.items() if name not in CHOSEN_BY_HAND}
    return subprocess.Popen(
        [sys.executable, "-m", "migrator.local", "up"],
        cwd=checkout,
        env={**env, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def manage(checkout: Path, *arguments: str) -> str:
    env = {name: value for name, value in os.environ.items() if name not in CHOSEN_BY_HAND}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=checkout, env=env, check=True, capture_output=True, text=True, timeout=120
    ).stdout


def left_behind(checkout: Path) -> list[str]:
    """Processes that still belong to the checkout: their command line or their directory says so."""
    found, traces = [], (str(checkout), str(addresses.runtime_dir(checkout)))
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
            belongs = any(trace in command for trace in traces) or (process / "cwd").resolve() == checkout
            if belongs and "Z" not in (process / "stat").read_text().rpartition(")")[2].split()[0]:
                found.append(command.replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc to see what is left behind")
def test_up__from_nothing_and_again__runs_alone_and_leaves_nothing(checkout, free_port):
    # Given a first run
    first = start(checkout, PORT=str(free_port))
    line = first.stdout.readline()
    ready = READY.fullmatch(line)
    assert ready, line + first.stdout.read()
    for path in ("livez", "readyz"):
        with urllib.request.urlopen(f"{ready[1]}/{path}", timeout=10) as answer:
            assert answer.status == 200

    # Then commands in the same checkout talk to the same instance
    assert manage(
        checkout, "shell", "-v0", "-c", "from django.contrib.auth.models import User as U; print(U.objects.get())"
    ) == (f"{ready[3]}\n")

    # And a second one is refused in one line
    second = start(checkout, PORT=str(free_port + 1))
    said, _ = second.communicate(timeout=60)
    assert (second.returncode, said.count("\n")) == (2, 1)
    assert "runs in this checkout already" in said

    # When somebody presses Ctrl-C, all of it stops
    os.killpg(first.pid, signal.SIGINT)
    assert first.wait(60) == 0
    assert first.stdout.read() == ""
    assert left_behind(checkout) == []

    # When it is killed instead, the next run clears away what is left, and finds its data
    third = start(checkout, PORT=str(free_port))
    assert READY.fullmatch(third.stdout.readline())[4] == ready[4]
    third.kill()
    third.wait()
    fourth = start(checkout, PORT=str(free_port), SECONDS="1")
    assert READY.fullmatch(fourth.stdout.readline())[4] == ready[4]
    assert fourth.wait(60) == 0
    deadline = time.monotonic() + 20
    while left_behind(checkout):
        assert time.monotonic() < deadline, left_behind(checkout)
        time.sleep(0.1)
