"""Recorded requests sent again: as evidence of their own kind, to two addresses, and reads alone."""

import json
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import structlog

from migrator.core.requested import request_hash
from migrator.core.tally import subject_hash
from migrator.sdk import replay
from tests.ports import free_port
from tests.wires import Plane, Service, closing, plain

READ = {"key": "GET /a/{id}", "stage": "shadow"}


class Stage:
    """Two services, a control plane, and what was recorded."""

    def __init__(self, home: Path) -> None:
        self.legacy, self.candidate, self.plane = Service(), Service(), Plane()
        self.file = home / "requests.ndjson"

    def publish(self, *units: dict[str, Any], **more: Any) -> None:
        rows = [{"id": at, "service": "main", **unit} for at, unit in enumerate(units, 1)]
        service = {"name": "main", "legacy_url": "http://127.0.0.1:1", "candidate_url": "http://127.0.0.1:2"}
        self.plane.publish({"project": "shop", "version": {"number": 1}, "services": [service], "units": rows, **more})

    def record(self, *requests: dict[str, Any] | str) -> None:
        lines = ({"method": "GET", "path": each} if isinstance(each, str) else each for each in requests)
        self.file.write_text("\n".join(map(json.dumps, lines)))

    def run(self, *more: str, **addresses: str) -> int:
        given = {"legacy": self.legacy.url, "candidate": self.candidate.url, **addresses}
        named = [f"--{side}={url}" for side, url in given.items()]
        fixed = [f"--control-plane={self.plane.url}", "--token=t", "--project=shop", "--per-second=1000"]
        return replay.main([*fixed, *named, *more, str(self.file)])

    def tally(self, unit: int = 1) -> dict[str, Any]:
        """All that was reported of a unit: on a busy machine, or over a minute's end, in more than one part."""
        return reduce(added, self.plane.tallies(unit))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made, logging = Stage(tmp_path), structlog.get_config()
    with closing(made.legacy, made.candidate, made.plane.service):
        yield made
    structlog.configure(**logging)


def added(one: Any, other: Any) -> Any:
    """Two parts of a tally as one: counts add up, what names something stays."""
    if isinstance(one, dict):
        both = one.keys() & other.keys()
        return one | other | {key: added(one[key], other[key]) for key in both}
    if isinstance(one, list):
        return one + other
    return one + other if isinstance(one, int | float) and not isinstance(one, bool) else one


def asks(*bodies: bytes) -> Callable[[Any], bytes]:
    left = list(bodies)
    return lambda request: plain(left.pop(0) if len(left) > 1 else left[0])


