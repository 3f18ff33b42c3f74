"""What a mismatch leaves behind beside its count: whose it was, which builds, and examples that tell no secrets."""

import json
from typing import Any

from tests.gateway.conftest import Rig
from tests.wires import eventually, plain

UNIT = {"key": "GET /a/{id}", "stage": "side_by_side", "mirror": 10_000}
NAMED = {"caller_header": "X-Client", "build_header": "X-Build", "rereads_after_ms": []}


def causes(rig: Rig) -> list[dict[str, Any]]:
    return [cause for tally in rig.plane.tallies(1) for cause in tally["causes"]]


def test_mismatch__of_a_project_that_names_callers_and_builds__is_counted_by_them(rig: Rig) -> None:
    rig.legacy.respond = lambda request: plain(b'{"n": 1}', b"X-Build: 7")
    rig.candidate.respond = lambda request: plain(b'{"n": "1"}', b"X-Build: 8")
    rig.publish(UNIT, manners=NAMED)
    rig.get("/a/1", "X-Client: ios")
    rig.get("/a/1", "X-Client: jane.doe@example.com")
    rig.outcomes(of=2)
    (path,) = {(path["shape"], path["kind"], path["pattern"]) for t in rig.plane.tallies(1) for path in t["paths"]}
    assert path == ("$.n", "type", "number → string of the same")
    found = causes(rig)
    callers = {caller for cause in found for caller in cause["callers"]}
    assert "ios" in callers
    assert not any("jane" in caller for caller in callers)
    assert all((cause["legacy_builds"].keys(), cause["candidate_builds"].keys()) == ({"7"}, {"8"}) for cause in found)
    # Either caller's may be judged first.
    sample = eventually(lambda: next((each for each in rig.plane.samples() if each["caller"] == "ios"), None))
    assert (sample["caller"], sample["legacy_build"], sample["candidate_build"]) == ("ios", "7", "8")
    assert sample["findings"][0]["pattern"] == path[2]


def test_error_in_words__of_the_candidate__is_an_error_that_says_why(rig: Rig) -> None:
    rig.candidate.respond = lambda request: plain(b'{"error": "no such table"}')
    rig.publish(UNIT)
    rig.get("/a/1")
    assert rig.outcomes(of=1) == {"candidate_error": 1}
    sample = eventually(rig.plane.samples)[0]
    assert sample["error"] == "nothing but an error under status 200"
    assert rig.plane.tallies(1)[0]["paths"] == []


def test_examples__where_one_in_a_hundred_differs_elsewhere__show_it_too(rig: Rig) -> None:
    rig.candidate.respond = lambda request: plain(b'{"rare": 1}' if request.target == b"/a/77" else b'{"usual": 1}')
    rig.publish(UNIT, manners={"rereads_after_ms": []})
    for at in range(100):
        rig.get(f"/a/{at}")
    rig.outcomes(of=100)
    shapes = [finding["shape"] for sample in rig.plane.samples() for finding in sample["findings"]]
    assert shapes.count("$.rare") == 1
    assert 1 <= shapes.count("$.usual") < 20


def test_spool__of_a_gateway_whose_reports_nobody_counts__holds_no_value(rig: Rig) -> None:
    rig.plane.committed = False
    rig.candidate.respond = lambda request: plain(b'{"name": "open sesame", "note": "jane.doe@example.com"}')
    rig.publish(UNIT, manners={"value_paths": ["$.note", "path:id"]})
    rig.get("/a/jane.doe%40example.com?q=sesame", "Authorization: Bearer sesame", "Cookie: sid=sesame")
    rig.outcomes(of=1)
    spooled = b"".join(path.read_bytes() for path in rig.config.state_dir.rglob("*.report"))
    assert b"$.note" in spooled
    for text in (spooled.decode(), json.dumps(rig.plane.reports)):
        assert not any(secret in text for secret in ("open sesame", 'sesame"', "jane.doe"))
