"""A thousand planted secrets: none of them is anywhere behind the gateway.

They are planted wherever a request or an answer has room for one. Places that the project keeps to itself carry
words that nothing could recognise; places whose values it allows carry what the detectors must.
"""

import base64
import http.cookiejar
import itertools
import json
import random
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.ports import free_port
from tests.product import LiveProduct
from tests.wires import Request, Service, closing, eventually, plain

SLUG = "secrets"
REQUESTS = 100
SEEN = "harmless-and-allowed"
"""What must be found, so that it is known that the search finds."""
MANNERS = {
    "value_paths": ["$.note", "$.seen", "$.by..*", "query:q", "path:id", "header:location", "header:set-cookie"],
    "compared_headers": ["content-type", "location", "set-cookie"],
    "subject_source": "header",
    "subject_name": "X-User",
    "caller_header": "X-Client",
    "noise_share": 10_000,
    "rereads_after_ms": [10],
}
KEYS = ("GET /people/{id}", "GET /failing/{id}", "POST /people")


class Planter:
    """Makes secrets, and remembers them."""

    def __init__(self) -> None:
        self._dice = random.Random(20)
        self.planted: set[str] = set()
        self._kinds = itertools.cycle([self._mail, self._key, self._card, self._account, self._phone])

    def word(self) -> str:
        """What looks like nothing."""
        return self._keep("".join(self._dice.choices("bcdfghjklmnpqrstvwxz", k=14)))

    def secret(self) -> str:
        """What a detector knows."""
        return self._keep(next(self._kinds)())

    def _keep(self, text: str) -> str:
        self.planted.add(text)
        return text

    def _digits(self, count: int) -> str:
        return "".join(self._dice.choices("123456789", k=count))

    def _mail(self) -> str:
        return f"{self._digits(6)}.jane@mail{self._digits(3)}.example.org"

    def _key(self) -> str:
        return f"sk_live_{self._digits(8)}{''.join(self._dice.choices('abcdefgh', k=8))}"

    def _card(self) -> str:
        head = f"4{self._digits(14)}"
        doubled = [int(each) * 2 for each in head[::2]]
        total = sum(int(each) for each in head[1::2]) + sum(each - 9 if each > 9 else each for each in doubled)
        return f"{head}{-total % 10}"

    def _account(self) -> str:
        inner = self._digits(18)
        return f"DE{98 - int(f'{inner}131400') % 97:02}{inner}"

    def _phone(self) -> str:
        return f"+49170{self._digits(8)}"


class Pair:
    """Two services whose every answer differs from the other's and holds secrets; and the requests for them."""

    def __init__(self, planter: Planter) -> None:
        self._plant = planter
        self._lock = threading.Lock()
        self.legacy, self.candidate = Service(self._answer), Service(self._candidate)

    def requests(self) -> Iterator[tuple[str, str, dict[str, str], bytes | None]]:
        """Method, target, headers, body."""
        plant = self._plant
        for at in range(REQUESTS):
            headers = {"X-User": plant.word(), "Cookie": f"sid={plant.word()}"}
            headers |= {"Authorization": f"Bearer {plant.word()}", "X-Client": plant.secret()}
            yield (
                "GET",
                f"/people/{_quoted(plant.secret())}?q={_quoted(plant.secret())}&r={plant.word()}",
                headers,
                None,
            )
            if at % 4 == 0:
                yield "GET", f"/failing/{_quoted(plant.secret())}?{plant.secret()}", headers, None
                yield "POST", "/people", headers, json.dumps({"name": plant.word()}).encode()
                yield "GET", f"/untracked/{_quoted(plant.secret())}/x?y={plant.word()}", headers, None

    def _answer(self, request: Request) -> bytes:
        with self._lock:
            plant = self._plant
            body = {
                "note": f"call {plant.secret()} now",
                "seen": f"{SEEN} {random.random()}",
                "person": {"name": plant.word(), "born": plant.secret()},
                "by": {plant.secret(): random.random()},
                "list": [plant.word()],
            }
            lines = (
                f"Set-Cookie: sid={plant.word()}; Path=/".encode(),
                f"Location: /next?code={plant.word()}".encode(),
            )
            return plain(json.dumps(body).encode(), *lines)

    def _candidate(self, request: Request) -> bytes:
        if b"/failing/" in request.target:
            return plain(self._answer(request).partition(b"\r\n\r\n")[2], status=b"500 Oops")
        return self._answer(request)


