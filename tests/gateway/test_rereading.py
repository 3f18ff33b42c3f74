"""Races: a mismatch of a read is looked into before it counts, and reading again has its limits."""

import itertools
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway.conftest import Rig
from tests.wires import Request, eventually, plain

SIDE_BY_SIDE = {"stage": "side_by_side", "mirror": 10_000}
SLOW = {"rereads_after_ms": [60_000]}
GENEROUS = {"rereads_per_second": 1_000}


def unit(key: str, **more: Any) -> dict[str, Any]:
    return {"key": key, **SIDE_BY_SIDE, **more}


def answers(*bodies: Any) -> Callable[[Request], bytes]:
    """One after the other, the last of them for ever. To whoever asks."""
    left = itertools.chain(bodies, itertools.repeat(bodies[-1]))
    return lambda request: plain(json.dumps(next(left)).encode())


def marked(rig: Rig) -> int:
    return sum(bool(request.values(b"x-migrator-mirror")) for request in rig.legacy.requests)


def settled(rig: Rig, of: int, unit: int = 1) -> tuple[dict[str, int], dict[str, int]]:
    """Outcomes and proofs."""
    return rig.outcomes(of=of, unit=unit), rig.plane.counts("proofs", unit)


def test_mismatch__that_stays__is_confirmed_by_three_readings_of_either_side(rig: Rig) -> None:
    rig.candidate.respond = answers({"n": 2})
    rig.publish(unit("GET /a"))
    rig.get("/a?x=1", "Cookie: c=1")
    assert settled(rig, 1) == ({"mismatch": 1}, {"confirmed": 1})
    assert (len(rig.legacy.requests), len(rig.candidate.requests), marked(rig)) == (4, 4, 3)
    assert {request.target for request in rig.legacy.requests} == {b"/a?x=1"}
    assert rig.legacy.requests[-1].values(b"cookie") == [b"c=1"]


def test_race__of_data_that_moved__is_incomparable_and_leaves_no_difference(rig: Rig) -> None:
    rig.legacy.respond = answers({"n": 1}, {"n": 2})
    rig.candidate.respond = answers({"n": 2})
    rig.publish(unit("GET /a"), unit("GET /a $.n", parent=1), unit("GET /a $.m", parent=1))
    rig.get("/a")
    assert settled(rig, 1) == ({"incomparable": 1}, {"moved": 1})
    assert rig.plane.outcomes(2) == {"incomparable": 1}
    assert rig.plane.tallies(1)[0]["paths"] == []
    assert rig.plane.samples() == []


def test_race__of_data_that_was_deleted_meanwhile__moved_though_nothing_of_it_is_left(rig: Rig) -> None:
    gone = plain(b'{"error": "no such thing"}', status=b"404 Not Found")
    for service, first in ((rig.legacy, b'{"n": 1}'), (rig.candidate, b'{"n": 2}')):
        replies = itertools.chain([plain(first)], itertools.repeat(gone))
        service.respond = lambda request, replies=replies: next(replies)
    rig.publish(unit("GET /a"))
    rig.get("/a")
    assert settled(rig, 1) == ({"incomparable": 1}, {"moved": 1})


def test_race__of_a_candidate_that_is_behind__is_incomparable_and_counted_apart(rig: Rig) -> None:
    rig.legacy.respond = answers({"n": 2, "at": 1}, {"n": 2, "at": 2})
    rig.candidate.respond = answers({"n": 1, "at": 1}, {"n": 1, "at": 2}, {"n": 2, "at": 2})
    rig.publish(unit("GET /a"))
    rig.get("/a")
    assert settled(rig, 1) == ({"incomparable": 1}, {"lagged": 1})
    assert len(rig.candidate.requests) == 3


def test_race__beside_a_real_difference__counts_the_real_one_alone(rig: Rig) -> None:
    rig.legacy.respond = answers({"moves": 1, "wrong": 1}, {"moves": 2, "wrong": 1})
    rig.candidate.respond = answers({"moves": 2, "wrong": 2})
    rig.publish(unit("GET /a"), unit("GET /a $.moves", parent=1), unit("GET /a $.wrong", parent=1))
    rig.get("/a")
    assert settled(rig, 1) == ({"mismatch": 1}, {"confirmed": 1})
    assert [path["shape"] for path in rig.plane.tallies(1)[0]["paths"]] == ["$.wrong"]
    assert (rig.plane.outcomes(2), rig.plane.outcomes(3)) == ({"incomparable": 1}, {"mismatch": 1})


def test_race__of_ever_other_places__is_no_proof_of_innocence(rig: Rig) -> None:
    rig.candidate.respond = answers({"a": 1}, {"b": 1}, {"c": 1}, {"d": 1})
    rig.publish(unit("GET /a"))
    rig.get("/a")
    assert settled(rig, 1) == ({"mismatch": 1}, {"unconfirmed": 1})


