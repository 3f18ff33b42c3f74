"""Rules of the table decide in the gateway what counts as a difference."""

from typing import Any

from tests.gateway.conftest import Rig
from tests.wires import plain


def unit(key: str, **rest: Any) -> dict[str, Any]:
    return {"key": key, "stage": "side_by_side", "mirror": 10_000, **rest}


def rule(number: int, kind: str, path: str, **rest: Any) -> dict[str, Any]:
    return {"id": number, "kind": kind, "path": path, **rest}


def test_rules__of_the_table__settle_what_they_speak_about_and_nothing_else(rig: Rig) -> None:
    rig.legacy.respond = lambda request: plain(b'{"at": "2024-01-02T03:04:05Z", "id": 1, "name": "Ada"}')
    rig.candidate.respond = lambda request: plain(b'{"at": 1704164645, "id": 1, "name": "Ada"}')
    instant = rule(1, "normalise", "$.at", form="instant")
    rig.publish(unit("GET /a"), rules=[instant])
    rig.get("/a")
    assert rig.outcomes(of=1) == {"match": 1}
    rig.publish(unit("GET /a"), rules=[{**instant, "unit": 2}])
    rig.get("/a")
    assert rig.outcomes(of=2) == {"match": 1, "mismatch": 1}
    rig.publish(unit("GET /a"), rules=[rule(2, "accept", "$.at")])
    rig.get("/a")
    assert rig.outcomes(of=3) == {"match": 1, "mismatch": 1, "accepted": 1}


def test_rules__of_which_one_is_not_understood__the_others_hold(rig: Rig) -> None:
    rig.legacy.respond = lambda request: plain(b'{"noise": 1}')
    rig.candidate.respond = lambda request: plain(b'{"noise": 2}')
    rig.publish(unit("GET /a"), rules=[rule(1, "ignore", "$.a["), rule(2, "ignore", "$.noise")])
    rig.get("/a")
    assert rig.outcomes(of=1) == {"match": 1}
