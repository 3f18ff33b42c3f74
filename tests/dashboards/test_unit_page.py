"""The unit page: its sentence, its charts with their tables, its differences."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone

from migrator.core.stages import Stage
from migrator.core.tally import latency_bucket
from migrator.core.wire import Finding, Outcome, Sample, Side, encode
from migrator.inventory.models import Unit
from migrator.inventory.services import record_deploy
from migrator.observations.models import Illustration, KeptSample, MismatchGroup, Resolution, Rollup, Standing
from tests.dashboards.conftest import observe

AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    return add_unit("GET /users/{id}", Stage.CANARY, 200)


def page_of(unit: Unit, client: Client, query: str = "") -> str:
    return str(client.get(f"/p/shop/units/{unit.pk}{query}").content.decode()).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("match", "mismatch", "sentence"),
    [
        (50_000, 0, "Safe to raise to 5 %: 0 of 50,000 pairs differ (at most 0.0"),
        (500, 500, "Roll back: 500 of 1,000 pairs differ"),
        (100, 0, "Not enough is known: 0 of 100 pairs differ"),
        (0, 0, "Not enough is known: "),
    ],
)
def test_sentence__whatever_is_known__says_what_may_be_done(
    match: int, mismatch: int, sentence: str, unit: Unit, viewer: User, sign_in: SignIn
) -> None:
    observe(unit, match=match, mismatch=mismatch)

    assert sentence in page_of(unit, sign_in(viewer))


def test_tiles__nothing_seen__say_no_data_never_zero(unit: Unit, viewer: User, sign_in: SignIn) -> None:
    page = page_of(unit, sign_in(viewer))

    assert page.count('<div class="tile nodata">') == 4
    assert "0 %</dd>" not in page


def test_charts__minutes_counted__stand_in_figure_and_table(unit: Unit, viewer: User, sign_in: SignIn) -> None:
    count_minute(unit, match=297, mismatch=3)
    record_deploy(service=unit.service, side="candidate", build="v7", now=timezone.now())
    answer = sign_in(viewer).get(f"/p/shop/units/{unit.pk}?span=1h")

    mismatches, latency = answer.context["charts"]
    assert [row.cells for row in mismatches.rows] == [("1 %", mismatches.rows[0].cells[1], "300")]
    assert 1.0 in mismatches.figure["data"][1]["y"]
    assert latency.rows[0].cells[:2] != ("–", "–")
    pins = mismatches.figure["data"][-1]["text"]
    assert "candidate now runs v7" in pins
    assert "setup: side by side → canary 2 %" in pins


def count_minute(unit: Unit, *, match: int, mismatch: int) -> None:
    start = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=3)
    Rollup.objects.create(
        unit_id=unit.pk, resolution=Resolution.MINUTE, window_start=start, evidence_epoch=unit.evidence_epoch, shard=0,
        match=match, mismatch=mismatch, legacy_latency={"300": 300}, candidate_latency={"320": 300},
    )  # fmt: skip


def test_differences__a_group_with_a_sample__shows_both_sides_as_they_came(
    unit: Unit, viewer: User, sign_in: SignIn
) -> None:
    observe(unit, match=90, mismatch=10)
    group = keep_group(
        unit, control="string(4) #9f2a", candidate="<b>&amp;\u0000\ud800</b>".encode("utf-8", "replace").decode()
    )
    page = page_of(unit, sign_in(viewer), f"?group={group.pk}")

    assert "$.price" in page and "of another type" in page
    assert "10 % of pairs" in page
    assert "string(4) #9f2a" in page
    assert "&lt;b&gt;&amp;amp;" in page, "what was seen is shown, never run"
    assert f'id="group-{group.pk}" open' in page


def keep_group(unit: Unit, *, control: str, candidate: str) -> MismatchGroup:
    now = timezone.now()
    group = MismatchGroup.objects.create(
        project_id=unit.project_id, raised_at=now, unit_id=unit.pk, cause="c", shape="$.price", kind="type",
        total=10, count=10, evidence_epoch=unit.evidence_epoch, first_seen_at=now, last_seen_at=now,
    )  # fmt: skip
    finding = Finding(path="$.price", shape="$.price", kind="type", control=control, candidate=candidate)
    sample = Sample(
        unit=unit.pk, evidence_epoch=unit.evidence_epoch, at=now.timestamp(), outcome=Outcome.MISMATCH,
        served=Side.LEGACY, method="GET", path="/users/…", legacy_status=200, candidate_status=200, findings=(finding,),
    )  # fmt: skip
    kept = KeptSample.objects.create(
        unit_id=unit.pk, alike="a", at=now, outcome="mismatch", payload=encode(sample).decode()
    )
    Illustration.objects.create(group=group, sample=kept, at=now)
    return group


def test_static_files__of_plotly__are_one_script_and_no_more() -> None:
    assert str(finders.find("plotly.min.js")).endswith("plotly.min.js")
    assert not finders.find("widgetbundle.js")
    listed = [path for finder in finders.get_finders() for path, _ in finder.list([]) if "plotly" in path]
    assert listed == ["plotly.min.js"]


@pytest.mark.parametrize(
    ("stage", "share", "allowed"),
    [
        (Stage.SIDE_BY_SIDE, None, "The gates allow canary: 0 of"),
        (Stage.CANARY, 200, "The gates allow 5 %: 0 of"),
        (Stage.CANARY, 10_000, "The gates allow the cutover: 0 of"),
        (Stage.CUTOVER, None, "The gates are met: 0 of"),
    ],
)
def test_sentence__far_slower_within_its_budget__does_not_call_it_safe(
    stage: Stage, share: int | None, allowed: str, add_unit: AddUnit, viewer: User, sign_in: SignIn
) -> None:
    unit = add_unit("GET /slow", stage, share)
    observe(unit, match=50_000)
    Standing.objects.filter(unit=unit).update(legacy_latency=timed(1), candidate_latency=timed(6))
    page = page_of(unit, sign_in(viewer))

    heading = re.search(r"<h1>(.*?)</h1>", page)
    assert heading and heading[1].startswith(allowed)
    assert heading[1].endswith("But the candidate is 6 times as slow.")
    assert "6 times as slow</span>" in page and "<span>Gates met</span>" in page
    assert "<span>Safe</span>" not in page


def timed(milliseconds: float) -> dict[str, int]:
    return {str(latency_bucket(milliseconds)): 50_000}
