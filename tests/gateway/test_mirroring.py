"""Who is asked at each stage, how often, and that callers never notice the second call."""

import base64
import itertools
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway.conftest import Rig
from tests.wires import Request, Wire, eventually, plain

ALL = 10_000
STAGES = {
    "backlog": (0, 0),
    "shadow": (0, ALL),
    "side_by_side": (0, ALL),
    "canary": (5_000, ALL),
    "cutover": (ALL, ALL),
    "removal": (ALL, 0),
    "removed": (ALL, 0),
}
QUERY = b'{"query": "{ a }"}'
MUTATION = b'{"query": "mutation { a }"}'


def unit(key: str, stage: str, **more: Any) -> dict[str, Any]:
    candidate, mirror = STAGES[stage]
    return {"key": key, "stage": stage, "candidate": candidate, "mirror": mirror, **more}


def named(rig: Rig) -> None:
    """Each side says who it is in a header that is not compared."""
    rig.legacy.respond = lambda request: plain(b'{"a": 1}', b"X-Side: legacy")
    rig.candidate.respond = lambda request: plain(b'{ "a":1}', b"X-Side: candidate")


@pytest.mark.parametrize("stage", STAGES)
def test_write__at_every_stage__is_executed_on_one_side_once(rig: Rig, stage: str) -> None:
    rig.publish(unit("POST /things", stage, operation="write"))
    for at in range(30):
        headers = {0: ["X-HTTP-Method-Override: GET"], 1: ["X-Method-Override: GET"], 2: ["X-Migrator-Shadow: 1"]}
        assert rig.get("/things", *headers.get(at % 4, []), method="POST", body=b"{}").status == 200
    outcomes = rig.outcomes(of=30)
    executed = rig.legacy.count(b"POST"), rig.candidate.count(b"POST")
    assert sum(executed) == 30
    assert outcomes == {"not_sampled": 30}
    if stage == "canary":
        assert min(executed) > 0
    else:
        assert executed == ((30, 0) if STAGES[stage][0] == 0 else (0, 30))


@pytest.mark.parametrize("stage", STAGES)
def test_read__at_every_stage__is_answered_mirrored_and_counted_as_the_ladder_says(rig: Rig, stage: str) -> None:
    named(rig)
    rig.publish(unit("GET /things/{id}", stage))
    sides = [rig.get(f"/things/{at}").values(b"x-side")[0] for at in range(30)]
    outcomes = rig.outcomes(of=30)
    mirrored = STAGES[stage][1] > 0
    assert outcomes == {"match" if mirrored else "not_sampled": 30}
    assert rig.legacy.count(b"GET") == (30 if mirrored else sides.count(b"legacy"))
    assert rig.candidate.count(b"GET") == (30 if mirrored else sides.count(b"candidate"))
    if stage == "canary":
        assert set(sides) == {b"legacy", b"candidate"}
    else:
        assert set(sides) == {b"legacy" if STAGES[stage][0] == 0 else b"candidate"}


@pytest.mark.parametrize(
    ("headers", "method"),
    [
        (["X-HTTP-Method-Override: DELETE"], "GET"),
        (["X_HTTP_Method_Override: DELETE"], "GET"),
        ([], "POST"),
        ([], "DELETE"),
    ],
)
def test_read_unit__asked_in_a_way_that_may_write__is_not_mirrored(rig: Rig, headers: list[str], method: str) -> None:
    rig.publish(unit(f"{method} /things", "side_by_side", operation="read"))
    rig.get("/things", *headers, method=method)
    assert rig.outcomes(of=1) == {"not_sampled": 1}
    assert rig.candidate.requests == []


