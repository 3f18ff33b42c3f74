"""A small service with many kinds of answers: `python -m tests.integration.planted_service --port 8000 [--faulty]`.

Two of it give the same answers. With `--faulty` one of them is a candidate with faults: one for each endpoint of
FAULTS, and a race, in which legacy's first answer about a record is out of date a moment later.
"""

import argparse
import asyncio
import gzip
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final

RARE: Final = 321
"""The one record of many that the candidate gets wrong."""
FAILING_EVERY: Final = 7
"""Records that the candidate fails on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint says; whatever is no text or bytes is written as JSON."""

    body: Any
    kind: str = "application/json"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()

    def written(self) -> bytes:
        body = self.body if isinstance(self.body, (str, bytes)) else json.dumps(self.body)
        data = body.encode() if isinstance(body, str) else body
        lines = [f"{name}: {value}" for name, value in (("Content-Type", self.kind), *self.headers)]
        head = "\r\n".join([f"HTTP/1.1 {self.status} Said", *lines, f"Content-Length: {len(data)}", "", ""])
        return head.encode() + data


# --------------------------------------------------------------------------------- the same on both sides


def _shuffled(n: int) -> Answer:
    items = [f"item-{n}-{at}" for at in range(12)]
    random.shuffle(items)
    return Answer({"id": n, "items": items})


def _session(n: int) -> Answer:
    expires = formatdate(time.time() + 3_600, usegmt=True)
    return Answer({"id": n}, headers=(("Set-Cookie", f"sid=s{n}; Path=/; Expires={expires}; HttpOnly"),))


def _lines(numbers: range) -> str:
    return "".join(json.dumps({"n": n, "even": n % 2 == 0}) + "\n" for n in numbers)


def _html(n: int) -> str:
    return f"<!doctype html><html><body><h1>Order {n}</h1><ul><li>{n}<li>{n + 1}</ul></body></html>"


NOISY: Final[dict[str, Callable[[int], Answer]]] = {
    "clock": lambda n: Answer({"id": n, "at": time.time_ns()}),
    "shuffled": _shuffled,
}
"""Both sides disagree with themselves: at `$.at`, and in the order of `$.items`."""

STEADY: Final[dict[str, Callable[[int], Answer]]] = {
    "flat": lambda n: Answer({"id": n, "price": n / 4, "name": f"Ünit {n}", "tags": None if n % 3 else ["a"]}),
    "nested": lambda n: Answer({"pages": [{"n": at, "inner": {"deep": [[at, str(n)]]}} for at in range(n % 9)]}),
    "wide": lambda n: Answer({f"key{at}": {"value": at * n, "big": 10**30 + at} for at in range(60)}),
    "scalars": lambda n: Answer([n, -0.0, 1e17, 1.0, "", "\u0000", True, None][n % 8]),
    "lines": lambda n: Answer(_lines(range(n % 12)), "application/x-ndjson"),
    "xml": lambda n: Answer(f'<order id="{n}"><line sku="a">{n}</line></order>', "application/xml"),
    "html": lambda n: Answer(_html(n), "text/html; charset=utf-8"),
    "text": lambda n: Answer(f"order {n}\nline two\n", "text/plain; charset=utf-8"),
    "binary": lambda n: Answer(bytes(at * n % 256 for at in range(500)), "application/octet-stream"),
    "moved": lambda n: Answer("", "text/plain", 302, (("Location", f"/flat/{n}?from=moved"),)),
    "session": _session,
    "absent": lambda n: Answer({"detail": f"No order {n}."}, status=404),
    "gzip": lambda n: Answer(gzip.compress(json.dumps({"id": n}).encode()), headers=(("Content-Encoding", "gzip"),)),
}


# ------------------------------------------------------------------------------------- the planted faults


def _cookie(*attributes: str) -> Callable[[int], Answer]:
    return lambda n: Answer({"id": n}, headers=(("Set-Cookie", "; ".join((f"sid=s{n}", "Path=/", *attributes))),))


def _instant(n: int, form: str) -> Answer:
    return Answer({"id": n, "made_at": form.format(n % 60)})


def _filters(n: int) -> dict[str, Any]:
    return {"color": f"c{n}", "size": f"s{n}", "brand": f"b{n}"}


def _failing(n: int) -> Answer:
    return Answer({"id": n}) if n % FAILING_EVERY else Answer({"detail": "Oops."}, status=500)


Both = tuple[Callable[[int], Answer], Callable[[int], Answer]]
"""What legacy answers, and what the candidate does."""

