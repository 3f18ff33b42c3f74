"""Real input: httpbin behind the gateway, two of it, and every request accounted for."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path

import psycopg
import pytest

from demo.httpbin import CANDIDATE, BuildFailed, Release, build_legacy
from demo.replay import DICE, READS, WRITES, Request, from_log, get, replay
from migrator.core.wire import PAIR_OUTCOMES, Outcome
from migrator.local.addresses import CHECKOUT, state_dir
from tests.demo.pair import wait_ready
from tests.ports import free_port
from tests.product import LiveProduct

SETTLE_SECONDS = 60.0
LOG = CHECKOUT.parent / "shared" / "data" / "traffic" / "apache-access-5000.jsonl"
UNKNOWN = tuple(map(get, ("/nothing-here", "/links/4", "/image/gif", "/anything/a/b/c?x=1", "/%00")))
"""Requests of no unit: they go to legacy untouched."""

Counts = dict[str, int]


@pytest.fixture(scope="module")
def home() -> Path:
    """Where the releases are installed; they stay there for the next run."""
    place = state_dir() / "httpbin"
    try:
        build_legacy(place)
        CANDIDATE.build(place)
    except (BuildFailed, subprocess.TimeoutExpired, OSError) as failure:
        pytest.skip(f"httpbin cannot be installed here: {failure}")
    return place


@dataclass(slots=True)
class Behind:
    """Two httpbins behind a gateway that follows a live product."""

    product: LiveProduct
    project: str
    url: str
    legacy_url: str
    sent: int = 0

    def replay(self, requests: Iterable[Request]) -> dict[int, int]:
        """Send them through the gateway; answers with which status came how often."""
        statuses = replay(requests, target=self.url)
        self.sent += statuses.total()
        return dict(statuses)

    def wait_for_table(self) -> None:
        """Return once the gateway obeys a table: it then says who served."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            with suppress(urllib.error.URLError, OSError, HTTPException), self._asked() as answer:
                if answer.headers["X-Migrator-Served-By"]:
                    return
            time.sleep(0.1)
        raise AssertionError("the gateway obeys no table")

    @contextmanager
    def _asked(self) -> Iterator[HTTPResponse]:
        with urllib.request.urlopen(f"{self.url}/get", timeout=5) as answer:
            self.sent += 1
            yield answer

    def settled(self) -> Counts:
        """Counts per outcome and `passed`, once every request that was sent is counted."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while sum((counts := self.counts()).values()) < self.sent:
            assert time.monotonic() < deadline, f"{self.sent} sent, but {counts}"
            time.sleep(0.2)
        return counts

    def counts(self) -> Counts:
        sums = ", ".join(f'coalesce(sum(s."{outcome}"), 0)::bigint' for outcome in Outcome)
        with psycopg.connect(self.product.database_url) as db:
            row = db.execute(
                f"SELECT {sums} FROM observations_standing s JOIN inventory_unit u ON u.id = s.unit_id "
                "JOIN inventory_project p ON p.id = u.project_id WHERE u.kind = 'endpoint' AND p.slug = %s",
                [self.project],
            ).fetchone()
            passed = db.execute(
                "SELECT coalesce(sum(a.passed), 0)::bigint FROM observations_arrival a "
                "JOIN inventory_project p ON p.id = a.project_id WHERE a.resolution = 86400 AND p.slug = %s",
                [self.project],
            ).fetchone()
        assert row is not None and passed is not None
        return dict(zip(map(str, Outcome), row, strict=True)) | {"passed": passed[0]}

    def causes(self) -> set[tuple[str, str, str]]:
        """Mismatch groups of endpoints: key, shape, kind."""
        with psycopg.connect(self.product.database_url) as db:
            return set(
                db.execute(
                    "SELECT u.key, g.shape, g.kind FROM observations_mismatchgroup g "
                    "JOIN inventory_unit u ON u.id = g.unit_id JOIN inventory_project p ON p.id = u.project_id "
                    "WHERE u.kind = 'endpoint' AND p.slug = %s",
                    [self.project],
                )
            )


@contextmanager
def behind_gateway(
    product: LiveProduct, legacy: list[str], candidate: list[str], ports: tuple[int, int], project: str, place: Path
) -> Iterator[Behind]:
    """Start both services and the gateway; `legacy` and `candidate` are their commands, `place` an empty directory."""
    running = [subprocess.Popen(command, cwd=place) for command in (legacy, candidate)]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    try:
        for url in urls:
            wait_ready(f"{url}/get")
        token_file = place / "token"
        seed = [sys.executable, "-m", "demo.httpbin_seed", "--project", project, "--token-file", str(token_file)]
        seed += ["--legacy-url", urls[0], "--candidate-url", urls[1]]
        subprocess.run(seed, env=product.env, check=True, timeout=60)
        port = free_port()
        gateway = [sys.executable, "-m", "migrator.gateway", "--control-plane", product.url, "--project", project]
        gateway += ["--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{free_port()}", "--state-dir", str(place)]
        running.append(subprocess.Popen(gateway, env=product.env | {"MIGRATOR_TOKEN": token_file.read_text()}))
        behind = Behind(product, project, f"http://127.0.0.1:{port}", urls[0])
        behind.wait_for_table()
        yield behind
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(15)


def commands(home: Path, legacy: Release, server: str) -> tuple[list[str], list[str], tuple[int, int]]:
    ports = free_port(), free_port()
    return legacy.command(home, port=ports[0]), CANDIDATE.command(home, port=ports[1], server=server), ports


def test_httpbin__same_release_on_another_server__never_differs_and_every_request_is_counted(
    live_product: LiveProduct, home: Path, tmp_path: Path
) -> None:
    legacy, candidate, ports = commands(home, CANDIDATE, "waitress")
    with behind_gateway(live_product, legacy, candidate, ports, "httpbin-same", tmp_path) as behind:
        through = behind.replay([*READS, *WRITES, *UNKNOWN, *READS])
        assert through == replay([*READS, *WRITES, *UNKNOWN, *READS], target=behind.legacy_url)
        counts = behind.settled()
        assert behind.causes() == set()
    assert sum(counts.values()) == behind.sent
    assert counts["mismatch"] == counts["candidate_error"] == counts["incomparable"] == 0
    assert counts["passed"] >= len(UNKNOWN)
    assert counts["not_sampled"] >= len(WRITES)
    assert counts["match"] > len(READS)


def test_httpbin__dice_in_the_answer__are_the_only_difference(
    live_product: LiveProduct, home: Path, tmp_path: Path
) -> None:
    legacy, candidate, ports = commands(home, CANDIDATE, "gunicorn")
    with behind_gateway(live_product, legacy, candidate, ports, "httpbin-dice", tmp_path) as behind:
        behind.replay(DICE)
        behind.settled()
        assert behind.causes() == {("GET /uuid", "$.uuid", "value"), ("GET /bytes/{n}", "body", "body")}


def test_httpbin__an_old_release_as_legacy__what_differs_is_named(
    live_product: LiveProduct, home: Path, tmp_path: Path
) -> None:
    release = build_legacy(home)
    if release.version != "0.7.0":
        pytest.skip("this Python cannot run a release that is old enough to differ")
    legacy, candidate, ports = commands(home, release, "gunicorn")
    with behind_gateway(live_product, legacy, candidate, ports, "httpbin-old", tmp_path) as behind:
        through = behind.replay(READS)
        counts = behind.settled()
        causes = behind.causes()
    assert through[404] > 1, "callers get what legacy answers: it has no /json"
    assert sum(counts.values()) == behind.sent
    assert sum(counts[outcome] for outcome in PAIR_OUTCOMES) > len(READS) / 2
    assert ("GET /json", "status", "status") in causes
    differing = {key for key, _, _ in causes}
    assert {"GET /redirect/{n}", "GET /cookies/set", "GET /response-headers"} <= differing
    assert differing.isdisjoint({"GET /get", "GET /headers", "GET /gzip", "GET /image/png"})


def test_httpbin__an_access_log_of_another_site__is_passed_on_and_offered(
    live_product: LiveProduct, home: Path, tmp_path: Path
) -> None:
    if not LOG.exists():
        pytest.skip(f"no access log at {LOG}")
    legacy, candidate, ports = commands(home, CANDIDATE, "gunicorn")
    requests = list(from_log(LOG))[:1_000]
    with behind_gateway(live_product, legacy, candidate, ports, "httpbin-log", tmp_path) as behind:
        through = behind.replay(requests)
        counts = behind.settled()
        with psycopg.connect(live_product.database_url) as db:
            offered = db.execute(
                "SELECT sum(o.count)::bigint FROM inventory_observedendpoint o "
                "JOIN inventory_project p ON p.id = o.project_id WHERE p.slug = 'httpbin-log'"
            ).fetchone()
    assert sum(through.values()) == len(requests)
    assert sum(counts.values()) == behind.sent
    assert counts["mismatch"] == 0
    assert counts["passed"] > 900
    assert offered is not None and offered[0] > 0