@pytest.mark.parametrize("stage", ["shadow", "side_by_side"])
def test_write__of_a_sister_unit__is_also_sent_to_the_candidate_marked(rig: Rig, stage: str) -> None:
    rig.publish(unit("POST /things", stage, operation="write", sister=True))
    rig.get("/things", method="POST", body=b'{"n": 1}')
    assert rig.outcomes(of=1) == {"match": 1}
    (request,) = rig.candidate.requests
    assert request.body == b'{"n": 1}'
    assert (request.values(b"x-migrator-sister"), request.values(b"x-migrator-mirror")) == ([b"1"], [b"sister"])
    assert rig.legacy.requests[0].values(b"x-migrator-sister") == []


def test_write__of_a_sister_unit_in_canary__goes_to_exactly_one_side(rig: Rig) -> None:
    rig.publish(unit("POST /things", "canary", operation="write", sister=True))
    for _ in range(30):
        rig.get("/things", method="POST", body=b"{}")
    assert rig.legacy.count(b"POST") + rig.candidate.count(b"POST") == 30


@pytest.mark.parametrize(
    ("body", "target", "mirrored"),
    [
        (QUERY, "/graphql", True),
        (b'[{"query": "{ a }"}, {"query": "query B { b }"}]', "/graphql?op=A", True),
        (MUTATION, "/graphql", False),
        (b'[{"query": "{ a }"}, {"query": "mutation { b }"}]', "/graphql", False),
        (b'{"query": "query A { a } mutation B { b }", "operationName": "A"}', "/graphql", False),
        (b'{"query": "{ a }", "query": "mutation { b }"}', "/graphql", False),
        (b'{"query": "{ a }", "Query": "mutation { b }"}', "/graphql", False),
        (b'{"query": "subscription { a }"}', "/graphql", False),
        (b'{"extensions": {"persistedQuery": {}}}', "/graphql", False),
        (QUERY, "/graphql?query=mutation%7Ba%7D", False),
        (b"not json", "/graphql", False),
        (b'{"query": "' + b"{a" * 20_000 + b'"}', "/graphql", False),
    ],
)
def test_graphql__over_post__is_mirrored_only_where_it_surely_asks(
    rig: Rig, body: bytes, target: str, mirrored: bool
) -> None:
    rig.publish(unit("POST /graphql", "side_by_side", operation="read"))
    rig.get(target, "Content-Type: application/json", method="POST", body=body)
    assert rig.outcomes(of=1) == {"match" if mirrored else "not_sampled": 1}
    assert len(rig.candidate.requests) == mirrored
    assert [request.body for request in rig.candidate.requests] == [body] * mirrored


def test_shadow__for_a_request_that_opts_in__calls_the_candidate_and_hides_the_header(rig: Rig) -> None:
    rig.publish({"key": "GET /a", "stage": "shadow", "mirror": 0})
    rig.get("/a")
    rig.get("/a", "X-Migrator-Shadow: 1")
    assert rig.outcomes(of=2) == {"not_sampled": 1, "match": 1}
    (request,) = rig.candidate.requests
    assert request.values(b"x-migrator-mirror") == [b"shadow"]
    assert request.values(b"x-migrator-shadow") == []


def test_shadow__where_bodies_differ__looks_at_the_status_only(rig: Rig) -> None:
    rig.candidate.respond = lambda request: plain(b'{"other": 1}')
    rig.publish(unit("GET /a", "shadow"))
    rig.get("/a")
    assert rig.outcomes(of=1) == {"match": 1}


def test_mirrored_call__of_a_project_that_drops_headers__carries_all_others(rig: Rig) -> None:
    rig.publish(unit("GET /a", "side_by_side"), manners={"candidate_headers_dropped": ["Cookie"]})
    rig.get("/a", "Cookie: secret", "X-Keep: 1", "Connection: X-Private", "X-Private: 1")
    rig.outcomes(of=1)
    (request,) = rig.candidate.requests
    assert (request.values(b"cookie"), request.values(b"x-keep"), request.values(b"x-private")) == ([], [b"1"], [])
    assert request.values(b"x-forwarded-for") == [b"127.0.0.1"]
    assert rig.legacy.requests[0].values(b"cookie") == [b"secret"]


