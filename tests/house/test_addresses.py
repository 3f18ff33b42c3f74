"""Addresses follow from the checkout alone."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import environ
import psycopg
import redis
from django.conf import settings
from kombu import Connection
from psycopg.conninfo import conninfo_to_dict

from migrator.local import addresses


def test_runtime_dir__two_checkouts__do_not_meet():
    assert addresses.runtime_dir(Path("/a")) != addresses.runtime_dir(Path("/b"))
    assert addresses.runtime_dir(Path("/a")) == addresses.runtime_dir(Path("/a"))


def test_sockets__deepest_checkout__stay_short_enough():
    runtime = addresses.runtime_dir(Path("/deep" * 200))
    longest = addresses.postgres_socket_dir(runtime) / ".s.PGSQL.5432.lock"
    assert len(bytes(longest)) <= addresses.SOCKET_PATH_LIMIT


def test_database_url__read_by_libpq_and_django__leads_to_the_same_socket():
    url = addresses.database_url(Path("/tmp/x"), database="other")
    assert conninfo_to_dict(url) == {"user": "migrator", "dbname": "other", "host": "/tmp/x/postgres"}
    django = environ.Env.db_url_config(url)
    assert (django["NAME"], django["OPTIONS"]["host"]) == ("other", "/tmp/x/postgres")


def test_broker_url__of_a_socket__leads_celery_to_the_same_database():
    number = settings.WORKER + 32
    url = f"{settings.REDIS_URL.partition('?')[0]}?db={number}"
    with Connection(addresses.broker_url(url)) as connection, redis.Redis.from_url(url) as client:
        connection.SimpleQueue("errands").put("buy milk")
        assert client.llen("errands") == 1
        client.flushdb()


def test_broker_url__of_a_port__stays_as_it_is():
    for url in ("redis://:pw@host:6379/2", "rediss://host/0"):
        assert addresses.broker_url(url) == url


def test_secret_key__asked_by_many_at_once__is_one_key_for_the_owner_alone(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(addresses.secret_key, [tmp_path / "state"] * 32))
    assert len(keys) == 1
    assert len(keys.pop()) >= 50
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["secret-key"]
    assert (tmp_path / "state/secret-key").stat().st_mode & 0o077 == 0


def test_state_dir__read_only_checkout__is_in_the_home_directory(monkeypatch, tmp_path):
    monkeypatch.setattr(addresses.os, "access", lambda *_: False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert addresses.state_dir(Path("/opt/migrator")).parent == tmp_path / "migrator"


def test_embedded_postgres__is_the_version_that_the_product_asks_for():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        assert connection.info.server_version >= 150_000
        assert connection.execute("SHOW wal_level").fetchone() == ("logical",)
