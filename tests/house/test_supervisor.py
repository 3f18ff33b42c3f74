"""The supervisor: it restarts what falls over, and leaves nothing behind."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from migrator.local.child import Child, command_of, reap
from migrator.local.supervisor import StartFailed, Supervisor
from migrator.local.up import Refused, asked_for, check_ports

PATIENCE = 20.0
"""Seconds after which a test gives up. Nothing is measured by it."""


def until(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def python(tmp_path: Path, code: str, *, name: str = "child", **options) -> Child:
    return Child(name=name, command=[sys.executable, "-c", code], log=tmp_path / f"{name}.log", **options)


def gone(pid: int) -> bool:
    """Dead, or dead and not yet buried by whoever inherited it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return not command_of(pid)


@pytest.fixture
def supervisor():
    supervisor = Supervisor()
    yield supervisor
    supervisor.stop()


def test_child__falls_over__is_named_and_started_again(supervisor, tmp_path, capsys):
    supervisor.start(python(tmp_path, "import time; time.sleep(600)", name="worker"))
    child = supervisor.charges[0].child
    first = child.pid
    child.process.kill()
    until(lambda: supervisor.look_after() or (child.alive and child.pid != first))
    said = capsys.readouterr().out
    assert said.startswith("worker was stopped by SIGKILL; starting it again in 0.5 s.")
    assert said.count("\n") == 1


def test_child__falls_at_once__waits_longer_each_time(supervisor, tmp_path, capsys):
    supervisor.start(python(tmp_path, "raise SystemExit(3)"))
    until(lambda: supervisor.look_after() or supervisor.charges[0].delay >= 2.0)
    assert "stopped with exit code 3; starting it again in 1 s." in capsys.readouterr().out


def test_child__needs_clearing_before_it_starts_again__gets_it(supervisor, tmp_path):
    cleared = []
    supervisor.start(python(tmp_path, "import time; time.sleep(600)"), before_start=lambda: cleared.append(1))
    child = supervisor.charges[0].child
    child.process.kill()
    until(lambda: supervisor.look_after() or cleared)
    assert cleared == [1]


def test_child__ignores_the_signal__is_killed_with_its_own_children(tmp_path):
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        "print(p.pid, flush=True); time.sleep(600)"
    )
    child = python(tmp_path, code, grace=0.2)
    child.start()
    until(lambda: child.log.read_text().strip())
    grandchild = int(child.log.read_text())
    child.stop()
    until(lambda: gone(grandchild))
    assert not child.alive


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent died")
def test_child__its_supervisor_is_killed__follows(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from migrator.local.child import Child; "
        "command = [sys.executable, '-c', 'import time; time.sleep(600)']; "
        f"c = Child(name='c', command=command, log=Path({str(tmp_path / 'c.log')!r})); "
        "c.start(); print(c.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()
    until(lambda: gone(pid))


def test_reap__process_of_an_earlier_run__is_stopped(tmp_path):
    pid_file = tmp_path / "web.pid"
    child = python(tmp_path, "import time; time.sleep(600)  # ours", pid_file=pid_file)
    child.start()
    until(lambda: "ours" in command_of(child.pid))  # before that it is still a copy of us
    reap(pid_file, belongs="# ours", grace=1.0)
    assert not child.alive
    assert not pid_file.exists()


def test_reap__id_was_given_to_a_stranger__leaves_it_alone(tmp_path):
    pid_file = tmp_path / "web.pid"
    stranger = python(tmp_path, "import time; time.sleep(600)")
    stranger.start()
    pid_file.write_text(str(stranger.pid))
    reap(pid_file, belongs="# ours")
    assert stranger.alive
    assert not pid_file.exists()
    stranger.kill()


@pytest.mark.parametrize("content", ["", "not a number", "999999999"])
def test_reap__pid_file_is_broken_or_stale__is_removed(tmp_path, content):
    pid_file = tmp_path / "web.pid"
    pid_file.write_text(content)
    reap(pid_file, belongs="")
    assert not pid_file.exists()


def test_run__command_fails__says_its_last_line(supervisor, tmp_path):
    with pytest.raises(StartFailed, match=r"migrate failed: SystemExit: tables are locked \(its log: "):
        supervisor.run(python(tmp_path, "raise SystemExit('SystemExit: tables are locked')", name="migrate"))


def test_run__command_succeeds__returns_what_it_printed(supervisor, tmp_path):
    assert supervisor.run(python(tmp_path, "print('admin secret')")) == "admin secret"


def test_port__taken__is_refused_with_another(free_port):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port))
        listener.listen()
        with pytest.raises(Refused, match=rf"Cannot listen on 127.0.0.1:{free_port}: .*GATEWAY_PORT={free_port + 1}"):
            check_ports("127.0.0.1", {"GATEWAY_PORT": free_port})
    check_ports("127.0.0.1", {"GATEWAY_PORT": free_port})


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PORT", "eighty"), ("PORT", "0"), ("PORT", "65536"), ("PORT", "-1"), ("PORT", "٨٠"), ("SECONDS", "soon")],
)
def test_asked_for__nonsense__is_refused_by_name(variable, value):
    with pytest.raises(Refused, match=f"{variable}={value} is no"):
        asked_for({variable: value})


def test_asked_for__nothing__is_loopback_and_port_8000():
    instance, seconds = asked_for({"PORT": "", "SECONDS": ""})
    assert instance.url == "http://127.0.0.1:8000"
    assert seconds is None


def test_asked_for__servers_of_ones_own__are_used():
    theirs = {"DATABASE_URL": "postgresql://db/x", "REDIS_URL": "redis://r/1", "SECRET_KEY": "k", "SECONDS": "60"}
    instance, seconds = asked_for(theirs)
    assert {name: instance.env[name] for name in theirs if name != "SECONDS"} == {
        name: value for name, value in theirs.items() if name != "SECONDS"
    }
    assert seconds == 60.0