@pytest.mark.parametrize("failure", [b"500 Oops", b"503 Busy"])
def test_mismatch__whose_second_reading_fails__counts(rig: Rig, failure: bytes) -> None:
    first = iter([plain(b'{"n": 2}')])
    rig.candidate.respond = lambda request: next(first, plain(b"{}", status=failure))
    rig.publish(unit("GET /a"))
    rig.get("/a")
    assert settled(rig, 1) == ({"mismatch": 1}, {"unconfirmed": 1})


def test_failure__at_random__stays_a_failure_and_is_not_read_again(rig: Rig) -> None:
    turns = itertools.cycle([b"200 OK", b"500 Oops"])
    rig.candidate.respond = lambda request: plain(status=next(turns))
    rig.publish(unit("GET /a"))
    for _ in range(6):
        rig.get("/a")
    assert settled(rig, 6) == ({"match": 3, "candidate_error": 3}, {})
    assert len(rig.candidate.requests) == 6


def test_status__that_differs_once__is_read_again_too(rig: Rig) -> None:
    first = iter([plain(status=b"404 Not Found")])
    rig.candidate.respond = lambda request: next(first, plain())
    rig.publish(unit("GET /a", stage="shadow"))
    rig.get("/a")
    assert settled(rig, 1) == ({"incomparable": 1}, {"lagged": 1})


def test_burst__of_one_cause__is_confirmed_few_times_and_counted_exactly(rig: Rig) -> None:
    rig.candidate.respond = answers({"n": 2})
    rig.publish(unit("GET /a/{id}"))
    for at in range(60):
        rig.get(f"/a/{at}")
    settled(rig, 60)
    for at in range(60):
        rig.get(f"/a/{at}")
    outcomes, proofs = settled(rig, 120)
    assert outcomes == {"mismatch": 120}
    assert sum(proofs.values()) == 120
    assert proofs["confirmed"] >= 3
    assert proofs["known"] >= 60
    # The reserve, and a twentieth of the requests.
    assert marked(rig) <= 30 + 120 // 20


def test_budget__of_none__leaves_mismatches_as_they_are(rig: Rig) -> None:
    rig.candidate.respond = answers({"n": 2})
    rig.publish(unit("GET /a"), manners={"reread_share": 0})
    rig.get("/a")
    rig.publish(unit("GET /a"), manners={"rereads_per_second": 0})
    rig.get("/a")
    rig.publish(unit("GET /a"), manners={"rereads_after_ms": []})
    rig.get("/a")
    outcomes, proofs = settled(rig, 3)
    assert outcomes == {"mismatch": 3}
    assert proofs["unconfirmed"] == 3
    assert marked(rig) == 0


def test_budget__per_second__is_kept(rig: Rig) -> None:
    rig.candidate.respond = lambda request: plain(b'{"%b": 1}' % request.target[3:])
    rig.publish(unit("GET /a/{id}"), manners={"rereads_per_second": 1, "rereads_after_ms": [1]})
    for at in range(20):
        rig.get(f"/a/{'x' * (1 + at)}")
    outcomes, proofs = settled(rig, 20)
    assert outcomes == {"mismatch": 20}
    assert proofs["unconfirmed"] > proofs.get("confirmed", 0)
    assert marked(rig) < 10


def test_mirror__without_room__leaves_the_mismatch_unconfirmed(rig: Rig) -> None:
    rig.candidate.respond = answers({"n": 2})
    rig.publish(unit("GET /a"), mirror_concurrency=1)
    rig.get("/a")
    assert settled(rig, 1) == ({"mismatch": 1}, {"unconfirmed": 1})


def test_writes__that_differ__are_executed_once_on_either_side(rig: Rig) -> None:
    rig.candidate.respond = answers({"n": 2})
    rig.publish(
        unit("POST /sister", operation="write", sister=True), unit("POST /things", operation="write"), unit("GET /a")
    )
    for _ in range(5):
        rig.get("/sister", method="POST", body=b"{}")
        rig.get("/things", method="POST", body=b"{}")
        rig.get("/a", "X-HTTP-Method-Override: DELETE")
    assert settled(rig, 5) == ({"mismatch": 5}, {"unconfirmed": 5})
    assert rig.outcomes(of=5, unit=2) == rig.outcomes(of=5, unit=3) == {"not_sampled": 5}
    assert (rig.legacy.count(b"POST"), rig.candidate.count(b"POST"), rig.candidate.count(b"GET")) == (10, 5, 0)


def test_mutation__over_graphql__is_never_read_again_and_a_query_is(rig: Rig) -> None:
    rig.candidate.respond = answers({"n": 2})
    rig.publish(unit("POST /graphql"))
    rig.get("/graphql", method="POST", body=b'{"query": "mutation { a }"}')
    rig.get("/graphql", method="POST", body=b'{"query": "{ a }"}')
    assert settled(rig, 2) == ({"not_sampled": 1, "mismatch": 1}, {"confirmed": 1})
    assert [b"mutation" in request.body for request in rig.legacy.requests] == [True, False, False, False, False]


