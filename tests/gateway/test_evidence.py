"""What a pair tells beside its outcome: whose it was, of which shape, what it cost, and which builds answered."""

from migrator.core.requested import request_hash
from migrator.core.tally import subject_hash
from tests.gateway.conftest import Rig
from tests.wires import Request, eventually, plain

UNIT = {"key": "GET /a/{id}", "stage": "side_by_side", "mirror": 10_000}
CALLER = {"subject_source": "header", "subject_name": "X-User"}


def together(rig: Rig, name: str, unit: int = 1) -> set[int]:
    """A sketch of a unit, over all tallies."""
    return {number for tally in rig.plane.tallies(unit) for number in tally[name]}


def builds(rig: Rig) -> set[tuple[str, str, str]]:
    seen = [build for report in rig.plane.reports for build in report["builds"]]
    return {(build["service"], build["side"], build["build"]) for build in seen}


def test_anonymous_request__that_repeats__counts_once_and_another_caller_as_himself(rig: Rig) -> None:
    rig.legacy.respond = lambda request: plain(b"ok")
    rig.candidate.respond = lambda request: plain(b"other" if request.target == b"/a/2" else b"ok")
    rig.publish(UNIT, manners={**CALLER, "rereads_after_ms": []})
    for target in ("/a/1", "/a/1", "/a/1?x=1", "/a/2", "/a/2"):
        rig.get(target)
    rig.get("/a/1", "X-User: jane")
    rig.outcomes(of=6)
    assert together(rig, "subjects") == {
        subject_hash("jane"),
        *(request_hash(method="GET", target=target) for target in (b"/a/1", b"/a/1?x=1", b"/a/2")),
    }
    assert together(rig, "mismatching_subjects") == {request_hash(method="GET", target=b"/a/2")}
    assert len(together(rig, "shapes")) == 2


def test_anonymous_query_in_a_body__is_told_apart_by_its_body_and_its_names(rig: Rig) -> None:
    rig.publish({**UNIT, "key": "POST /graphql", "operation": "read"})
    for body in (b'{"query": "{a}"}', b'{"query": "{a}"}', b'{"query": "{b}", "variables": {}}'):
        rig.get("/graphql", "Content-Type: application/json", method="POST", body=body)
    rig.outcomes(of=3)
    assert (len(together(rig, "subjects")), len(together(rig, "shapes"))) == (2, 2)


def test_request__that_was_not_compared__tells_nothing_of_itself(rig: Rig) -> None:
    rig.publish({**UNIT, "mirror": 0}, manners={"caller_header": "X-Client"})
    rig.get("/a/1", "X-Client: ios")
    rig.outcomes(of=1)
    (tally,) = rig.plane.tallies(1)
    assert (tally["subjects"], tally["shapes"], tally["callers"]) == ([], [], {})


def test_failing_write__of_one_side__counts_each_time_because_its_body_is_not_kept(rig: Rig) -> None:
    rig.candidate.respond = lambda request: plain(status=b"500 Oops")
    rig.publish({"key": "POST /a", "stage": "cutover", "candidate": 10_000, "operation": "write"})
    for _ in range(3):
        rig.get("/a", method="POST", body=b"{}")
    assert rig.outcomes(of=3) == {"candidate_error": 3}
    assert len(together(rig, "mismatching_subjects")) == 3


def test_callers__of_a_project_that_names_their_header__are_counted_by_kind(rig: Rig) -> None:
    rig.publish(UNIT, manners={"caller_header": "X-Client"})
    for client in ("iOS/5.2 (iPhone)", "ios/6", "web", "jane.doe@example.com"):
        rig.get("/a/1", f"X-Client: {client}")
    rig.outcomes(of=4)
    callers = rig.plane.counts("callers")
    assert (callers["ios"], callers["web"], sum(callers.values())) == (2, 1, 4)
    assert not any("jane" in kind for kind in callers)


def test_costs__of_a_project_that_names_their_header__are_counted_per_side(rig: Rig) -> None:
    said = iter([b"0", b"3", b"lots"])
    rig.legacy.respond = lambda request: plain(b"ok", b"X-Db-Queries: " + next(said))
    rig.candidate.respond = lambda request: plain(b"ok", b"X-Db-Queries: 5")
    rig.publish(UNIT, manners={"cost_header": "x-db-queries"})
    for _ in range(3):
        rig.get("/a/1")
    rig.outcomes(of=3)
    legacy, candidate = rig.plane.counts("legacy_cost"), rig.plane.counts("candidate_cost")
    assert (legacy["0"], sum(legacy.values()), list(candidate.values())) == (1, 2, [3])


def test_builds__that_answer__are_reported_per_side_and_the_unnamed_too(rig: Rig) -> None:
    def candidate(request: Request) -> bytes:
        return plain(status=b"502 Bad Gateway") if request.target == b"/a/2" else plain(b"ok", b"X-Build: 8")

    rig.legacy.respond = lambda request: plain(b"ok")
    rig.candidate.respond = candidate
    rig.publish(UNIT, manners={"build_header": "X-Build"})
    rig.get("/a/1")
    rig.get("/a/2")
    rig.outcomes(of=2)
    assert eventually(lambda: builds(rig)) == {("main", "legacy", ""), ("main", "candidate", "8")}


def test_builds__of_a_project_that_names_no_header__are_not_looked_for(rig: Rig) -> None:
    rig.legacy.respond = rig.candidate.respond = lambda request: plain(b"ok", b"X-Build: 8")
    rig.publish(UNIT)
    rig.get("/a/1")
    rig.outcomes(of=1)
    assert builds(rig) == set()


def test_builds__of_a_header_that_names_none__stay_bounded(rig: Rig) -> None:
    numbers = iter(range(10_000))
    rig.candidate.respond = lambda request: plain(b"ok", b"X-Build: %d" % next(numbers))
    rig.publish(UNIT, manners={"build_header": "X-Build"})
    caller = rig.call()
    for _ in range(150):
        caller.get("/a/1")
    rig.outcomes(of=150)
    assert all(len(report["builds"]) <= 100 for report in rig.plane.reports)