def test_difference__of_a_field__counts_for_endpoint_and_field_and_is_redacted(rig: Rig) -> None:
    rig.legacy.respond = lambda request: plain(b'{"name": "Ada Lovelace", "age": 36, "id": 7}')
    rig.candidate.respond = lambda request: plain(b'{"name": "Ada L.", "age": 36, "id": 7}')
    rig.publish(
        unit("GET /users/{id}", "side_by_side", evidence_epoch=3),
        unit("GET /users/{id} $.name", "side_by_side", parent=1),
        unit("GET /users/{id} $.age", "side_by_side", parent=1),
        unit("GET /users/{id} $.absent", "side_by_side", parent=1),
        manners={"subject_source": "header", "subject_name": "X-User"},
    )
    for _ in range(2):
        rig.get("/users/secret-7?token=secret", "X-User: ada")
    assert rig.outcomes(of=2) == {"mismatch": 2}
    assert rig.plane.outcomes(2) == {"mismatch": 2}
    assert rig.plane.outcomes(3) == {"match": 2}
    assert rig.plane.outcomes(4) == {}
    tallies = rig.plane.tallies(1)
    assert {tally["evidence_epoch"] for tally in tallies} == {3}
    assert {(path["shape"], path["kind"]) for tally in tallies for path in tally["paths"]} == {("$.name", "value")}
    assert sum(path["count"] for tally in tallies for path in tally["paths"]) == 2
    assert len({subject for tally in tallies for subject in tally["mismatching_subjects"]}) == 1
    sample = eventually(rig.plane.samples)[0]
    assert (sample["legacy_status"], sample["findings"][0]["shape"]) == (200, "$.name")
    text = json.dumps(rig.plane.reports)
    assert not any(secret in text for secret in ("Ada", "secret"))


def test_canary__where_the_candidate_answers__keeps_legacy_as_the_control(rig: Rig) -> None:
    rig.legacy.respond = lambda request: plain(b'{"only_legacy": 1}')
    rig.publish(unit("GET /a", "cutover"))
    rig.get("/a")
    rig.outcomes(of=1)
    (finding,) = eventually(rig.plane.samples)[0]["findings"]
    assert (finding["shape"], finding["kind"]) == ("$.only_legacy", "missing")


def test_canary__with_a_subject__keeps_each_caller_on_one_side(rig: Rig) -> None:
    named(rig)
    rig.publish(unit("GET /a", "canary", mirror=0), manners={"subject_source": "cookie", "subject_name": "sid"})
    sides = {
        user: {rig.get("/a", f'Cookie: x=1; sid="{user}"').values(b"x-side")[0] for _ in range(3)}
        for user in ("u1", "user-42", "b1", "b2", "b3", "b4", "b5", "b6", "日本語")
    }
    assert all(len(seen) == 1 for seen in sides.values())
    # Their buckets are 3,663, 1,169 and 6,369.
    assert (sides["u1"], sides["user-42"], sides["日本語"]) == ({b"candidate"}, {b"candidate"}, {b"legacy"})


def test_canary__with_a_token_claim__reads_it_without_verifying(rig: Rig) -> None:
    named(rig)
    rig.publish(unit("GET /a", "canary", mirror=0), manners={"subject_source": "jwt_claim", "subject_name": "sub"})
    claims = base64.urlsafe_b64encode(b'{"sub": "u1"}').decode().rstrip("=")
    answers = [rig.get("/a", f"Authorization: Bearer e30.{claims}.x").values(b"x-side") for _ in range(8)]
    assert answers == [[b"candidate"]] * 8


def test_canary__for_strangers_of_a_careful_project__stays_with_legacy(rig: Rig) -> None:
    named(rig)
    rig.publish(
        unit("GET /a", "canary", mirror=0, candidate=9_999),
        manners={"subject_source": "header", "subject_name": "X-User", "anonymous": "legacy"},
    )
    assert {rig.get("/a").values(b"x-side")[0] for _ in range(10)} == {b"legacy"}


