"""`manage.py simulate`: units with known faults climb for a month, and the promises of judge() are held against it."""

import json
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from migrator.core.gaps import promoted_by_gaps
from migrator.core.policy import Policy
from migrator.core.promises import Promise, promises
from migrator.core.simulation import Fate, fates

EXIT_BAD_INPUT = 2
EXIT_BROKEN = 1
GAPS = 100_000
UNITS_AT_ONCE = 50
GAPS_AT_ONCE = 2_500


class Command(BaseCommand):
    help = "Simulate units with known faults, and check how often they are promoted and how soon they are taken back."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--units", type=int, default=10_000, help="default: %(default)s")
        parser.add_argument("--days", type=int, default=30, help="default: %(default)s")
        parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same units (default: 1)")
        parser.add_argument(
            "--gaps", type=int, default=GAPS, help="pieces of evidence with a gap (default: %(default)s)"
        )
        parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, units: int, days: int, seed: int, gaps: int, workers: int, **options: Any) -> None:
        _check(units=units, days=days, gaps=gaps, workers=workers)
        started = time.monotonic()
        found, gaps_promoted = _simulate(units=units, days=days, seed=seed, gaps=gaps, workers=workers)
        seconds = time.monotonic() - started
        kept = promises(fates=found, policy=Policy(), gaps=gaps, gaps_promoted=gaps_promoted)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(found, kept, days, seed, seconds)))
        else:
            self._say(found, kept, days, seconds)
        if not all(promise.kept for promise in kept):
            raise CommandError("A promise was broken.", returncode=EXIT_BROKEN)

    def _say(self, found: Sequence[Fate], kept: Sequence[Promise], days: int, seconds: float) -> None:
        pairs = sum(fate.pairs for fate in found)
        self.stdout.write(f"{len(found):,} units, {days} days, {pairs:,} pairs, {seconds:.0f} seconds.")
        for promise in kept:
            self.stdout.write(f"{'kept  ' if promise.kept else 'BROKEN'} {promise.sentence}")


def _check(*, units: int, days: int, gaps: int, workers: int) -> None:
    for name, value, least in (("units", units, 1), ("days", days, 5), ("gaps", gaps, 0), ("workers", workers, 1)):
        if value < least:
            raise CommandError(f"--{name} is at least {least}, not {value}.", returncode=EXIT_BAD_INPUT)


def _simulate(*, units: int, days: int, seed: int, gaps: int, workers: int) -> tuple[list[Fate], int]:
    """Fates of all units in order, and how many gaps promoted. The work is dealt to processes."""
    # Children that are started afresh share no connection, thread or lock with this one.
    with (
        ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
        tqdm(total=units + gaps, unit=" cases", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar,
    ):
        lives = {pool.submit(fates, numbers=part, seed=seed, days=days): part for part in _parts(units, UNITS_AT_ONCE)}
        judged = {
            pool.submit(promoted_by_gaps, count=len(part), seed=seed + part.start): part
            for part in _parts(gaps, GAPS_AT_ONCE)
        }
        work: dict[Future[Any], range] = {**lives, **judged}
        for future in as_completed(work):
            future.result()
            bar.update(len(work[future]))
    return [fate for future in lives for fate in future.result()], sum(future.result() for future in judged)


def _parts(total: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, total)) for start in range(0, total, size))


def _as_json(found: Sequence[Fate], kept: Sequence[Promise], days: int, seed: int, seconds: float) -> dict[str, Any]:
    return {
        "units": len(found),
        "days": days,
        "seed": seed,
        "seconds": round(seconds, 1),
        "pairs": sum(fate.pairs for fate in found),
        "kept": all(promise.kept for promise in kept),
        "promises": [asdict(promise) for promise in kept],
    }
