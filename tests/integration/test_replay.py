"""Recorded requests replayed into the running product, and a build that a gateway saw: through every process."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.ports import free_port
from tests.product import LiveProduct
from tests.wires import Service, closing, eventually, plain

SLUG = "replayed"


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Service, Service]]:
    legacy = Service()
    candidate = Service()
    legacy.respond = lambda request: plain(b'{"n": 1}', b"X-Build: a")
    candidate.respond = lambda request: plain(
        b'{"n": 2}' if request.target == b"/things/7" else b'{"n": 1}', b"X-Build: 1"
    )
    with closing(legacy, candidate):
        yield legacy, candidate


@pytest.fixture(scope="module")
def unit(live_product: LiveProduct, pair: tuple[Service, Service]) -> dict[str, Any]:
    """A unit that is mirrored, of a project that names builds."""
    admin = live_product.token("replay-admin", scope="admin")

    def call(method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(f"{live_product.url}/api/v1{path}", json.dumps(body).encode(), method=method)
        request.add_header("Authorization", f"Bearer {admin}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            made: dict[str, Any] = json.loads(answer.read())
            return made

    call("POST", "/projects/", {"slug": SLUG, "name": "Replayed", "manners": {"build_header": "X-Build"}})
    addresses = {"legacy_url": pair[0].url, "candidate_url": pair[1].url}
    call("POST", f"/projects/{SLUG}/services/", {"name": "main", **addresses})
    made = call("POST", f"/projects/{SLUG}/units/", {"key": "GET /things/{id}", "kind": "endpoint", "service": "main"})
    for stage in ("shadow", "side_by_side"):
        flip = {"stage": stage, "mirror_percent": 100, "version": made["version"], "reason": "test"}
        made = {**made, **call("POST", f"/units/{made['id']}/flip/", flip)["unit"]}
    return made


def rows(product: LiveProduct, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(product.database_url) as connection:
        return connection.execute(query, values).fetchall()  # type: ignore[call-overload,no-any-return]


def test_replay__into_the_running_product__is_counted_as_a_stratum_of_its_own(
    live_product: LiveProduct, pair: tuple[Service, Service], unit: dict[str, Any], tmp_path: Path
) -> None:
    recording = tmp_path / "access.log"
    line = '10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] "GET /things/{} HTTP/1.1" 200 17'
    recording.write_text("\n".join(line.format(number) for number in range(20)))
    token = live_product.token("replay", scope="ingest", project=SLUG)
    command = [sys.executable, "-m", "migrator.sdk.replay", "--control-plane", live_product.url, "--token", token]
    command += ["--project", SLUG, "--legacy", pair[0].url, "--candidate", pair[1].url, "--per-second", "500"]
    done = subprocess.run([*command, str(recording)], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert "20 pairs, 1 of them bad (5.00%)" in done.stdout
    query = "SELECT sum(pairs)::int, sum(bad)::int FROM observations_replayed WHERE unit_id = %s"
    eventually(lambda: rows(live_product, query, unit["id"]) == [(20, 1)], seconds=20)
    assert rows(live_product, "SELECT * FROM observations_standing WHERE unit_id = %s", unit["id"]) == []
    planes = "SELECT p.* FROM rollout_dataplane p JOIN inventory_project j ON j.id = project_id WHERE j.slug = %s"
    assert rows(live_product, planes, SLUG) == []


def test_build__that_a_gateway_sees__starts_evidence_afresh(
    live_product: LiveProduct, pair: tuple[Service, Service], unit: dict[str, Any], tmp_path: Path
) -> None:
    port, token = free_port(), live_product.token("gateway", scope="ingest", project=SLUG)
    command = [sys.executable, "-m", "migrator.gateway", "--control-plane", live_product.url, "--token", token]
    command += ["--project", SLUG, "--listen", f"127.0.0.1:{port}", "--state-dir", str(tmp_path)]
    gateway = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    epoch = "SELECT evidence_epoch FROM inventory_unit WHERE id = %s"
    before = rows(live_product, epoch, unit["id"])[0][0]
    seen = "SELECT DISTINCT build FROM observations_seenbuild WHERE side = 'candidate'"
    try:
        eventually(lambda: asked(port), seconds=20)
        eventually(lambda: asked(port) and rows(live_product, seen) == [("1",)], seconds=20)
        assert rows(live_product, epoch, unit["id"]) == [(before,)]
        pair[1].respond = lambda request: plain(b'{"n": 1}', b"X-Build: 2")
        eventually(lambda: asked(port) and rows(live_product, epoch, unit["id"]) == [(before + 1,)], seconds=20)
        deployed = (
            "SELECT build FROM inventory_deploy d JOIN inventory_service s ON s.id = service_id WHERE s.name = 'main'"
        )
        assert ("2",) in rows(live_product, deployed)
    finally:
        gateway.terminate()
        gateway.wait(20)


def asked(port: int) -> bool:
    """Ask the gateway once. Whether it answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/things/1")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
