"""The embedded servers: they keep what they acknowledged, whatever happens to them."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from migrator.local import servers
from migrator.local.ownership import own_directory
from tests.servers import new_postgres, new_valkey


def test_postgres__killed__keeps_what_it_acknowledged(postgres_server):
    server = postgres_server()
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE notes AS SELECT 'kept' AS word")
    server.kill()
    server.start()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT word FROM notes").fetchall() == [("kept",)]


def test_valkey__killed__keeps_what_it_wrote(redis_server):
    server = redis_server(appendfsync="always")
    redis.Redis.from_url(server.url).set("word", "kept")
    server.kill()
    server.start()
    assert redis.Redis.from_url(server.url).get("word") == b"kept"


def test_cast__each_has_the_role_of_the_project(owner, engineer, oncall, viewer, stranger, project):
    roles = dict(project.memberships.values_list("user__username", "role"))
    assert roles == {"owner": "admin", "engineer": "engineer", "oncall": "on_call", "viewer": "viewer"}


def test_postgres__pid_file_names_a_stranger__starts(postgres_server):
    """After a reboot the id in its pid file may be anybody's: here, a process that lives as long as the test."""
    server = postgres_server()
    server.kill()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pid_file = server.server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]))
    server.start()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_postgres__left_behind_by_a_killed_supervisor__is_stopped_first(postgres_server):
    """Two servers on one cluster would destroy it."""
    server = postgres_server()
    left_behind = server.child
    server.start()
    assert not left_behind.alive
    assert server.child.alive


def test_postgres__as_root__runs_as_somebody_else(postgres_server):
    if os.geteuid() != 0:
        pytest.skip("only root must hand it to somebody else")
    server = postgres_server()
    assert server.server.data.stat().st_uid == pwd.getpwnam("nobody").pw_uid
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_postgres__its_binaries_lie_where_its_user_may_not_go__runs_a_copy(tmp_path, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root has another user run it")
    monkeypatch.setattr(servers, "may_enter", lambda directory, user: False)
    server = new_postgres()
    try:
        server.start()
        binary = Path(f"/proc/{server.child.pid}/exe").resolve()
        assert binary.is_relative_to(server.directory)
    finally:
        server.remove()


def test_postgres__directory_is_a_strangers__is_refused(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can give directories away")
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        own_directory(tmp_path)


def test_valkey__cannot_start__says_why(tmp_path):
    server = new_valkey(maxmemory_policy="nonsense")
    try:
        with pytest.raises(servers.ServerFailed, match="Valkey did not start"):
            server.start()
    finally:
        server.remove()
