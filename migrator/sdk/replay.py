"""`python -m migrator.sdk.replay`: send recorded requests to both sides again, as evidence of a stratum of its own.

    python -m migrator.sdk.replay --control-plane URL --token T --project SLUG \
        --legacy http://old:8080 --candidate http://new:8080 requests.har

The file is read to its end before anything is sent. Exit codes: 0 done, 1 not all could be handed in, 2 bad input.
"""

import argparse
import asyncio
import logging
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from tqdm import tqdm

from migrator.core.routing import Route, Routes
from migrator.core.wire import REPLAY, Outcome
from migrator.sdk.arguments import Parser
from migrator.sdk.follower import Follower
from migrator.sdk.recorded import Headers, Recorded, Unreadable, read_recording
from migrator.sdk.replaying import NoAnswer, Reckoning, Replay
from migrator.sdk.reporter import Reporter
from migrator.sdk.spool import Spool
from migrator.sdk.transport import ControlPlane, ControlPlaneError
from migrator.sdk.upstream import parse_address

AT_ONCE: Final = 16
"""Requests under way at a time: a slow side is not asked the faster for it."""
FASTEST: Final = 10_000.0
FINISH_SECONDS: Final = 30.0
PLACES_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a replay was told, checked."""

    control_plane: str
    token: str
    project: str
    legacy: str
    candidate: str
    file: Path
    per_second: float
    most: int | None
    headers: Headers


def main(arguments: Sequence[str]) -> int:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    config = read_config(arguments)
    try:
        return asyncio.run(_run(config))
    except (Unreadable, NoAnswer, ControlPlaneError) as error:
        sys.stderr.write(f"migrator.sdk.replay: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 1


def read_config(arguments: Sequence[str]) -> Config:
    """Arguments win over the environment. What cannot be is said in one line, and the process ends with 2."""
    parser = Parser(
        prog="migrator.sdk.replay",
        description="Send recorded reads to both sides and compare them.",
        environment=os.environ,
    )
    parser.told("legacy", "address of the legacy service")
    parser.told("candidate", "address of the candidate service")
    parser.add_argument("--per-second", type=float, default=10.0, help="requests a second to either side; 10")
    parser.add_argument("--max", type=int, dest="most", help="send so many requests at most")
    parser.add_argument("--header", action="append", default=[], help="'Name: value' of every request; may repeat")
    parser.add_argument("file", type=Path, help="HAR, NDJSON of {method, path, headers?, subject?}, or an access log")
    return parser.read(arguments, _checked)


def _checked(given: argparse.Namespace) -> Config:
    for url in (given.control_plane, given.legacy, given.candidate):
        parse_address(url)
    if not 0 < given.per_second <= FASTEST:
        raise ValueError(f"--per-second takes a number above 0 and up to {FASTEST:,.0f}")
    if given.most is not None and given.most < 1:
        raise ValueError("--max takes a number from 1 on")
    return Config(
        control_plane=given.control_plane,
        token=given.token,
        project=given.project,
        legacy=given.legacy,
        candidate=given.candidate,
        file=given.file,
        per_second=given.per_second,
        most=given.most,
        headers=[_header(line) for line in given.header],
    )


def _header(line: str) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(":")
    if not colon or not name.isascii() or not name.replace("-", "").isalnum() or not value.isprintable():
        raise ValueError("--header takes 'Name: value'")
    return name.encode(), value.strip().encode("utf-8", "surrogateescape")


async def _run(config: Config) -> int:
    """1. Read the file to its end. 2. Fetch the table. 3. Replay. 4. Hand in. 5. Say what came of it."""
    count = sum(1 for _ in read_recording(config.file))
    control_plane = ControlPlane(url=config.control_plane, token=config.token, project=config.project)
    follower = Follower(control_plane=control_plane)
    await _fetch(follower)
    assert follower.routes is not None
    spool = Spool(None)
    reporter = Reporter(
        control_plane=control_plane,
        source=f"replay-{socket.gethostname()}"[:180],
        spool=spool,
        kind=REPLAY,
        applied=lambda: follower.version,
    )
    reporting = asyncio.create_task(reporter.run())
    try:
        reckoning = await _replay(config, follower.routes, reporter, count)
    finally:
        reporting.cancel()
        await reporter.finish(seconds=FINISH_SECONDS)
        control_plane.close()
    sys.stdout.write(f"{summary(reckoning)}\n")
    if not (spool.unsent or reporter.refused):
        return 0
    why = "the control plane refused it" if reporter.refused else reporter.trouble or "the time was up"
    sys.stderr.write(f"Not all of it was handed in: {why}.\n")
    return 1


async def _fetch(follower: Follower) -> None:
    """The table of the moment. Raises ControlPlaneError."""
    try:
        await follower.poll()
    except ControlPlaneError as error:
        raise ControlPlaneError(f"The control plane gives no table: {error}") from None
    if follower.routes is None:
        raise ControlPlaneError("The control plane gives no table.")


async def _replay(config: Config, routes: Routes, reporter: Reporter, count: int) -> Reckoning:
    """Send what may be sent, no faster than was said. Raises NoAnswer."""
    replay = Replay(
        routes=routes, legacy=config.legacy, candidate=config.candidate, reporter=reporter, added=config.headers
    )
    try:
        async with asyncio.TaskGroup() as together:
            await _send_all(config, replay, together, count)
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    finally:
        replay.close()
    return replay.reckoning


async def _send_all(config: Config, replay: Replay, together: asyncio.TaskGroup, count: int) -> None:
    room, loop = asyncio.Semaphore(AT_ONCE), asyncio.get_running_loop()
    sent, due = 0, loop.time()

    async def send(recorded: Recorded, route: Route) -> None:
        async with room:
            await replay.send(recorded, route)

    for recorded in tqdm(read_recording(config.file), total=count, unit="req", disable=None, leave=False):
        route = replay.route_of(recorded)
        if route is None:
            continue
        if sent == config.most:
            break
        async with room:  # a slow side holds the rest up, rather than being asked by ever more at once
            await asyncio.sleep(due - loop.time())
        due = max(due + 1 / config.per_second, loop.time() - 1)
        together.create_task(send(recorded, route))
        sent += 1


def summary(reckoning: Reckoning) -> str:
    """What came of it, for people."""
    outcomes, pairs = reckoning.outcomes, reckoning.pairs
    bad = outcomes[Outcome.MISMATCH] + outcomes[Outcome.CANDIDATE_ERROR]
    share = f" ({bad / pairs:.2%})" if pairs else ""
    lines = [f"Replayed {outcomes.total():,} requests: {pairs:,} pairs, {bad:,} of them bad{share}."]
    lines += [f"  {count:>8,} {outcome.value.replace('_', ' ')}" for outcome, count in outcomes.most_common()]
    if reckoning.left_out:
        lines.append("Left out:")
        lines += [f"  {count:>8,} {reason}" for reason, count in reckoning.left_out.most_common()]
    if reckoning.places:
        lines.append("Most differences:")
        shown = reckoning.places.most_common(PLACES_SHOWN)
        lines += [f"  {count:>8,} {unit} {place} ({kind})" for (unit, place, kind), count in shown]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
