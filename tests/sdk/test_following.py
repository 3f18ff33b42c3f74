"""The routing table as data planes follow it: never an older one, never garbage, never without the last good one."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from migrator.sdk.follower import FILE_NAME, Follower
from migrator.sdk.transport import Backoff, ControlPlane, ControlPlaneError
from tests.wires import Plane, plain


def table(number: int, *units: dict[str, Any], epoch: int = 1, **more: Any) -> dict[str, Any]:
    service = {"name": "main", "legacy_url": "http://127.0.0.1:1", "candidate_url": "http://127.0.0.1:2"}
    return {
        "project": "shop",
        "version": {"epoch": epoch, "number": number},
        "services": [service],
        "units": [{"service": "main", **unit} for unit in units],
        **more,
    }


ONE = {"id": 1, "key": "GET /a", "stage": "canary", "candidate": 100}
TWO = {"id": 2, "key": "GET /b"}


def following(plane: Plane, state_dir: Path, test: Callable[[Follower], Coroutine[Any, Any, None]]) -> None:
    """Run a test with a follower that has started from what is on disk."""

    async def main() -> None:
        control_plane = ControlPlane(url=plane.url, token="t", project="shop")
        follower = Follower(control_plane=control_plane, state_dir=state_dir)
        follower.start_from_disk()
        await test(follower)
        await follower.saved()
        control_plane.close()

    asyncio.run(main())


def test_follower__meeting_a_change__obeys_it_and_asks_only_for_more(tmp_path: Path) -> None:
    plane = Plane()
    plane.publish(table(1, ONE))

    async def test(follower: Follower) -> None:
        assert await follower.poll()
        plane.publish(table(2, ONE, TWO))
        assert await follower.poll()
        assert follower.routes is not None
        assert set(follower.routes.by_key) == {"GET /a", "GET /b"}

    following(plane, tmp_path, test)
    first, second = plane.polls
    assert first.target == b"/dataplane/v1/table?project=shop&wait=25"
    assert first.values(b"authorization") == [b"Bearer t"]
    assert second.target.endswith(b"&since=1.1")
    assert second.values(b"if-none-match") == [b'"1.1"']


def test_follower__given_only_changes__lays_them_over_what_it_has_and_keeps_all_on_disk(tmp_path: Path) -> None:
    plane = Plane()
    plane.publish(table(1, ONE, TWO))

    async def test(follower: Follower) -> None:
        await follower.poll()
        changes = table(2, {**ONE, "candidate": 200}, {**TWO, "gone": True}, {"id": 3, "key": "GET /c"})
        plane.publish(changes | {"since": {"epoch": 1, "number": 1}})
        assert await follower.poll()
        await follower.saved()

    following(plane, tmp_path, test)
    kept = json.loads((tmp_path / FILE_NAME).read_text())
    assert {unit["key"]: unit["candidate"] for unit in kept["units"]} == {"GET /a": 200, "GET /c": 0}
    assert kept["since"] is None


REFUSED = {
    "nothing": b"",
    "no JSON": b"<html>",
    "half a table": json.dumps(table(9, ONE)).encode()[:-20],
    "another shape": b'{"units": []}',
    "share over 100 %": json.dumps(table(9, {**ONE, "candidate": 10_001})).encode(),
    "unknown stage": json.dumps(table(9, {**ONE, "stage": "later"})).encode(),
    "older": json.dumps(table(4, TWO)).encode(),
    "older epoch": json.dumps(table(99, TWO, epoch=0)).encode(),
    "another project": json.dumps(table(9, TWO, project="other")).encode(),
    "unknown algorithm": json.dumps(table(9, TWO, algorithm="md5")).encode(),
    "newer algorithm": json.dumps(table(9, TWO, algorithm_version=2)).encode(),
    "empty": json.dumps(table(9) | {"services": []}).encode(),
    "changes of something else": json.dumps(table(9, TWO) | {"since": {"epoch": 1, "number": 7}}).encode(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_follower__given_what_is_no_better_table__keeps_the_one_it_has(tmp_path: Path, name: str) -> None:
    plane = Plane()
    plane.publish(table(5, ONE))

    async def test(follower: Follower) -> None:
        await follower.poll()
        plane.answer_poll = lambda request: plain(REFUSED[name])
        with pytest.raises(ControlPlaneError, match="refused"):
            await follower.poll()
        assert str(follower.version) == "1.5"
        assert follower.refused
        # And it recovers by itself once the control plane makes sense again.
        plane.answer_poll = lambda request: None
        plane.publish(table(6, TWO))
        assert await follower.poll()
        assert follower.refused is None

    following(plane, tmp_path, test)
    assert json.loads((tmp_path / FILE_NAME).read_text())["version"]["number"] == 6


def test_follower__restarted_while_the_control_plane_is_away__obeys_the_table_on_disk(tmp_path: Path) -> None:
    plane = Plane()
    plane.publish(table(5, ONE))

    async def learn(follower: Follower) -> None:
        await follower.poll()

    async def restarted(follower: Follower) -> None:
        assert str(follower.version) == "1.5"
        assert follower.routes is not None
        assert follower.routes.by_key["GET /a"].candidate == 100
        with pytest.raises(ControlPlaneError):
            await follower.poll()

    following(plane, tmp_path, learn)
    plane.service.refuse()
    following(plane, tmp_path, restarted)


def test_follower__restarted_before_an_older_control_plane__refuses_its_table(tmp_path: Path) -> None:
    plane = Plane()
    plane.publish(table(5, ONE))

    async def learn(follower: Follower) -> None:
        await follower.poll()

    async def restarted(follower: Follower) -> None:
        with pytest.raises(ControlPlaneError, match=r"version 1\.4 is older than 1\.5"):
            await follower.poll()
        plane.publish(table(1, TWO, epoch=2))  # a restored backup that has jumped an epoch
        assert await follower.poll()

    following(plane, tmp_path, learn)
    plane.publish(table(4, ONE))
    following(plane, tmp_path, restarted)


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b'{"project": "shop"', b'{"project": "other", "version": {}}'])
def test_follower__with_a_broken_file__starts_without_a_table(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    plane = Plane()
    plane.publish(table(1, ONE))

    async def test(follower: Follower) -> None:
        assert follower.routes is None
        assert await follower.poll()

    following(plane, tmp_path, test)


@pytest.mark.parametrize(
    ("answer", "forbidden", "retry_after"),
    [
        (plain(status=b"401 Unauthorized"), True, None),
        (plain(status=b"403 Forbidden"), True, None),
        (plain(b"", b"Retry-After: 7", status=b"503 Busy"), False, 7.0),
        (plain(status=b"500 Oops"), False, None),
        (b"garbage", False, None),
    ],
)
def test_control_plane__that_refuses__is_asked_again_later(
    tmp_path: Path, answer: bytes, forbidden: bool, retry_after: float | None
) -> None:
    plane = Plane()
    plane.answer_poll = lambda request: answer + (b"" if answer.startswith(b"HTTP") else b"\r\n\r\n")

    async def test(follower: Follower) -> None:
        with pytest.raises(ControlPlaneError) as caught:
            await follower.poll()
        assert (caught.value.forbidden, caught.value.retry_after) == (forbidden, retry_after)

    following(plane, tmp_path, test)


def test_backoff__after_failures__grows_jitters_and_stays_bounded() -> None:
    backoff = Backoff()
    waits = [[Backoff(failures=n).failed(ControlPlaneError("")) for _ in range(50)] for n in (0, 3, 1_000)]
    assert max(waits[0]) <= 0.5
    assert max(waits[1]) <= 4.0
    assert max(waits[2]) <= 10.0
    assert len(set(waits[2])) > 10
    assert 30 <= backoff.failed(ControlPlaneError("", forbidden=True)) <= 60
    assert 7 <= backoff.failed(ControlPlaneError("", retry_after=7)) <= 8