class Watch:
    """Everything that passes through Redis and lies in a directory, for as long as it runs."""

    def __init__(self, redis_url: str, directory: Path) -> None:
        self.redis: list[str] = []
        self.files: dict[str, bytes] = {}
        self._stop = threading.Event()
        self._client = redis.Redis.from_url(redis_url)
        self._directory = directory
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._redis, self._files)]

    @contextmanager
    def watching(self) -> Iterator["Watch"]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._client.set("watch", "ends")
            for thread in self._threads:
                thread.join(10)
            self._client.close()

    def _redis(self) -> None:
        with self._client.monitor() as monitor:
            for command in monitor.listen():
                self.redis.append(str(command["command"]))
                if self._stop.is_set():
                    return

    def _files(self) -> None:
        while not self._stop.wait(0.02):
            for path in self._directory.rglob("*"):
                with suppress(OSError):
                    self.files[str(path)] = b"" if path.is_dir() else path.read_bytes()


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def call(product: LiveProduct, token: str, method: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(product.url + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def set_up(product: LiveProduct, pair: Pair) -> tuple[str, dict[str, int]]:
    """The project with its units, all compared. Returns a token for it and the units' ids."""
    token = product.token(SLUG, scope="admin")
    call(product, token, "POST", "/api/v1/projects/", {"slug": SLUG, "name": SLUG, "manners": MANNERS})
    urls = {"legacy_url": pair.legacy.url, "candidate_url": pair.candidate.url}
    call(product, token, "POST", f"/api/v1/projects/{SLUG}/services/", {"name": "main", **urls})
    ids = {}
    for key in KEYS:
        unit = {"key": key, "kind": "endpoint", "service": "main"}
        made = call(product, token, "POST", f"/api/v1/projects/{SLUG}/units/", unit)
        ids[key] = made["id"]
        for stage in ("shadow", "side_by_side"):
            now = call(product, token, "GET", f"/api/v1/units/{made['id']}/")
            flip = {"stage": stage, "mirror_percent": 100, "version": now["version"], "reason": "compare"}
            call(product, token, "POST", f"/api/v1/units/{made['id']}/flip/", flip)
    return token, ids


@contextmanager
def gateway(product: LiveProduct, state: Path, log: Path) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "migrator.gateway", "--control-plane", product.url, "--project", SLUG]
    command += ["--token", product.token("plane", scope="ingest", project=SLUG), "--state-dir", str(state)]
    command += ["--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{free_port()}"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=product.env, stdout=out, stderr=out)
        try:
            eventually(lambda: b"table.applied" in log.read_bytes(), seconds=30)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def send(port: int, pair: Pair) -> int:
    sent = 0
    for method, target, headers, body in pair.requests():
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request(method, target, body, headers)
        assert connection.getresponse().status == 200
        connection.close()
        sent += 1
    return sent


def database(url: str) -> Iterator[tuple[str, str]]:
    """Each table as text; binary columns also as the bytes they are."""
    with psycopg.connect(url) as db:
        tables = db.execute("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            rows = "\n".join(row[0] for row in db.execute(f"SELECT t::text FROM {table} t"))
            binary = b" ".join(bytes.fromhex(found) for found in re.findall(r"\\x((?:[0-9a-f]{2})+)", rows))
            yield table, rows + binary.decode("latin-1")


def pages(product: LiveProduct, *start: str) -> Iterator[tuple[str, str]]:
    """Every page of the project that a signed-in person reaches by links."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    form = opener.open(f"{product.url}/sign-in", timeout=30).read().decode()
    token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)[0]
    fields = {"username": product.username, "password": product.password, "csrfmiddlewaretoken": token}
    request = urllib.request.Request(f"{product.url}/sign-in", urllib.parse.urlencode(fields).encode())
    request.add_header("Referer", f"{product.url}/sign-in")
    opener.open(request, timeout=30).read()
    waiting, known = list(start), set(start)
    while waiting and len(known) < 120:
        path = waiting.pop(0)
        with suppress(urllib.error.HTTPError):
            text = opener.open(product.url + path, timeout=60).read().decode("utf-8", "replace")
            yield path, text
            for link in re.findall(r'(?:href|hx-get)="(/p/secrets/[^"#]*)', text):
                plain_link = link.replace("&amp;", "&")
                if plain_link not in known:
                    known.add(plain_link)
                    waiting.append(plain_link)


def searcher(planted: set[str]) -> Callable[[str], set[str]]:
    """Finds planted secrets in a text: as they are, percent-encoded, and in base64 from their beginning."""
    forms: dict[str, str] = {}
    for secret in planted:
        encoded = base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]
        forms |= dict.fromkeys((secret, _quoted(secret), encoded), secret)
    pattern = re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))))
    return lambda text: {forms[found] for found in pattern.findall(text)}


def test_secrets__planted_wherever_there_is_room__are_nowhere_behind_the_gateway(
    live_product: LiveProduct, tmp_path: Path
) -> None:
    planter = Planter()
    pair = Pair(planter)
    log, state = tmp_path / "gateway.log", tmp_path / "state"
    with closing(pair.legacy, pair.candidate):
        token, units = set_up(live_product, pair)
        with Watch(live_product.redis_url, state).watching() as watch:
            with gateway(live_product, state, log) as port:
                sent = send(port, pair)
            unit = units["GET /people/{id}"]
            settled = lambda: call(live_product, token, "GET", f"/api/v1/units/{unit}/evidence/")["pairs"] == REQUESTS  # noqa: E731
            eventually(settled, seconds=60)
            time.sleep(1.0)
    mismatches = json.dumps(call(live_product, token, "GET", f"/api/v1/units/{unit}/mismatches/"), ensure_ascii=False)
    failures = call(live_product, token, "GET", f"/api/v1/units/{units['GET /failing/{id}']}/mismatches/")
    places = {
        "mismatches": mismatches,
        "failures": json.dumps(failures),
        "gateway log": log.read_text(),
        "redis, all that passed": "\n".join(watch.redis),
        "spool": "\n".join(data.decode("latin-1") for data in watch.files.values()),
        **{f"log of {name}": live_product.log(name) for name in live_product.children},
        **{f"table {name}": text for name, text in database(live_product.database_url)},
        **{f"page {path}": text for path, text in pages(live_product, f"/p/{SLUG}/", f"/p/{SLUG}/units/{unit}")},
    }
    assert sent > REQUESTS
    assert len(planter.planted) >= 1_000
    find = searcher(planter.planted)
    assert find(f"x{next(iter(planter.planted))}x")
    found = {place: secrets for place, text in places.items() if (secrets := find(text))}
    assert found == {}
    for shape in ("$.note", "$.person.name", "$.by[*]", "header:set-cookie", "header:location"):
        assert shape in mismatches
    for place in ("mismatches", "redis, all that passed", "spool"):
        assert SEEN in places[place], place
    assert failures["results"]
    assert any(path.startswith(f"page /p/{SLUG}/units/") for path in places)
