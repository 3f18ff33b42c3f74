"""A mismatch that people believe: identical services show none, and each planted fault is shown, as one cause.

Services, gateway and product are processes of their own; what is asserted is what the API says.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

from migrator.local.addresses import CHECKOUT
from tests.demo.pair import wait_ready
from tests.integration.planted_service import FAULTS, NOISY, STEADY
from tests.ports import free_port
from tests.product import LiveProduct
from tests.wires import eventually

SETTLE_SECONDS: Final = 60.0
MANNERS: Final = {
    "compared_headers": ["content-type", "location", "set-cookie"],
    "noise_share": 5_000,
    "rereads_after_ms": [20],
    # Whether a mismatch stays is asked about each, so that nothing here depends on chance.
    "reread_share": 10_000,
    "rereads_per_second": 1_000,
}
ORDINARY: Final = range(1, 13)
"""Records that are asked for of an endpoint with a fault on every record."""
MANY: Final = range(1, 1_001)
"""Records of the endpoint that is wrong about one of them."""
LEARNING: Final = range(1, 41)
"""Rounds in which it turns out what is noise."""
ROUNDS: Final = range(41, 108)
"""Those after it: times 15 endpoints, a thousand requests."""
SHOWN: Final[dict[str, set[tuple[str, str]]]] = {
    "number-as-string": {("$.price", "type")},
    "number-form": {("$.count", "number_form")},
    "null-for-missing": {("$.note", "extra")},
    "missing-key": {("$.name", "missing")},
    "extra-key": {("$.debug", "extra")},
    "list-order": {("$.tags", "order")},
    "list-length": {("$.rows", "length"), ("$.rows[*]", "missing")},
    "timestamp-format": {("$.made_at", "value")},
    "case": {("$.state", "value")},
    "percent-encoding": {("$.next", "value")},
    "scalar-to-list": {("$.filters.brand", "type")},
    "status": {("status", "status")},
    "error-in-words": {("answer", "candidate_error")},
    "cookie-attribute": {("header:set-cookie[sid]@secure", "header")},
    "redirect": {("header:location", "header")},
    "trailing-zeros": {("$.total", "value")},
    "ndjson-line": {("$", "length"), ("$[*]", "missing")},
    "xml-attribute": {("$.order['@state']", "value")},
    "text-line": {("body:line", "value")},
    "rare": {("$.sum", "value")},
    "failing": {("answer", "candidate_error")},
}
"""Path and kind of each fault's causes. A list that is too short is two: its length, and what is missing in it."""


