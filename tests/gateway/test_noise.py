"""Noise: a side that disagrees with itself is seen to, a side that fails is not excused."""

import itertools
import json
from collections.abc import Callable
from typing import Any

from tests.gateway.conftest import Rig
from tests.wires import Request, eventually, plain

ALWAYS = {"noise_share": 10_000, "rereads_after_ms": []}
UNIT = {"key": "GET /a", "stage": "side_by_side", "mirror": 10_000}


def changing(make: Callable[[int], Any]) -> Callable[[Request], bytes]:
    turns = itertools.count()
    return lambda request: plain(json.dumps(make(next(turns))).encode())


def asked_twice(rig: Rig, times: int) -> dict[str, int]:
    """Send requests until both sides were asked twice so often."""
    for _ in range(2 * times):
        rig.get("/a")
    return eventually(lambda: sum((found := rig.plane.counts("noise_pairs")).values()) >= 2 * times and found)


def test_identical_services__asked_twice_in_turn__show_no_noise(rig: Rig) -> None:
    rig.publish(UNIT, manners=ALWAYS)
    assert asked_twice(rig, 3) == {"legacy": 3, "candidate": 3}
    assert rig.plane.noise() == {}
    assert rig.outcomes(of=6) == {"match": 6}
    assert (len(rig.legacy.requests), len(rig.candidate.requests)) == (12, 12)


def test_random_order_and_timestamps__of_one_side__are_its_noise(rig: Rig) -> None:
    rig.legacy.respond = changing(lambda turn: {"at": turn, "items": ["a", "b"]})
    rig.candidate.respond = changing(lambda turn: {"at": 0, "items": ["a", "b"] if turn % 2 else ["b", "a"]})
    rig.publish(UNIT, manners=ALWAYS)
    asked_twice(rig, 4)
    noise = rig.plane.noise()
    assert set(noise) == {("legacy", "$.at", "value"), ("candidate", "$.items", "order")}
    assert noise["legacy", "$.at", "value"] == 4


def test_random_failure__of_either_side__is_never_noise(rig: Rig) -> None:
    turns = itertools.count()
    statuses = [b"200 OK", b"500 Oops", b"404 Not Found", b"200 OK", b"503 Busy"]
    rig.candidate.respond = lambda request: plain(b'"%d"' % next(turns), status=statuses[next(turns) % 5])
    rig.publish(UNIT, manners=ALWAYS)
    for _ in range(40):
        rig.get("/a")
    eventually(lambda: rig.plane.counts("noise_pairs").get("legacy", 0) >= 3)
    assert not any(shape == "status" for _, shape, _ in rig.plane.noise())
    assert rig.outcomes(of=40)["candidate_error"] > 0
    assert rig.plane.counts("noise_pairs").get("candidate", 0) < rig.plane.counts("noise_pairs")["legacy"]


def test_writes__whatever_the_share__are_sent_once(rig: Rig) -> None:
    rig.publish(
        {**UNIT, "key": "POST /a", "operation": "write", "sister": True},
        {**UNIT, "key": "POST /b", "operation": "write"},
        manners=ALWAYS,
    )
    for _ in range(5):
        rig.get("/a", method="POST", body=b"{}")
        rig.get("/b", method="POST", body=b"{}")
    assert rig.outcomes(of=5) == {"match": 5}
    assert rig.outcomes(of=5, unit=2) == {"not_sampled": 5}
    assert (len(rig.legacy.requests), len(rig.candidate.requests)) == (10, 5)
    assert rig.plane.counts("noise_pairs") == {}


def test_share__of_none__asks_nobody_twice(rig: Rig) -> None:
    rig.publish(UNIT)
    for _ in range(10):
        rig.get("/a")
    assert rig.outcomes(of=10) == {"match": 10}
    assert (len(rig.legacy.requests), len(rig.candidate.requests)) == (10, 10)


def test_mirror__without_room__asks_nobody_twice(rig: Rig) -> None:
    rig.publish(UNIT, manners=ALWAYS, mirror_concurrency=1)
    for at in range(1, 5):
        rig.get("/a")
        assert rig.outcomes(of=at) == {"match": at}
    assert len(rig.legacy.requests) == 4


def test_rules_made_of_noise__in_the_table__leave_no_mismatch(rig: Rig) -> None:
    rig.legacy.respond = changing(lambda turn: {"at": turn, "items": [1, 2], "n": 1})
    rig.candidate.respond = changing(lambda turn: {"at": -1, "items": [2, 1], "n": 1})
    rules = [
        {"id": 2**40 + 1, "kind": "ignore", "path": "$.at", "unit": 1, "noise": True},
        {"id": 2**40 + 2, "kind": "unordered", "path": "$.items", "unit": 1, "noise": True},
    ]
    rig.publish(UNIT, rules=rules)
    rig.get("/a")
    assert rig.outcomes(of=1) == {"match": 1}


def test_error_in_words__of_a_side_that_fails_at_random__is_never_noise(rig: Rig) -> None:
    failure = {"error": {"message": "busy"}}
    rig.candidate.respond = changing(lambda turn: failure if turn % 3 else {})
    rig.publish(UNIT, manners=ALWAYS)
    for _ in range(30):
        rig.get("/a")
    assert rig.outcomes(of=30)["candidate_error"] > 0
    eventually(lambda: rig.plane.counts("noise_pairs").get("legacy", 0) >= 3)
    assert rig.plane.noise() == {}