@pytest.mark.parametrize(
    ("where", "legacy", "candidate", "outcome", "proof"),
    [
        ("header:ETag", plain(b"1", b'ETag: "7"'), plain(b"2", b'ETag: W/"7"'), "mismatch", "same_version"),
        ("header:etag", plain(b"1", b'ETag: "7"'), plain(b"2", b'ETag: "8"'), "incomparable", "other_version"),
        ("header:etag", plain(b"1", b'ETag: "7"'), plain(b"2"), "mismatch", "confirmed"),
        ("$.at", plain(b'{"n": 1, "at": 7}'), plain(b'{"n": 2, "at": 7}'), "mismatch", "same_version"),
        ("$.at", plain(b'{"n": 1, "at": 7}'), plain(b'{"n": 2, "at": 8}'), "incomparable", "other_version"),
        (
            "$.at",
            plain(b'{"n": 1, "at": "2026-01-01T00:00:00Z"}'),
            plain(b'{"n": 1, "at": "2026-01-01T01:00:00+01:00"}'),
            "mismatch",
            "same_version",
        ),
        ("$.at", plain(b'{"n": 1}'), plain(b'{"n": 2, "at": 8}'), "mismatch", "confirmed"),
        ("$[*].at", plain(b'[{"at": 1}]'), plain(b'[{"at": 2}]'), "mismatch", "confirmed"),
        ("nonsense", plain(b"1"), plain(b"2"), "mismatch", "confirmed"),
    ],
)
def test_fingerprint__of_the_version__decides_at_once_where_both_name_one(
    rig: Rig, where: str, legacy: bytes, candidate: bytes, outcome: str, proof: str
) -> None:
    rig.legacy.respond, rig.candidate.respond = lambda request: legacy, lambda request: candidate
    rig.publish(unit("GET /a"), manners={"fingerprint": where})
    rig.get("/a")
    assert settled(rig, 1) == ({outcome: 1}, {proof: 1})
    assert (marked(rig) == 0) is proof.endswith("version")


@pytest.mark.parametrize(
    ("write", "subject", "drifts"),
    [
        ("/users/7", "other", True),
        ("/users", "other", True),
        ("/users/7/name", "other", True),
        ("/elsewhere", "ada", True),
        ("/users/8", "other", False),
    ],
)
def test_write__on_the_same_subject__makes_even_a_known_mismatch_be_read_again(
    rig: Rig, write: str, subject: str, drifts: bool
) -> None:
    rig.candidate.respond = answers({"n": 2})
    named = {"subject_source": "header", "subject_name": "X-User", **GENEROUS}
    rig.publish(unit("GET /users/{id}"), unit("POST /*", operation="write"), manners=named)
    for _ in range(3):
        rig.get("/users/9", "X-User: bob")
    assert settled(rig, 3) == ({"mismatch": 3}, {"confirmed": 3})
    rig.get(write, f"X-User: {subject}", method="POST", body=b"{}")
    rig.get("/users/7", "X-User: ada")
    assert settled(rig, 4)[1] == ({"confirmed": 4} if drifts else {"confirmed": 3, "known": 1})


def test_write__that_is_no_unit__makes_pairs_drift(rig: Rig) -> None:
    rig.candidate.respond = answers({"n": 2})
    rig.publish(unit("GET /users/{id}"), manners=GENEROUS)
    for _ in range(3):
        rig.get("/users/9")
    settled(rig, 3)
    rig.get("/users/7", method="DELETE")
    rig.get("/users/7")
    assert settled(rig, 4) == ({"mismatch": 4}, {"confirmed": 4})


def test_write__still_under_way__makes_pairs_drift(rig: Rig) -> None:
    done = threading.Event()

    def respond(request: Request) -> bytes:
        assert request.method != b"PUT" or done.wait(10)
        return plain()

    rig.legacy.respond, rig.candidate.respond = respond, answers({"n": 2})
    rig.publish(unit("GET /users/{id}"), unit("PUT /users/{id}", operation="write"), manners=GENEROUS)
    for _ in range(3):
        rig.get("/users/9")
    settled(rig, 3)
    writer = threading.Thread(target=lambda: rig.get("/users/7", method="PUT", body=b"{}"))
    writer.start()
    eventually(lambda: rig.legacy.count(b"PUT"))
    rig.get("/users/7")
    rig.get("/users/8")
    assert settled(rig, 5) == ({"mismatch": 5}, {"confirmed": 4, "known": 1})
    done.set()
    writer.join(10)


def test_stop__while_a_mismatch_is_looked_into__counts_it(rig: Rig) -> None:
    rig.candidate.respond = answers({"n": 2})
    rig.publish(unit("GET /a"), manners=SLOW)
    rig.get("/a")
    eventually(lambda: rig.worker is not None and rig.worker.judge.waiting == 1)
    rig.stop()
    assert settled(rig, 1) == ({"mismatch": 1}, {"unconfirmed": 1})


def test_large_answers__are_looked_into_beside_the_loop(rig: Rig) -> None:
    padding = "x" * 100_000
    rig.legacy.respond = answers({"n": 1, "p": padding}, {"n": 2, "p": padding})
    rig.candidate.respond = answers({"n": 2, "p": padding})
    rig.publish(unit("GET /a"))
    rig.get("/a")
    assert settled(rig, 1) == ({"incomparable": 1}, {"moved": 1})
