"""The lower rungs of the rollback ladder and the breaker, with real connections: what callers see, what is reported."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from migrator.core.override import public_key, sign
from migrator.core.wire import Override
from tests.gateway.conftest import Rig
from tests.wires import Request, Wire, eventually, plain

SECRET = "the control plane's secret"
KEY = {"override_key": public_key(secret=SECRET)}
ALL = 10_000


def unit(key: str, stage: str = "cutover", *, candidate: int = ALL, mirror: int = 0, **more: Any) -> dict[str, Any]:
    return {"key": key, "stage": stage, "candidate": candidate, "mirror": mirror, **more}


def override(number: int = 1, **said: Any) -> Any:
    """A signed override of the shop for an hour, as JSON has it."""
    now = time.time()
    order = Override(
        id=f"order-{number}", project="shop", units=("GET /a",), author="ada", issued_at=now, expires_at=now + 3_600
    )
    return msgspec.to_builtins(sign(override=replace(order, **said), secret=SECRET))


def said_who(rig: Rig) -> None:
    rig.legacy.respond = lambda request: plain(b"legacy")
    rig.candidate.respond = lambda request: plain(b"candidate")


def publish(rig: Rig, *units: dict[str, Any], **upstreams: Any) -> None:
    rig.publish(*units, table=KEY, manners={"subject_source": "header", "subject_name": "X-User"}, **upstreams)


def asked_twice(rig: Rig) -> None:
    """Wait until the gateway has heard what the control plane says of overrides now."""
    since = rig.plane.orders_asked
    eventually(lambda: rig.plane.orders_asked >= since + 2)


# ------------------------------------------------------------------------------ signed overrides


def test_override__handed_out_by_the_control_plane__is_obeyed_reported_kept_and_ended(rig: Rig, tmp_path: Path) -> None:
    said_who(rig)
    publish(rig, unit("GET /a", mirror=ALL), unit("GET /b"))
    assert rig.get("/a").body == b"candidate"
    rig.plane.orders = {"overrides": [override()]}
    eventually(lambda: rig.get("/a").body == b"legacy")
    assert rig.get("/b").body == b"candidate"
    asked = len(rig.candidate.requests)
    rig.get("/a")
    assert len(rig.candidate.requests) == asked, "what is held at legacy is mirrored nowhere"
    assert (tmp_path / "overrides" / "order-1.json").exists()
    eventually(lambda: [o["document"] for o in rig.plane.reports[-1]["overrides"]])

    # Not handed out any longer, but not in the ledger either: it stays.
    rig.plane.orders = {"overrides": []}
    publish(rig, unit("GET /a"), unit("GET /b"))
    asked_twice(rig)
    assert rig.get("/a").body == b"legacy"
    # In the ledger, but the table that carries it has not come yet: it stays.
    rig.plane.orders = {"adopted": {"order-1": {"epoch": 1, "number": rig.version + 1}}}
    asked_twice(rig)
    assert rig.get("/a").body == b"legacy"
    publish(rig, unit("GET /a"), unit("GET /b"))
    eventually(lambda: rig.get("/a").body == b"candidate")
    eventually(lambda: rig.plane.reports[-1]["overrides"] == [])


def test_override__copied_by_hand__works_without_a_control_plane_and_after_a_restart(
    make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig().start()
    said_who(rig)
    publish(rig, unit("GET /a"), unit("GET /b"))
    rig.plane.service.refuse()
    folder = tmp_path / "overrides"
    folder.mkdir()
    (folder / "by-hand.json").write_text(json.dumps(override(units=("*",))))
    eventually(lambda: rig.get("/b").body == b"legacy")
    (folder / "by-hand.json").unlink()  # that a file vanishes is no order to go up
    (folder / "later.json").write_text("{}")  # refused: by then the directory has been looked at
    eventually(lambda: rig.worker is not None and "later.json" in rig.worker.holding.orders.refused)
    assert rig.get("/b").body == b"legacy"
    rig.stop()
    again = make_rig(legacy=rig.legacy.url).start()
    eventually(lambda: again.worker is not None and again.worker.holding.orders.in_force)
    assert again.get("/a").body == b"legacy"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\x00\xff",
        json.dumps({"document": "{}", "signature": "AAAA"}).encode(),
        json.dumps(override(project="other")).encode(),
        json.dumps(override(issued_at=1.0, expires_at=2.0)).encode(),
        json.dumps({**override(), "signature": override(2, units=("*",))["signature"]}).encode(),
        b"[" * 100_000,
    ],
)
def test_override__that_is_none__is_left_alone_and_said(rig: Rig, tmp_path: Path, content: bytes) -> None:
    said_who(rig)
    publish(rig, unit("GET /a"))
    (tmp_path / "overrides").mkdir(exist_ok=True)
    (tmp_path / "overrides" / "bad.json").write_bytes(content)
    eventually(lambda: rig.worker is not None and "bad.json" in rig.worker.holding.orders.refused)
    assert rig.get("/a").body == b"candidate"
    (tmp_path / "overrides" / "bad.json").write_text(json.dumps(override()))
    eventually(lambda: rig.get("/a").body == b"legacy")


def test_override__of_a_field_or_a_service__holds_what_answers_it_and_never_what_is_removed(
    rig: Rig, tmp_path: Path
) -> None:
    said_who(rig)
    field = unit("GET /a $.name", parent=1)
    publish(rig, unit("GET /a"), field, unit("GET /gone", "removed"), unit("POST /w", operation="write"))
    (tmp_path / "overrides").mkdir(exist_ok=True)
    (tmp_path / "overrides" / "1.json").write_text(json.dumps(override(units=("GET /a $.name",))))
    eventually(lambda: rig.get("/a").body == b"legacy")
    assert rig.get("/w", method="POST", body=b"x").body == b"candidate"
    (tmp_path / "overrides" / "2.json").write_text(json.dumps(override(2, units=(), services=("main",))))
    eventually(lambda: rig.get("/w", method="POST", body=b"x").body == b"legacy")
    assert rig.get("/gone").body == b"candidate"


def test_override__that_came_before_its_table__is_obeyed_with_it(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    (tmp_path / "overrides").mkdir()
    (tmp_path / "overrides" / "1.json").write_text(json.dumps(override()))
    rig = make_rig().start()
    said_who(rig)
    publish(rig, unit("GET /a"))
    eventually(lambda: rig.get("/a").body == b"legacy")


def test_override__whose_time_is_over__ends(rig: Rig, tmp_path: Path) -> None:
    said_who(rig)
    publish(rig, unit("GET /a"))
    (tmp_path / "overrides").mkdir(exist_ok=True)
    soon = time.time() + 1.5
    (tmp_path / "overrides" / "1.json").write_text(json.dumps(override(expires_at=soon)))
    eventually(lambda: rig.get("/a").body == b"legacy")
    eventually(lambda: rig.get("/a").body == b"candidate")
    assert time.time() >= soon


# ------------------------------------------------------------------------------------ the breaker


def error_500(request: Request) -> bytes:
    return plain(b"boom", status=b"500 Internal Server Error")


def test_read__that_the_candidate_answers_with_500__is_answered_by_legacy(rig: Rig) -> None:
    rig.candidate.respond = error_500
    rig.legacy.respond = lambda request: plain(b"legacy")
    publish(rig, unit("GET /a", mirror=ALL))
    caller = rig.call()
    for _ in range(20):
        answer = caller.get("/a")
        assert (answer.status, answer.body) == (200, b"legacy")
    assert len(rig.candidate.requests) <= 4
    assert rig.outcomes(of=20) == {"candidate_error": 20}
    eventually(lambda: rig.plane.reports[-1]["left_out"] == ["GET /a"])


def test_read__that_both_sides_answer_with_500__is_no_evidence_against_the_candidate(rig: Rig) -> None:
    rig.candidate.respond = rig.legacy.respond = error_500
    publish(rig, unit("GET /a"))
    for _ in range(6):
        assert rig.get("/a").status == 500
    assert rig.outcomes(of=6) == {"legacy_error": 6}
    assert rig.worker is not None
    assert rig.worker.steering.left_out == ()


def test_write__that_the_candidate_answers_with_500__is_passed_on_as_it_is(rig: Rig) -> None:
    rig.candidate.respond = error_500
    publish(rig, unit("POST /a", "canary", candidate=9_999, operation="write"))
    answers = [rig.get("/a", f"X-User: u{n}", method="POST", body=b"x").status for n in range(3)]
    assert answers == [500, 500, 500]
    assert rig.legacy.requests == []
    # From here on legacy takes the writes that it may still take: none of them was sent anywhere before.
    assert rig.get("/a", "X-User: u9", method="POST", body=b"x").status == 200
    assert len(rig.legacy.requests) == 1


def test_candidate_that_hangs_at_one_thing__is_left_out_there_alone_within_a_second_or_two(rig: Rig) -> None:
    def serve(wire: Wire) -> None:
        while True:
            request = wire.request()
            if request.target == b"/a":
                wire.rest()
            wire.send(plain(b"candidate"))

    rig.candidate.serve = serve
    rig.legacy.respond = lambda request: plain(b"legacy")
    publish(rig, unit("GET /a"), unit("GET /b"), candidate_timeout_ms=60_000)
    assert rig.worker is not None
    for _ in range(4):  # what is usual is known: a few milliseconds
        rig.worker.steering._breakers["main"].of(rig.worker.steering.routes.units[1].unit).legacy_took(0.002)  # type: ignore[union-attr]
    began = time.monotonic()
    with ThreadPoolExecutor(40) as together:
        bodies = list(together.map(lambda _: rig.get("/a").body, range(40)))
    assert set(bodies) == {b"legacy"}
    assert time.monotonic() - began < 10, "nobody waits for the candidate's whole patience"
    assert rig.get("/b").body == b"candidate"
    assert rig.worker.steering.left_out == ("GET /a",)


def test_candidate_that_was_left_out__is_tried_with_copies_and_comes_back(rig: Rig) -> None:
    broken = threading.Event()
    broken.set()
    rig.candidate.respond = lambda request: error_500(request) if broken.is_set() else plain(b"candidate")
    rig.legacy.respond = lambda request: plain(b"legacy")
    publish(rig, unit("GET /a"))
    for _ in range(5):
        rig.get("/a")
    seen = len(rig.candidate.requests)

    def probed() -> bool:
        assert rig.get("/a").body == b"legacy"
        return len(rig.candidate.requests) > seen

    eventually(probed)
    assert rig.candidate.requests[-1].values(b"x-migrator-mirror") == [b"shadow"], "no caller waits for a probe"
    broken.clear()
    eventually(lambda: rig.get("/a").body == b"candidate", seconds=20)
    assert rig.worker is not None
    assert rig.worker.steering.left_out == ()


def test_graphql_query__of_a_candidate_that_fails__is_answered_by_legacy_and_a_mutation_is_not(rig: Rig) -> None:
    rig.candidate.respond = error_500
    rig.legacy.respond = lambda request: plain(b"legacy")
    publish(rig, unit("POST /graphql"))
    assert rig.get("/graphql", method="POST", body=b'{"query": "{ a }"}').body == b"legacy"
    assert rig.get("/graphql", method="POST", body=b'{"query": "mutation { a }"}').status == 500
    assert [json.loads(request.body)["query"] for request in rig.legacy.requests] == ["{ a }"]


def test_caller_that_goes_away__leaves_nothing_behind_in_the_breaker(rig: Rig) -> None:
    rig.candidate.serve = lambda wire: (wire.request(), wire.rest())[0]  # type: ignore[func-returns-value]
    publish(rig, unit("GET /a"), candidate_timeout_ms=60_000)
    callers = [rig.call() for _ in range(5)]
    for caller in callers:
        caller.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    assert rig.worker is not None
    breaker = eventually(lambda: rig.worker.steering._breakers["main"]._units.get(1))  # type: ignore[union-attr]
    eventually(lambda: breaker.waiting == 5)
    for caller in callers:  # reset: one that only stops sending still waits for its answer
        caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        caller.close()
    eventually(lambda: breaker.waiting == 0)
    assert rig.worker.steering.left_out == ()