def test_replay__of_reads__compares_them_and_reports_them_as_replayed(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.candidate.respond = lambda request: plain(b'{"n": 2}' if request.target == b"/a/3?x=1" else b'{"n": 1}')
    stage.legacy.respond = asks(b'{"n": 1}')
    stage.publish(READ, {"key": "GET /a/{id} $.n", "parent": 1}, manners={"caller_header": "X-Client"})
    named = {"method": "GET", "path": "/a/1", "subject": "jane", "headers": {"X-Client": "iOS/5.2"}}
    stage.record(named, "/a/2", "/a/2", "/a/3?x=1")
    assert stage.run() == 0
    tally = stage.tally()
    assert tally["replayed"] is True
    assert tally["outcomes"] == {"match": 3, "mismatch": 1}
    assert set(tally["subjects"]) == {
        subject_hash("jane"),
        request_hash(method="GET", target=b"/a/2"),
        request_hash(method="GET", target=b"/a/3?x=1"),
    }
    assert tally["mismatching_subjects"] == [request_hash(method="GET", target=b"/a/3?x=1")]
    assert (len(tally["shapes"]), tally["callers"]) == (2, {"ios": 1})
    assert stage.tally(2)["outcomes"] == {"match": 3, "mismatch": 1}
    report = stage.plane.reports[-1]
    assert (report["kind"], report["sent"], report["samples"]) == ("replay", 0, [])
    said = capsys.readouterr().out
    assert "4 pairs, 1 of them bad (25.00%)" in said
    assert "1 GET /a/{id} $.n (value)" in said


def test_replay__of_anything_but_reads_of_tracked_units__sends_nothing(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.publish(READ, {"key": "POST /a/{id}"}, {"key": "GET /w", "operation": "write"})
    overridden = {"method": "GET", "path": "/a/1", "headers": {"X-HTTP-Method-Override": "DELETE"}}
    stage.record({"method": "POST", "path": "/a/1"}, {"method": "DELETE", "path": "/a/1"}, overridden, "/b", "/w")
    assert stage.run() == 0
    assert (stage.legacy.requests, stage.candidate.requests) == ([], [])
    said = capsys.readouterr().out
    assert "3 not a read" in said
    assert "1 of no tracked unit" in said
    assert "1 of a unit that writes" in said


def test_replay__headers__are_those_recorded_without_what_belongs_to_their_connection(stage: Stage) -> None:
    stage.publish(READ, manners={"candidate_headers_dropped": ["cookie"]})
    headers = {"Cookie": "c=1", "Host": "elsewhere", "If-None-Match": "x", "Accept": "a/b", "Authorization": "old"}
    stage.record({"method": "GET", "path": "/a/1", "headers": headers})
    assert stage.run("--header", "authorization: Bearer new") == 0
    (control,), (candidate,) = stage.legacy.requests, stage.candidate.requests
    for request in (control, candidate):
        assert request.values(b"authorization") == [b"Bearer new"]
        assert request.values(b"accept") == [b"a/b"]
        assert request.values(b"x-migrator-mirror") == [b"replay"]
        assert not request.values(b"if-none-match")
        assert b"elsewhere" not in b"".join(request.values(b"host"))
    assert (control.values(b"cookie"), candidate.values(b"cookie")) == ([b"c=1"], [])


def test_replay__redirected__goes_nowhere_else(stage: Stage) -> None:
    elsewhere = Service()
    with closing(elsewhere):
        moved = plain(b"", b"Location: " + elsewhere.url.encode(), status=b"302 Found")
        stage.legacy.respond = stage.candidate.respond = lambda request: moved
        stage.publish(READ)
        stage.record("/a/1")
        assert stage.run() == 0
        assert stage.tally()["outcomes"] == {"match": 1}
        assert elsewhere.requests == []


def test_replay__of_a_race__proves_nothing(stage: Stage) -> None:
    stage.legacy.respond = asks(b'{"n": 1}', b'{"n": 2}')
    stage.candidate.respond = asks(b'{"n": 2}')
    stage.publish(READ, {"key": "GET /a/{id} $.n", "parent": 1})
    stage.record("/a/1")
    assert stage.run() == 0
    assert stage.tally()["outcomes"] == {"incomparable": 1}
    assert stage.tally()["paths"] == []
    assert stage.tally(2)["outcomes"] == {"incomparable": 1}


def test_replay__by_the_projects_rules_and_with_failures__counts_each_for_what_it_is(stage: Stage) -> None:
    stage.legacy.respond = lambda request: plain(
        b'{"n": 1}', status=b"500 Oops" if request.target == b"/a/2" else b"200 OK"
    )
    stage.candidate.respond = lambda request: plain(
        b'{"n": 2}', status=b"500 Oops" if request.target == b"/a/3" else b"200 OK"
    )
    stage.publish(READ, rules=[{"id": 7, "kind": "ignore", "path": "$.n"}])
    stage.record("/a/1", "/a/2", "/a/3")
    assert stage.run() == 0
    assert stage.tally()["outcomes"] == {"match": 1, "legacy_error": 1, "candidate_error": 1}


def test_replay__denied_by_both_sides__is_no_pair(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.legacy.respond = stage.candidate.respond = lambda request: plain(status=b"401 Unauthorized")
    stage.publish(READ)
    stage.record("/a/1")
    assert stage.run() == 0
    assert stage.plane.tallies(1) == []
    assert "1 denied by both sides" in capsys.readouterr().out


def test_replay__with_max__stops_there(stage: Stage) -> None:
    stage.publish(READ)
    stage.record("/b", "/a/1", "/a/2", "/a/3")
    assert stage.run("--max=2") == 0
    assert [request.target for request in stage.legacy.requests] == [b"/a/1", b"/a/2"]


def test_replay__to_a_side_that_is_not_there__ends_at_once_and_blames_nobody(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.publish(READ)
    stage.record("/a/1", "/a/2")
    assert stage.run(candidate=f"http://127.0.0.1:{free_port()}") == 2
    assert stage.plane.tallies(1) == []
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "candidate at http://127.0.0.1:" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--per-second=0"], "--per-second"),
        (["--max=0"], "--max"),
        (["--max=x"], "--max"),
        (["--header=nonsense"], "--header"),
        (["--legacy=ftp://x"], "is no address"),
        (["--project=a b"], "--project"),
    ],
)
def test_replay__with_arguments_that_cannot_be__says_so_in_one_line(
    stage: Stage, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    stage.record("/a/1")
    with pytest.raises(SystemExit) as ended:
        stage.run(*arguments)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert words in line


def test_replay__of_a_file_with_a_bad_line__names_it_before_anything_is_sent(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.publish(READ)
    stage.file.write_text('{"method": "GET", "path": "/a/1"}\nnonsense\n')
    assert stage.run() == 2
    assert stage.legacy.requests == []
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "Line 2" in line


def test_replay__that_cannot_hand_in__says_so_and_is_no_success(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.plane.answer_report = lambda report: plain(b"", status=b"403 Forbidden")
    stage.publish(READ)
    stage.record("/a/1")
    assert stage.run() == 1
    assert "403" in capsys.readouterr().err


def test_replay__whose_reports_are_refused__is_no_success(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.plane.answer_report = lambda report: plain(b"no such field", status=b"422 Unprocessable Content")
    stage.publish(READ)
    stage.record("/a/1")
    assert stage.run() == 1
    assert "refused" in capsys.readouterr().err
