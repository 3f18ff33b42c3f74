"""Comparison beside its peers: `python -m bench.compare`.

Prints, for documents of three sizes, how much CPU time each way of comparing takes as a multiple of
the bound: parsing both bodies with orjson and `==`, which names no path and takes 1, 1.0 and true
for the same. Medians of interleaved rounds: one core's speed varies by the minute, ratios hold.
"""

import copy
import json
import random
import statistics
import string
import time
from collections.abc import Callable
from typing import Any

import deepdiff
import deepdiff_rs
import orjson

from migrator.core.comparison import Answer, compare
from migrator.core.fields import FieldIndex
from migrator.core.redaction import findings
from migrator.core.rules import compile_rules
from migrator.core.wire import Form, RuleKind, RuleSpec

ROUNDS = 25
SLICE_SECONDS = 0.004
HEADERS = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "Content-Type": "application/json",
        "Date": "Sat, 21 Nov 2026 00:00:00 GMT",
        "Server": "nginx",
        "Cache-Control": "no-store",
        "Vary": "Accept",
        "X-Request-Id": "0f1e2d3c",
        "Content-Length": "28672",
        "Connection": "keep-alive",
    }.items()
)
COMPARED = ("content-type", "location")
"""As a project compares them where it does not say otherwise (wire.Manners)."""


def document(items: int, seed: int = 1) -> dict[str, Any]:
    """An answer as services send them: about 200 bytes for each item."""
    dice = random.Random(seed)
    return {
        "items": [
            {
                "id": number,
                "name": "".join(dice.choices(string.ascii_letters, k=12)),
                "price": round(dice.random() * 100, 2),
                "available": dice.random() < 0.5,
                "tags": ["red", "green", "blue"],
                "created_at": "2024-01-02T03:04:05.123Z",
                "owner": {"id": dice.randrange(10**6), "email": "somebody@example.org", "score": dice.randrange(100)},
                "parent": None,
            }
            for number in range(items)
        ],
        "total": items,
    }


def noisy(original: dict[str, Any]) -> dict[str, Any]:
    """The document as another service would write it: each item in four places, all of which the ten rules settle."""
    changed = copy.deepcopy(original)
    for item in changed["items"]:
        item["created_at"] = "2024-01-02T04:04:05.123+01:00"
        item["owner"]["id"] = f"user-{item['owner']['id']}"
        item["owner"]["score"] += 1
        item["tags"].reverse()
    return changed


