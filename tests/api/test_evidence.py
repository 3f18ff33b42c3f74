"""What was observed, over REST."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from migrator.core import wire
from migrator.core.stages import Stage
from migrator.core.wire import Finding, Outcome, Sample, Side
from migrator.inventory.models import Unit
from migrator.observations.models import (
    Illustration,
    KeptSample,
    MismatchGroup,
    Resolution,
    Rollup,
    Standing,
)
from tests.api.conftest import Caller, climb, errors

NOW = datetime.now(tz=UTC).replace(second=0, microsecond=0)


def observe(unit: Unit, *, match: int, mismatch: int = 0, at: datetime = NOW) -> None:
    """Counters as the drain would have stored them."""
    counts = {"match": match, "mismatch": mismatch}
    Standing.objects.create(
        unit=unit,
        shard=0,
        evidence_epoch=unit.evidence_epoch,
        first_at=at,
        last_at=at,
        last_seen_at=at,
        **counts,
    )
    Rollup.objects.create(
        unit=unit,
        resolution=Resolution.MINUTE,
        window_start=at,
        evidence_epoch=unit.evidence_epoch,
        shard=0,
        **counts,
    )


def differ(unit: Unit, path: str, count: int) -> MismatchGroup:
    """A mismatch group with one sample."""
    group = MismatchGroup.objects.create(
        project=unit.project, raised_at=NOW, unit=unit, cause=path, shape=path, kind="value", total=count, count=count,
        evidence_epoch=unit.evidence_epoch, first_seen_at=NOW, last_seen_at=NOW,
    )  # fmt: skip
    sample = Sample(
        unit=unit.pk, evidence_epoch=unit.evidence_epoch, at=NOW.timestamp(), outcome=Outcome.MISMATCH,
        served=Side.LEGACY, method="GET", path="/users/1", legacy_status=200, candidate_status=200,
        findings=(Finding(path=path, shape=path, kind="value", control="number #1", candidate="number #2"),),
    )  # fmt: skip
    kept = KeptSample.objects.create(
        unit=unit, alike=path, at=NOW, outcome="mismatch", payload=wire.encode(sample).decode()
    )
    Illustration.objects.create(group=group, sample=kept, at=NOW)
    return group


@pytest.fixture
def compared(unit: Unit) -> Unit:
    """Side by side, with one pair in four that differs."""
    climb(unit, Stage.SIDE_BY_SIDE)
    observe(unit, match=75, mismatch=25)
    return unit


def test_evidence__of_a_unit_never_seen__says_so_by_nulls(admin: Caller, unit: Unit) -> None:
    told = admin.get(f"units/{unit.pk}/evidence/")
    assert (told["pairs"], told["mismatch_rate"], told["bound"], told["completeness"]) == (0, None, None, None)
    assert told["legacy_latency"] == told["candidate_latency"] == {"p50": None, "p90": None, "p99": None}
    assert told["verdict"] == "inconclusive"
    assert {gate["result"] for gate in told["gates"]} == {"no_data"}


def test_evidence__of_a_unit_compared__counts_and_judges(admin: Caller, compared: Unit) -> None:
    told = admin.get(f"units/{compared.pk}/evidence/")
    assert (told["pairs"], told["mismatches"], told["mismatch_rate"]) == (100, 25, 0.25)
    assert told["outcomes"]["match"] == 75
    assert sum(told["outcomes"].values()) == told["received"] == 100
    assert 0.25 < told["bound"] <= 1
    assert told["verdict"] == "hold"
    assert [gate["name"] for gate in told["gates"]][:3] == ["completeness", "freshness", "mismatches"]
    assert all(gate["reason"] for gate in told["gates"])
    mismatches = told["gates"][2]
    assert (mismatches["numbers"]["bad"], mismatches["numbers"]["pairs"]) == (25, 100)
    assert mismatches["evidence"] == f"/api/v1/units/{compared.pk}/mismatches/"


def test_evidence__of_a_time_with_nothing_in_it__is_empty_but_judged_by_what_there_is(
    admin: Caller, compared: Unit
) -> None:
    told = admin.get(f"units/{compared.pk}/evidence/?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z")
    assert (told["pairs"], told["mismatch_rate"]) == (0, None)
    assert told["verdict"] == "hold"


def test_evidence__of_the_last_hour__is_what_was_seen_in_it(admin: Caller, compared: Unit) -> None:
    since = (timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert admin.get(f"units/{compared.pk}/evidence/?from={since}")["pairs"] == 100


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("to=1", "to"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
        ("from=0001-01-01T00:00:00Z", "from"),
        ("to=9999-12-31T23:59:59Z", "to"),
    ],
)
def test_evidence__of_no_time__400_names_it(admin: Caller, unit: Unit, query: str, field: str) -> None:
    for part in ("evidence/?", "series/?metric=pairs&"):
        answer = admin("GET", f"units/{unit.pk}/{part}{query}")
        assert answer.status_code == 400
        assert field in errors(answer)


@pytest.mark.parametrize("metric", ["mismatch_rate", "pairs", "latency_p99", "share"])
def test_series__of_an_hour__has_a_point_for_each_minute_and_null_is_no_data(
    admin: Caller, compared: Unit, metric: str
) -> None:
    start, end = NOW - timedelta(minutes=59), NOW + timedelta(minutes=1)
    span = f"from={start:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}&step=60"
    told = admin.get(f"units/{compared.pk}/series/?metric={metric}&{span}")
    assert (told["metric"], told["step"], len(told["points"])) == (metric, 60, 60)
    assert {point["value"] for point in told["points"][:-1]} == {None}
    expected = {"mismatch_rate": 0.25, "pairs": 100, "share": 0, "latency_p99": None}
    assert told["points"][-1]["value"] == expected[metric]


@pytest.mark.parametrize(
    ("query", "field"),
    [("", "metric"), ("metric=speed", "metric"), ("metric=pairs&step=1", "step"), ("metric=pairs&step=x", "step")],
)
def test_series__of_nothing_known__400_names_it(admin: Caller, unit: Unit, query: str, field: str) -> None:
    assert field in errors(admin("GET", f"units/{unit.pk}/series/?{query}"))


def test_series__of_too_many_points__400_says_which_step_would_do(admin: Caller, unit: Unit) -> None:
    answer = admin("GET", f"units/{unit.pk}/series/?metric=pairs&from=2020-01-01T00:00:00Z&step=60")
    assert "Take a step of" in errors(answer)["step"]


def test_mismatches__of_a_unit_that_differs__are_groups_with_samples(admin: Caller, compared: Unit) -> None:
    differ(compared, "$.n", 25)
    page = admin.get(f"units/{compared.pk}/mismatches/")
    assert (page["next"], page["previous"], len(page["results"])) == (None, None, 1)
    group = page["results"][0]
    assert (group["path"], group["kind"], group["count"], group["share"]) == ("$.n", "value", 25, 0.25)
    assert (group["first_seen"], group["status"]) == (NOW.strftime("%Y-%m-%dT%H:%M:%SZ"), "new")
    sample = group["samples"][0]
    assert (sample["outcome"], sample["served"], sample["legacy_status"]) == ("mismatch", "legacy", 200)
    assert sample["findings"][0]["candidate"] == "number #2"


def test_mismatches__in_pages__each_once_the_most_frequent_first(admin: Caller, compared: Unit) -> None:
    for number in range(5):
        differ(compared, f"$.{number}", 10 - number)
    paths, address = [], f"units/{compared.pk}/mismatches/?page_size=2"
    while address:
        page = admin.get(address)
        paths += [group["path"] for group in page["results"]]
        address, previous = page["next"], page["previous"]
    assert paths == [f"$.{number}" for number in range(5)]
    assert [group["path"] for group in admin.get(previous)["results"]] == ["$.2", "$.3"]


def test_mismatches__of_a_broken_cursor__404(admin: Caller, compared: Unit) -> None:
    assert admin("GET", f"units/{compared.pk}/mismatches/?cursor=x").status_code == 404