FAULTS: Final[dict[str, Both]] = {
    "number-as-string": (lambda n: Answer({"id": n, "price": n / 4}), lambda n: Answer({"id": n, "price": f"{n / 4}"})),
    "number-form": (lambda n: Answer({"count": n}), lambda n: Answer({"count": float(n)})),
    "null-for-missing": (lambda n: Answer({"id": n}), lambda n: Answer({"id": n, "note": None})),
    "missing-key": (lambda n: Answer({"id": n, "name": f"n{n}"}), lambda n: Answer({"id": n})),
    "extra-key": (lambda n: Answer({"id": n}), lambda n: Answer({"id": n, "debug": f"d{n}"})),
    "list-order": (lambda n: Answer({"tags": ["a", "b", f"{n}"]}), lambda n: Answer({"tags": [f"{n}", "b", "a"]})),
    "list-length": (lambda n: Answer({"rows": [1, 2, n]}), lambda n: Answer({"rows": [1, 2]})),
    "timestamp-format": (
        lambda n: _instant(n, "2024-05-01T10:00:{:02}Z"),
        lambda n: _instant(n, "2024-05-01 10:00:{:02}+00:00"),
    ),
    "case": (lambda n: Answer({"state": f"Open {n}"}), lambda n: Answer({"state": f"OPEN {n}"})),
    "percent-encoding": (lambda n: Answer({"next": f"/a b/{n}"}), lambda n: Answer({"next": f"/a%20b/{n}"})),
    "scalar-to-list": (
        lambda n: Answer({"id": n, "filters": _filters(n)}),
        lambda n: Answer({"id": n, "filters": {name: [value] for name, value in _filters(n).items()}}),
    ),
    "status": (lambda n: Answer({"id": n}), lambda n: Answer({"id": n}, status=404)),
    "error-in-words": (lambda n: Answer({"id": n}), lambda n: Answer({"error": {"message": "no such order"}})),
    "cookie-attribute": (_cookie("HttpOnly", "Secure"), _cookie("HttpOnly")),
    "redirect": (
        lambda n: Answer("", "text/plain", 302, (("Location", f"/new/{n}"),)),
        lambda n: Answer("", "text/plain", 302, (("Location", f"/old/{n}"),)),
    ),
    "trailing-zeros": (lambda n: Answer({"total": f"{n}.50"}), lambda n: Answer({"total": f"{n}.5"})),
    "ndjson-line": (
        lambda n: Answer(_lines(range(5)), "application/x-ndjson"),
        lambda n: Answer(_lines(range(4)), "application/x-ndjson"),
    ),
    "xml-attribute": (
        lambda n: Answer(f'<order id="{n}" state="open"/>', "application/xml"),
        lambda n: Answer(f'<order id="{n}" state="shut"/>', "application/xml"),
    ),
    "text-line": (
        lambda n: Answer(f"order {n}\nshipped\n", "text/plain"),
        lambda n: Answer(f"order {n}\nsent\n", "text/plain"),
    ),
    "rare": (lambda n: Answer({"id": n, "sum": n}), lambda n: Answer({"id": n, "sum": n + (n == RARE)})),
    "failing": (lambda n: Answer({"id": n}), _failing),
}


class Races:
    """The record moves just after legacy was first asked for it."""

    def __init__(self, *, faulty: bool) -> None:
        self._faulty = faulty
        self._asked: set[int] = set()

    def __call__(self, n: int) -> Answer:
        before = not self._faulty and n not in self._asked
        self._asked.add(n)
        return Answer({"id": n, "stock": n if before else n + 1})


# --------------------------------------------------------------------------------------------- the server


def endpoints(*, faulty: bool) -> dict[str, Callable[[int], Answer]]:
    """By name, each asked for as `/{name}/{number}`."""
    planted = {name: both[faulty] for name, both in FAULTS.items()}
    return {**NOISY, **STEADY, **planted, "race": Races(faulty=faulty)}


def _answer(known: dict[str, Callable[[int], Answer]], target: str) -> Answer:
    name, _, number = target.partition("?")[0].strip("/").partition("/")
    return known[name](int(number)) if name in known else Answer({}, status=404)


async def serve(*, port: int, faulty: bool) -> None:
    """Answer GET requests on loopback until the process is ended."""
    known = endpoints(faulty=faulty)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_answer(known, head.split(b" ", 2)[1].decode()).written())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--faulty", action="store_true")
    asked = parser.parse_args()
    asyncio.run(serve(port=asked.port, faulty=asked.faulty))