def planted(original: dict[str, Any], differences: int) -> dict[str, Any]:
    """The document with so many prices changed."""
    changed = copy.deepcopy(original)
    items = changed["items"]
    for at in range(differences):
        items[at * len(items) // differences]["price"] += 1000
    return changed


Operation = Callable[[bytes, bytes], object]


def bound(left: bytes, right: bytes) -> object:
    return orjson.loads(left) == orjson.loads(right)


def ours(left: bytes, right: bytes) -> object:
    return compare(
        control=Answer(status=200, headers=HEADERS, body=left),
        candidate=Answer(status=200, headers=HEADERS, body=right),
        compared_headers=COMPARED,
    )


FIELDS = FieldIndex(
    enumerate(["$.total", "$.items[*].id", "$.items[*].price", "$.items[*].tags", "$.items[*].owner.email"])
)


def ours_with_fields(left: bytes, right: bytes) -> object:
    """As the gateway does it: which of five fields differed, and the differences as a sample shows them."""
    control = Answer(status=200, headers=HEADERS, body=left)
    candidate = Answer(status=200, headers=HEADERS, body=right)
    comparison = compare(control=control, candidate=candidate, compared_headers=COMPARED)
    return FIELDS.results(comparison, control), findings(comparison, ())


TEN_RULES = compile_rules(
    [
        RuleSpec(id=1, kind=RuleKind.IGNORE, path="$.items[*].owner.score"),
        RuleSpec(id=2, kind=RuleKind.IGNORE, path="$..request_id"),
        RuleSpec(id=3, kind=RuleKind.TOLERANCE, path="$.items[*].price", relative=1e-9),
        RuleSpec(id=4, kind=RuleKind.NORMALISE, path="$.items[*].created_at", form=Form.INSTANT),
        RuleSpec(id=5, kind=RuleKind.NORMALISE, path="$.items[*].price", form=Form.NUMBER),
        RuleSpec(id=6, kind=RuleKind.NORMALISE, path="$.items[*].owner.email", form=Form.CASE),
        RuleSpec(id=7, kind=RuleKind.UNORDERED, path="$.items[*].tags"),
        RuleSpec(id=8, kind=RuleKind.MAP, path="$.items[*].owner.id"),
        RuleSpec(id=9, kind=RuleKind.ACCEPT, path="$.items[-1].parent"),
        RuleSpec(id=10, kind=RuleKind.IGNORE, path="$.items[?@.available==true].stock"),
    ],
    now=0,
)
"""One of each kind, compiled once. What is planted differs none the less."""


def ours_with_rules(left: bytes, right: bytes) -> object:
    return compare(
        control=Answer(status=200, headers=HEADERS, body=left),
        candidate=Answer(status=200, headers=HEADERS, body=right),
        rules=TEN_RULES,
        compared_headers=COMPARED,
    )


def with_deepdiff(left: bytes, right: bytes) -> object:
    return deepdiff.DeepDiff(orjson.loads(left), orjson.loads(right))


def with_deepdiff_rs(left: bytes, right: bytes) -> object:
    return deepdiff_rs.DeepDiff(orjson.loads(left), orjson.loads(right)).to_dict()


OPERATIONS: dict[str, Operation] = {
    "bound: orjson x2 and ==": bound,
    "migrator compare": ours,
    "migrator compare, ten rules": ours_with_rules,
    "migrator compare, fields, sample": ours_with_fields,
    "deepdiff-rs": with_deepdiff_rs,
    "deepdiff": with_deepdiff,
}


def measure(left: bytes, right: bytes) -> dict[str, float]:
    """CPU microseconds for each operation: medians over rounds in which all of them take turns."""
    times: dict[str, list[float]] = {name: [] for name in OPERATIONS}
    repeat = {name: repetitions(operation, left, right) for name, operation in OPERATIONS.items()}
    for _ in range(ROUNDS):
        for name, operation in OPERATIONS.items():
            started = time.process_time_ns()
            for _ in range(repeat[name]):
                operation(left, right)
            times[name].append((time.process_time_ns() - started) / repeat[name] / 1_000)
    return {name: statistics.median(taken) for name, taken in times.items()}


def repetitions(operation: Operation, left: bytes, right: bytes) -> int:
    started = time.perf_counter()
    operation(left, right)
    return max(1, int(SLICE_SECONDS / (time.perf_counter() - started)))


def cases(items: int) -> dict[str, tuple[bytes, bytes]]:
    """Pairs of bodies. The candidate writes other whitespace, but for the case of equal bytes."""
    original = document(items)
    left = orjson.dumps(original)
    return {
        "equal bytes": (left, bytes(bytearray(left))),
        "equal documents": (left, json.dumps(original).encode()),
        "1 difference": (left, json.dumps(planted(original, 1)).encode()),
        "20 differences": (left, json.dumps(planted(original, min(20, items))).encode()),
        "4 in each item": (left, json.dumps(noisy(original)).encode()),
    }


def main() -> None:
    """Print the table: microseconds of the bound, and every operation as a multiple of it."""
    for title, items in (("0.75 KB", 4), ("28 KB", 143)):
        print(f"\n{title:36}" + "".join(f"{case:>18}" for case in cases(items)))
        columns = [measure(left, right) for left, right in cases(items).values()]
        reference = next(iter(OPERATIONS))
        for name in OPERATIONS:
            cells = (f"{column[name]:9.1f} µs {column[name] / column[reference]:5.3g}x" for column in columns)
            print(f"{name:36}" + "".join(f"{cell:>18}" for cell in cells))


if __name__ == "__main__":
    main()
