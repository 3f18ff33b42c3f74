"""A unit in traffic, and reports about it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from migrator.core.wire import Outcome, PathCount, Report, Tally, encode
from migrator.inventory.models import Kind, Project, Service, Unit
from migrator.inventory.services import create_unit, save_service
from migrator.observations.stream import Entry, key_of

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
WINDOW = int(NOW.timestamp()) // 10 * 10


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="api", legacy_url="http://legacy", candidate_url="http://candidate")


@pytest.fixture
def unit(project: Project, service: Service) -> Unit:
    return create_unit(project=project, service=service, key="GET /users/{id}", kind=Kind.ENDPOINT, now=NOW)


@pytest.fixture
def name_field(project: Project, service: Service, unit: Unit) -> Unit:
    return create_unit(project=project, service=service, key="GET /users/{id} $.name", kind=Kind.FIELD, now=NOW)


def tally(unit: Unit, **changes: Any) -> Tally:
    """Ten requests of ten callers: eight match, two differ."""
    usual = Tally(
        unit=unit.pk,
        window=WINDOW,
        evidence_epoch=unit.evidence_epoch,
        outcomes={Outcome.MATCH: 8, Outcome.MISMATCH: 2},
        legacy_latency={100: 10},
        candidate_latency={200: 10},
        subjects=tuple(range(1, 11)),
        mismatching_subjects=(1, 2),
        paths=(PathCount(shape="$.name", kind="value", count=2),),
    )
    return replace(usual, **changes)


def report(seq: int, *tallies: Tally, **changes: Any) -> Report:
    """One report of gw-1/0, by default about the ten requests of each report before it too."""
    usual = Report(project="shop", source="gw-1/0", boot="b1", seq=seq, kind="gateway", sent=10 * seq, tallies=tallies)
    return replace(usual, **changes)


def entries(*reports: Report) -> list[Entry]:
    return [Entry(f"{number}-0", encode(each)) for number, each in enumerate(reports, 1)]


@pytest.fixture
def append(redis_client: Any) -> Callable[..., None]:
    """Put reports into the stream of shard 0, as the data plane server does."""

    def put(*reports: Report | bytes, shard: int = 0) -> None:
        for each in reports:
            redis_client.xadd(key_of(shard), {"report": each if isinstance(each, bytes) else encode(each)})

    return put
