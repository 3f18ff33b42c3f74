"""`python -m demo.replay --target URL`: requests to httpbin, and those of an access log, again and again."""

import argparse
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

PATIENCE: Final = 30.0
"""Seconds to wait for an answer."""
PAUSE_AFTER_FAILURE: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to send."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


def get(path: str, **headers: str) -> Request:
    return Request(method="GET", path=path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def send_json(method: str, path: str) -> Request:
    return Request(method=method, path=path, headers={"Content-Type": "application/json"}, body=b'{"n": 1, "s": "ok"}')


READS: Final = (
    *map(get, ("/get", "/get?a=1&a=2&b=%C3%BC", "/headers", "/ip", "/anything", "/anything/some%2Fthing?q=1")),
    *map(get, ("/json", "/xml", "/html", "/robots.txt", "/deny", "/encoding/utf8", "/cache/60", "/cookies")),
    *map(get, ("/status/200", "/status/204", "/status/304", "/status/404", "/status/418", "/status/503")),
    *map(get, ("/redirect/2", "/relative-redirect/2", "/absolute-redirect/2", "/redirect-to?url=%2Fget")),
    *map(get, ("/base64/TWlncmF0b3I%3D", "/bytes/512?seed=7", "/stream-bytes/2048?seed=7&chunk_size=100", "/stream/5")),
    *map(
        get,
        ("/range/100", "/range/100?chunk_size=10", "/links/4/1", "/links/4", "/delay/0", "/drip?numbytes=5&duration=0"),
    ),
    *map(get, ("/image/png", "/image/jpeg", "/image/webp", "/image/svg", "/gzip", "/deflate", "/brotli")),
    *map(get, ("/response-headers?X-A=1&X-A=2", "/cookies/set?a=1", "/cookies/set/b/2", "/cookies/delete?a=")),
    *map(get, ("/basic-auth/u/p", "/hidden-basic-auth/u/p", "/bearer", "/etag/abc", "/user-agent")),
    get("/basic-auth/u/p", Authorization="Basic dTpw"),
    get("/bearer", Authorization="Bearer token"),
    get("/etag/abc", If_None_Match="abc"),
    get("/cache", If_Modified_Since="Sat, 21 Nov 2026 00:00:00 GMT"),
    get("/range/100", Range="bytes=10-19"),
    get("/cookies", Cookie="a=1; b=2"),
    get("/image", Accept="image/webp"),
    get("/headers", X_Repeated="one, two", Accept_Language="de, en;q=0.5"),
    Request(method="HEAD", path="/get"),
)
"""Reads that a service answers alike each time, whatever it is asked: no dice, no clock in the answer."""
WRITES: Final = (
    send_json("POST", "/post"),
    send_json("PUT", "/put"),
    send_json("PATCH", "/patch"),
    send_json("DELETE", "/delete"),
    Request(method="DELETE", path="/anything"),
    Request(method="POST", path="/post", body=b"a=1", headers={"Content-Type": "application/x-www-form-urlencoded"}),
    Request(method="POST", path="/status/201"),
)
DICE: Final = (get("/uuid"), get("/bytes/16"))
"""Reads that answer otherwise each time: two sides can only differ. A project accepts this by a rule."""


def from_log(file: Path) -> Iterator[Request]:
    """Requests of an access log of JSON lines with `method` and `path`; what no client could send is left out."""
    with file.open() as lines:
        for line in lines:
            entry = json.loads(line)
            path = entry["path"]
            if entry["method"] in ("GET", "HEAD") and path.startswith("/") and path.isascii() and path.isprintable():
                yield Request(method=entry["method"], path=path.replace(" ", "%20"))


def replay(requests: Iterable[Request], *, target: str, per_second: float | None = None) -> Counter[int]:
    """Send requests one after the other over one connection. Returns how many were answered with which status.

    Raises OSError or HTTPException where the target does not answer.
    """
    address, statuses = urlsplit(target), Counter[int]()
    connection = HTTPConnection(address.hostname or "127.0.0.1", address.port or 80, timeout=PATIENCE)
    try:
        for request in requests:
            due = time.monotonic() + (1 / per_second if per_second else 0)
            connection.request(request.method, request.path, body=request.body, headers=dict(request.headers))
            answer = connection.getresponse()
            answer.read()
            statuses[answer.status] += 1
            time.sleep(max(0.0, due - time.monotonic()))
    finally:
        connection.close()
    return statuses


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.replay", description="Requests to httpbin, for ever.")
    parser.add_argument("--target", default="http://127.0.0.1:8080", help="where the gateway listens")
    parser.add_argument("--per-second", type=float, default=25.0)
    parser.add_argument("--log", type=Path, help="access log as JSON lines: each of its requests is sent in between")
    options = parser.parse_args()
    logged = list(from_log(options.log)) if options.log else []
    mixed = (
        request for pair in itertools.zip_longest(READS * 3 + WRITES + DICE, logged) for request in pair if request
    )
    requests = itertools.cycle(mixed)
    while True:
        try:
            replay(requests, target=options.target, per_second=options.per_second)
        except (OSError, HTTPException):
            # The gateway is not up yet, or is starting again.
            time.sleep(PAUSE_AFTER_FAILURE)


if __name__ == "__main__":
    main()
