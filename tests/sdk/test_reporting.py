"""Reports arrive exactly once in the end, and what is lost is counted."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrator.core.tally import Observation
from migrator.core.wire import Finding, Outcome, Sample, Side, Version, decode_report, encode
from migrator.sdk.reporter import Reporter
from migrator.sdk.spool import Spool
from migrator.sdk.transport import ControlPlane, ControlPlaneError
from tests.wires import Plane, plain


def seen(unit: int = 1) -> Observation:
    return Observation(unit=unit, at=time.time(), evidence_epoch=0, outcome=Outcome.MATCH, served=Side.LEGACY)


def reporting(plane: Plane, spool: Spool, test: Callable[[Reporter], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        control_plane = ControlPlane(url=plane.url, token="t", project="shop")
        reporter = Reporter(
            control_plane=control_plane,
            source="gw/0",
            spool=spool,
            kind="gateway",
            applied=lambda: Version(epoch=1, number=7),
            every=0.05,
        )
        await test(reporter)
        control_plane.close()

    asyncio.run(main())


def test_reporter__with_observations__sends_counts_and_lets_go_once_they_are_committed(tmp_path: Path) -> None:
    plane, spool = Plane(), Spool(tmp_path)

    async def test(reporter: Reporter) -> None:
        for _ in range(5):
            reporter.observe(seen())
        reporter.pass_by(service="main", method="GET", path="/users/1")
        await reporter.finish(seconds=5)
        assert len(spool) == 0

    reporting(plane, spool, test)
    (report,) = plane.reports
    assert (report["project"], report["source"], report["seq"], report["kind"]) == ("shop", "gw/0", 1, "gateway")
    assert (report["sent"], report["dropped"], report["passed"]) == (5, 0, 1)
    assert report["applied"] == {"epoch": 1, "number": 7}
    assert plane.outcomes() == {"match": 5}
    assert report["observed"] == [{"service": "main", "method": "GET", "template": "/users/{id}", "count": 1}]


def test_reporter__with_nothing_to_tell__still_says_which_table_it_obeys(tmp_path: Path) -> None:
    plane = Plane()

    async def test(reporter: Reporter) -> None:
        running = asyncio.create_task(reporter.run())
        reporter.report_soon()
        async with asyncio.timeout(5):
            while not plane.reports:
                await asyncio.sleep(0.01)
        running.cancel()

    reporting(plane, Spool(tmp_path), test)
    assert plane.reports[0]["applied"]["number"] == 7


def test_spool__of_a_killed_process__is_handed_in_by_the_next_under_its_own_boot(tmp_path: Path) -> None:
    plane = Plane()
    plane.answer_report = lambda report: plain(b"", b"Retry-After: 1", status=b"503 Busy")

    async def before(reporter: Reporter) -> None:
        for _ in range(3):
            reporter.observe(seen())
            await reporter.flush()
        with pytest.raises(ControlPlaneError):
            await reporter._send_one()

    async def after(reporter: Reporter) -> None:
        reporter.observe(seen())
        await reporter.finish(seconds=5)

    reporting(plane, Spool(tmp_path), before)
    assert len(list(tmp_path.iterdir())) == 3
    plane.answer_report = lambda report: None
    spool = Spool(tmp_path)
    reporting(plane, spool, after)
    assert [(report["seq"], report["sent"]) for report in plane.reports] == [(1, 1), (2, 2), (3, 3), (1, 1)]
    assert len({report["boot"] for report in plane.reports}) == 2
    assert plane.outcomes() == {"match": 4}
    assert len(spool) == 0
    assert list(tmp_path.iterdir()) == []


def test_report__accepted_but_not_committed__is_kept_and_sent_again(tmp_path: Path) -> None:
    plane, spool = Plane(), Spool(tmp_path)
    plane.committed = False

    async def test(reporter: Reporter) -> None:
        reporter.observe(seen())
        await reporter.finish(seconds=5)
        assert len(spool) == 1
        entry = spool.due(now=time.monotonic() + 60, resend_after=30)
        assert entry is not None
        entry.sent_at = None
        plane.committed = True
        await reporter.finish(seconds=5)
        assert len(spool) == 0

    reporting(plane, spool, test)
    assert [report["seq"] for report in plane.reports] == [1, 1]
    assert plane.outcomes() == {"match": 1}


def test_spool__that_is_full__drops_the_oldest_and_counts_them(tmp_path: Path) -> None:
    plane, spool = Plane(), Spool(tmp_path, max_reports=3)

    async def test(reporter: Reporter) -> None:
        for _ in range(5):
            reporter.observe(seen())
            reporter.observe(seen())
            await reporter.flush()
        assert (len(spool), reporter.sent, reporter.dropped) == (3, 10, 4)
        reporter.observe(seen())
        await reporter.finish(seconds=5)

    reporting(plane, spool, test)
    assert plane.reports[-1]["dropped"] == 4
    assert plane.reports[-1]["sent"] - plane.reports[-1]["dropped"] == 7 == plane.outcomes()["match"] + 2


def test_spool__bounded_in_bytes__never_drops_what_was_put_last(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=100)
    assert spool.put(boot="b", seq=1, observations=1, data=b"x" * 60) == []
    assert [entry.seq for entry in spool.put(boot="b", seq=2, observations=1, data=b"x" * 60)] == [1]
    assert [entry.seq for entry in spool.put(boot="b", seq=3, observations=1, data=b"x" * 600)] == [2]
    assert len(spool) == 1


def test_report__that_will_never_be_taken__is_dropped_and_counted(tmp_path: Path) -> None:
    plane, spool = Plane(), Spool(tmp_path)
    plane.answer_report = lambda report: plain(status=b"422 Lies") if report["seq"] == 1 else None

    async def test(reporter: Reporter) -> None:
        reporter.observe(seen())
        await reporter.flush()
        reporter.observe(seen())
        await reporter.finish(seconds=5)
        assert (reporter.dropped, len(spool)) == (1, 0)

    reporting(plane, spool, test)
    assert [report["seq"] for report in plane.reports] == [2]


def test_spool__whose_directory_cannot_be_written__keeps_reports_in_memory(tmp_path: Path) -> None:
    plane, spool = Plane(), Spool(tmp_path / "spool")
    (tmp_path / "spool").rmdir()

    async def test(reporter: Reporter) -> None:
        reporter.observe(seen())
        await reporter.finish(seconds=5)

    reporting(plane, spool, test)
    assert plane.outcomes() == {"match": 1}


def test_report__of_thousands_of_units_with_their_callers__is_spread_over_several_that_are_accepted(
    tmp_path: Path,
) -> None:
    plane = Plane()

    async def test(reporter: Reporter) -> None:
        for unit in range(600):
            for caller in range(300):
                reporter.observe(replace(seen(unit), subject=2**63 + caller, at=1_000.0))
        await reporter.finish(seconds=10)

    reporting(plane, Spool(tmp_path), test)
    assert len(plane.reports) > 1
    assert sum(len(report["tallies"]) for report in plane.reports) == 600
    assert all(len(encode(report)) < 4_000_000 for report in plane.reports)
    assert all(decode_report(encode(report)).sent == 180_000 for report in plane.reports)


def test_samples__of_many_long_differences__stay_within_what_is_accepted(tmp_path: Path) -> None:
    plane = Plane()
    long = Finding(path="$.a", shape="$.a", kind="value", control="x" * 2_000, candidate="y" * 2_000)
    sample = Sample(
        unit=1, evidence_epoch=0, at=0.0, outcome=Outcome.MISMATCH, served=Side.LEGACY, method="GET", path="/",
        findings=(long,) * 20,
    )  # fmt: skip

    async def test(reporter: Reporter) -> None:
        for _ in range(200):
            reporter.keep(sample)
        await reporter.finish(seconds=10)

    reporting(plane, Spool(tmp_path), test)
    (report,) = plane.reports
    assert 5 < len(report["samples"]) < 50