def test_served_by__where_the_project_asks_for_it__is_announced(rig: Rig) -> None:
    rig.candidate.respond = lambda request: plain(b"{}", b"X-Migrator-Served-By: a liar")
    rig.publish(unit("GET /a", "cutover"), manners={"announce_side": True})
    assert rig.get("/a").values(b"x-migrator-served-by") == [b"candidate"]
    assert rig.get("/other").values(b"x-migrator-served-by") == [b"legacy"]


# ------------------------------------------------------------------------- a failing candidate


def hang(wire: Wire) -> None:
    wire.request()
    wire.rest()


def half_a_body(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


def garbage(wire: Wire) -> None:
    wire.request()
    wire.send(b"\x00\xff garbage\r\n\r\n")


def drip(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        wire.send(b"x")
        time.sleep(0.02)


def crash(wire: Wire) -> None:
    wire.request()


def error_500(wire: Wire) -> None:
    while True:
        wire.request()
        wire.send(plain(b"boom", b"Set-Cookie: leak=1", status=b"500 Internal Server Error"))


FAILURES: dict[str, Callable[[Wire], None]] = {
    each.__name__: each for each in (hang, half_a_body, garbage, drip, crash, error_500)
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("stage", ["shadow", "side_by_side"])
def test_candidate_that_fails__as_the_mirror__changes_nothing_for_the_caller(
    rig: Rig, stage: str, failure: str
) -> None:
    rig.candidate.serve = FAILURES[failure]
    rig.legacy.respond = lambda request: plain(b'{"a": 1}')
    rig.publish(unit("GET /a", stage), mirror_timeout_ms=300)
    caller = rig.call()
    for _ in range(5):
        answer = caller.get("/a")
        assert (answer.status, answer.body, answer.values(b"set-cookie")) == (200, b'{"a": 1}', [])
    assert rig.outcomes(of=5) == {"candidate_error": 5}
    assert all(sample["error"] or sample["candidate_status"] == 500 for sample in eventually(rig.plane.samples))


@pytest.mark.parametrize("failure", ["hang", "garbage", "crash"])
def test_candidate_that_fails__when_it_should_answer_a_read__is_replaced_by_legacy(rig: Rig, failure: str) -> None:
    rig.candidate.serve = FAILURES[failure]
    rig.legacy.respond = lambda request: plain(b"from legacy")
    rig.publish(unit("GET /a", "cutover", mirror=0), candidate_timeout_ms=300)
    assert rig.get("/a").body == b"from legacy"
    assert rig.outcomes(of=1) == {"candidate_error": 1}


@pytest.mark.parametrize("failure", ["hang", "garbage", "crash", "half_a_body"])
def test_candidate_that_fails__when_it_executes_a_write__is_not_replaced(rig: Rig, failure: str) -> None:
    seen = []

    def serve(wire: Wire) -> None:
        seen.append(1)
        FAILURES[failure](wire)

    rig.candidate.serve = serve
    rig.publish(unit("POST /a", "cutover", operation="write"), candidate_timeout_ms=300)
    caller = rig.call()
    caller.send(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
    if failure == "half_a_body":
        with pytest.raises((EOFError, ConnectionResetError)):
            caller.answer()
    else:
        assert caller.answer().status == (504 if failure == "hang" else 502)
    assert rig.outcomes(of=1) == {"candidate_error": 1}
    assert (len(seen), rig.legacy.requests) == (1, [])


@pytest.mark.parametrize(("method", "stage"), [("GET", "cutover"), ("POST", "canary")])
def test_candidate_that_refuses_connections__was_sent_nothing__so_legacy_answers(
    rig: Rig, method: str, stage: str
) -> None:
    rig.candidate.refuse()
    rig.legacy.respond = lambda request: plain(request.method + b" " + request.body)
    operation = "read" if method == "GET" else "write"
    rig.publish(
        unit(f"{method} /a", stage, operation=operation, mirror=0),
        manners={"subject_source": "header", "subject_name": "X-User"},
    )
    answer = rig.get("/a", "X-User: u1", method=method, body=b"x" * 300_000 if method == "POST" else b"")
    assert answer.body.split(b" ")[0] == method.encode()
    assert len(rig.legacy.requests) == 1
    assert rig.outcomes(of=1) == {"candidate_error": 1}


def test_candidate_that_refuses_connections__when_all_writes_are_its__leaves_none_to_legacy(rig: Rig) -> None:
    rig.candidate.refuse()
    rig.publish(unit("POST /a", "cutover", operation="write"), unit("GET /gone", "removed"))
    assert rig.get("/a", method="POST", body=b"x").status == 502
    assert rig.get("/gone").status == 502
    assert rig.legacy.requests == []


def test_candidate_that_keeps_hanging__is_left_out_until_it_answers_again(rig: Rig) -> None:
    rig.candidate.serve = hang
    rig.publish(unit("GET /a", "cutover", mirror=0), candidate_timeout_ms=200)
    caller = rig.call()
    for _ in range(30):
        assert caller.get("/a").status == 200
    assert rig.candidate.connections <= 8
    assert rig.worker is not None
    assert rig.worker.steering.left_out == ("GET /a",)
    rig.candidate.serve = None
    eventually(lambda: caller.get("/a") and rig.candidate.requests)
    eventually(lambda: rig.worker is not None and rig.worker.steering.left_out == ())


def test_kept_connection__closed_by_the_candidate__is_no_evidence_against_it(rig: Rig) -> None:
    def serve(wire: Wire) -> None:
        wire.request()
        wire.send(plain())
        wire.request()

    rig.candidate.serve = serve
    rig.publish(unit("GET /a", "side_by_side"), unit("GET /b", "cutover", mirror=0))
    for target in ("/a", "/b"):
        caller = rig.call()
        for _ in range(4):
            caller.get(target)
            time.sleep(0.02)
    assert rig.outcomes(of=4, unit=1) == {"match": 4}
    assert rig.outcomes(of=4, unit=2) == {"not_sampled": 4}


def test_legacy_that_fails__as_the_mirror__is_no_evidence_against_the_candidate(rig: Rig) -> None:
    rig.legacy.serve = crash
    rig.publish(unit("GET /a", "cutover"))
    assert rig.get("/a").status == 200
    assert rig.outcomes(of=1) == {"legacy_error": 1}


def test_candidate_that_hangs__beside_many_reads__delays_none_and_is_shed_at_its_limit(rig: Rig) -> None:
    rig.candidate.serve = hang
    rig.publish(unit("GET /a", "side_by_side"), mirror_concurrency=3, mirror_timeout_ms=1_500)
    caller = rig.call()
    for _ in range(100):
        assert caller.get("/a").status == 200
    assert rig.candidate.connections <= 3
    assert rig.outcomes(of=100) == {"candidate_error": 3, "skipped": 97}


# ---------------------------------------------------------------------------- size and account


def test_answer__larger_than_what_is_compared__is_streamed_and_skipped(rig: Rig) -> None:
    body = b"x" * 300_000
    rig.legacy.respond = rig.candidate.respond = lambda request: plain(body)
    rig.publish(unit("GET /a", "side_by_side"), mirror_body_bytes=1_000)
    assert rig.get("/a").body == body
    assert rig.outcomes(of=1) == {"skipped": 1}


def test_request__larger_than_what_is_mirrored__is_streamed_and_skipped(rig: Rig) -> None:
    rig.legacy.respond = lambda request: plain(b"%d" % len(request.body))
    rig.publish(unit("POST /a", "side_by_side", operation="write", sister=True), mirror_body_bytes=1_000)
    assert rig.get("/a", method="POST", body=b"x" * 500_000).body == b"500000"
    assert rig.outcomes(of=1) == {"skipped": 1}
    assert rig.candidate.requests == []


def test_large_documents__that_differ__are_compared_in_a_thread(rig: Rig) -> None:
    rows = [{"id": at, "name": f"row {at}"} for at in range(5_000)]
    rig.legacy.respond = lambda request: plain(json.dumps(rows).encode())
    rows_changed = [{**row, "name": "row"} if row["id"] == 4_000 else row for row in rows]
    rig.candidate.respond = lambda request: plain(json.dumps(rows_changed).encode())
    rig.publish(unit("GET /a", "side_by_side"))
    rig.get("/a")
    assert rig.outcomes(of=1) == {"mismatch": 1}


def test_every_request__of_a_mixed_crowd__ends_as_exactly_one_outcome(rig: Rig) -> None:
    toggle = itertools.count()

    def respond(request: Request) -> bytes:
        kind = next(toggle) % 4
        if kind == 0:
            time.sleep(0.02)
        return plain(b'{"a": 2}') if kind == 1 else plain(status=b"503 Busy") if kind == 2 else plain()

    rig.candidate.respond = respond
    rig.publish(
        unit("GET /a", "side_by_side"),
        unit("GET /b", "canary"),
        unit("POST /c", "canary", operation="write"),
        mirror_concurrency=4,
    )
    asked = {"/a": 0, "/b": 0, "/c": 0, "/none": 0}
    lock = threading.Lock()

    def crowd(number: int) -> None:
        caller = rig.call()
        for at in range(40):
            target = list(asked)[(at + number) % 4]
            method = "POST" if target == "/c" else "GET"
            if at == 39 and number % 2:  # some go away without waiting
                caller.send(f"{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())
                caller.close()
            else:
                caller.get(target, "Content-Length: 0", method=method)
            with lock:
                asked[target] += 1

    threads = [threading.Thread(target=crowd, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, target in enumerate(("/a", "/b", "/c"), 1):
        assert sum(rig.outcomes(of=asked[target], unit=number).values()) == asked[target]
    rig.stop()
    last = rig.plane.reports[-1]
    assert (last["sent"], last["passed"]) == (asked["/a"] + asked["/b"] + asked["/c"], asked["/none"])
    assert rig.legacy.count(b"POST") + rig.candidate.count(b"POST") <= asked["/c"]


def test_stop__with_mirrored_calls_under_way__still_accounts_for_them(rig: Rig) -> None:
    rig.candidate.serve = hang
    rig.publish(unit("GET /a", "side_by_side"))
    for _ in range(3):
        rig.get("/a")
    rig.stop()
    assert rig.plane.outcomes() == {"skipped": 3}


def test_answer__that_comes_before_the_whole_request__leaves_its_mirror_skipped(rig: Rig) -> None:
    def serve(wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        wire.send(plain(status=b"413 Too Large"))

    rig.legacy.serve = serve
    rig.publish(unit("POST /a", "side_by_side", operation="write", sister=True))
    caller = rig.call()
    caller.send(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
    assert caller.answer().status == 413
    assert rig.outcomes(of=1) == {"skipped": 1}
    assert rig.candidate.requests == []


def test_redirect__of_each_side_to_itself__is_the_same_redirect(rig: Rig) -> None:
    for side, service in ((b"legacy", rig.legacy), (b"candidate", rig.candidate)):
        own = b"http://127.0.0.1:%d" % service.port
        service.respond = lambda request, own=own, side=side: plain(
            b"", b"Location: " + (own if request.target == b"/home" else b"http://elsewhere." + side) + b"/x"
        )
    rig.publish(unit("GET /home", "side_by_side"), unit("GET /away", "side_by_side"))
    for target in ("/home", "/away"):
        rig.get(target)
    assert rig.outcomes(of=1, unit=1) == {"match": 1}
    assert rig.outcomes(of=1, unit=2) == {"mismatch": 1}