@dataclass(slots=True)
class Setting:
    """Two services behind a gateway, every endpoint of them compared."""

    product: LiveProduct
    slug: str
    token: str
    port: int = 0
    units: dict[str, int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.product.url}/api/v1/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def compare(self, name: str) -> None:
        """Have an endpoint compared."""
        unit = {"key": f"GET /{name}/{{id}}", "kind": "endpoint", "service": "main"}
        made = self.call("POST", f"projects/{self.slug}/units/", unit)["id"]
        self.units[name] = made
        for stage in ("shadow", "side_by_side"):
            version = self.call("GET", f"units/{made}/")["version"]
            flip = {"stage": stage, "mirror_percent": 100, "version": version, "reason": "compare"}
            self.call("POST", f"units/{made}/flip/", flip)

    def send(self, asked: Iterable[tuple[str, int]]) -> None:
        """Get these records of these endpoints, one after the other."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        for name, number in asked:
            connection.request("GET", f"/{name}/{number}")
            connection.getresponse().read()
            self.sent[name] = self.sent.get(name, 0) + 1
        connection.close()

    def outcomes(self, name: str) -> dict[str, int]:
        """Of an endpoint, as far as they came up, in its present evidence."""
        counts = self.call("GET", f"units/{self.units[name]}/evidence/")["outcomes"]
        return {outcome: count for outcome, count in counts.items() if count}

    def settled(self, name: str) -> dict[str, int]:
        """Its outcomes once every request that was sent to it since its evidence began is counted."""

        def whole() -> dict[str, int] | None:
            counts = self.outcomes(name)
            return counts if sum(counts.values()) >= self.sent[name] else None

        found: dict[str, int] = eventually(whole, seconds=SETTLE_SECONDS)
        return found

    def causes(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.call("GET", f"projects/{self.slug}/mismatches/?page_size=100")["results"]
        return rows

    def obeys(self) -> bool:
        """Whether the gateway applies the latest table."""
        planes = self.call("GET", f"projects/{self.slug}/data-planes/")["results"]
        return bool(planes) and all(plane["versions_behind"] == 0 for plane in planes)

    def noise_rules(self) -> set[tuple[int, str, str]]:
        """Unit, kind and path of the rules that were made of noise."""
        rules = self.call("GET", f"projects/{self.slug}/rules/?page_size=100")["results"]
        return {(rule["unit"], rule["kind"], rule["path"]) for rule in rules if rule["author"] == "Noise"}


@contextmanager
def setting(product: LiveProduct, slug: str, names: Iterable[str], place: Path, *, faulty: bool) -> Iterator[Setting]:
    """Start both services and the gateway, and have the endpoints compared; `place` is an empty directory."""
    ports = free_port(), free_port()
    service = [sys.executable, "-m", "tests.integration.planted_service", "--port"]
    commands = [[*service, str(ports[0])], [*service, str(ports[1]), *(["--faulty"] if faulty else [])]]
    running = [subprocess.Popen(command, cwd=CHECKOUT) for command in commands]
    try:
        scene = Setting(product, slug, product.token(slug, scope="admin"))
        scene.call("POST", "projects/", {"slug": slug, "name": slug, "manners": MANNERS})
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        for url in urls:
            wait_ready(f"{url}/flat/1")
        main = {"name": "main", "legacy_url": urls[0], "candidate_url": urls[1], "mirror_concurrency": 10_000}
        scene.call("POST", f"projects/{slug}/services/", main)
        for name in names:
            scene.compare(name)
        scene.port = free_port()
        running.append(_gateway(scene, place))
        eventually(scene.obeys, seconds=SETTLE_SECONDS)
        yield scene
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(30)


def _gateway(scene: Setting, place: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "migrator.gateway", "--control-plane", scene.product.url, "--project", scene.slug]
    command += ["--token", scene.product.token("plane", scope="ingest", project=scene.slug), "--state-dir", str(place)]
    command += ["--listen", f"127.0.0.1:{scene.port}", "--admin", f"127.0.0.1:{free_port()}"]
    return subprocess.Popen(command, env=scene.product.env)


def test_identical_services__a_thousand_requests_noise_and_all__never_differ(
    live_product: LiveProduct, tmp_path: Path
) -> None:
    names = (*NOISY, *STEADY)
    with setting(live_product, "identical", names, tmp_path, faulty=False) as scene:
        scene.send((name, number) for number in LEARNING for name in names)
        units = scene.units
        known = {(units["clock"], "ignore", "$.at"), (units["shuffled"], "unordered", "$.items")}
        eventually(lambda: scene.noise_rules() >= known, seconds=SETTLE_SECONDS)
        assert scene.noise_rules() == known
        eventually(scene.obeys, seconds=SETTLE_SECONDS)
        for name in NOISY:
            del scene.sent[name]  # a new rule begins new evidence
        scene.send((name, number) for number in ROUNDS for name in names)
        assert sum(scene.sent.values()) >= 1_000
        found = {name: scene.settled(name) for name in names}
        assert found == {name: {"match": sent} for name, sent in scene.sent.items()}
        assert scene.causes() == []
        assert scene.noise_rules() == known


def test_planted_faults__each_is_shown__in_no_more_causes_than_faults_plus_two(
    live_product: LiveProduct, tmp_path: Path
) -> None:
    with setting(live_product, "planted", (*FAULTS, "race"), tmp_path, faulty=True) as scene:
        for name in (*FAULTS, "race"):
            scene.send((name, number) for number in (MANY if name == "rare" else ORDINARY))
        found = {name: scene.settled(name) for name in scene.units}
        faulty = {scene.units[name] for name in FAULTS}
        eventually(lambda: {row["unit"] for row in scene.causes()} >= faulty, seconds=SETTLE_SECONDS)
        # What is one cause is found out with the batch that brings the last of it.
        eventually(lambda: len(scene.causes()) <= len(FAULTS) + 2, seconds=SETTLE_SECONDS)
        causes = scene.causes()
    shown: dict[str, set[tuple[str, str]]] = {}
    for row in causes:
        shown.setdefault(row["unit_key"].split("/")[1], set()).add((row["path"], row["kind"]))
    assert len(FAULTS) >= 20
    assert shown == SHOWN
    assert [row["places"] for row in causes if "scalar-to-list" in row["unit_key"]] == [3]
    assert found.pop("race") == {"incomparable": len(ORDINARY)}
    assert found.pop("rare") == {"match": len(MANY) - 1, "mismatch": 1}
    assert found.pop("failing") == {"match": len(ORDINARY) - 1, "candidate_error": 1}
    assert found.pop("error-in-words") == {"candidate_error": len(ORDINARY)}
    assert found == {name: {"mismatch": len(ORDINARY)} for name in found}
