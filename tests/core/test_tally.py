"""core.tally: counts that add up in any order."""

import math
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.histograms import GREATEST_COST, LEAST_COST, cost_bucket, cost_of, mean_cost, read_cost
from migrator.core.tally import (
    CAUSES_KEPT,
    GREATEST_MS,
    KINDS_KEPT,
    LEAST_MS,
    NAMES_KEPT,
    OTHER_SHAPE,
    PATHS_KEPT,
    SKETCH_SIZE,
    FieldResult,
    Folder,
    Observation,
    Place,
    bucket_of_greatest,
    estimate,
    latency_bucket,
    latency_of,
    merge_histograms,
    merge_sketches,
    pack_sketch,
    quantile,
    smallest,
    subject_hash,
    unpack_sketch,
)
from migrator.core.wire import Outcome, Report, Side, Tally, decode_report, encode

histograms = st.dictionaries(st.integers(0, 1_200), st.integers(1, 1_000), max_size=20)
sketches = st.sets(st.integers(0, 2**64 - 1), max_size=40).map(smallest)


@given(st.floats(LEAST_MS, GREATEST_MS, exclude_min=True))
def test_latency_bucket__any_latency__is_within_one_percent(ms: float) -> None:
    assert abs(latency_of(latency_bucket(ms)) - ms) <= ms * 0.01


@given(st.floats())
def test_latency_bucket__any_float__is_a_bucket(ms: float) -> None:
    assert 0 <= latency_bucket(ms) <= bucket_of_greatest


def test_quantile__known_latencies__are_found() -> None:
    histogram = merge_histograms({latency_bucket(ms): 1} for ms in range(1, 1_001))
    assert quantile(histogram, 0.5) == pytest.approx(500, rel=0.01)
    assert quantile(histogram, 0.99) == pytest.approx(990, rel=0.01)
    assert quantile(histogram, 0) == pytest.approx(1, rel=0.01)
    assert quantile(histogram, 1) == pytest.approx(1_000, rel=0.01)


def test_quantile__of_nothing__is_none() -> None:
    assert quantile({}, 0.5) is None


@given(st.floats(LEAST_COST, GREATEST_COST, exclude_max=True))
def test_cost_bucket__any_cost__is_within_one_percent(cost: float) -> None:
    assert abs(cost_of(cost_bucket(cost)) - cost) <= cost * 0.01


@pytest.mark.parametrize(("costs", "mean"), [([0, 0, 3], 1.0), ([0], 0.0), ([0.004, 0.006], 0.005), ([7] * 9, 7.0)])
def test_mean_cost__with_calls_that_cost_nothing__is_right(costs: list[float], mean: float) -> None:
    assert mean_cost(merge_histograms({cost_bucket(cost): 1} for cost in costs)) == pytest.approx(mean, rel=0.01)
    assert mean_cost({}) is None


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        (b"12", 12.0),
        (b" 0.5 ", 0.5),
        (b"0", 0.0),
        (b"-1", None),
        (b"nan", None),
        (b"inf", None),
        (b"many", None),
        (b"", None),
    ],
)
def test_read_cost__what_a_header_says__is_a_cost_or_nothing(said: bytes, cost: float | None) -> None:
    assert read_cost(said) == cost


@given(histograms, histograms, histograms)
def test_merge_histograms__order_and_grouping__do_not_matter(
    one: dict[int, int], two: dict[int, int], three: dict[int, int]
) -> None:
    whole = merge_histograms([one, two, three])
    assert whole == merge_histograms([merge_histograms([three, one]), two])
    assert sum(whole.values()) == sum(map(sum, (one.values(), two.values(), three.values())))


@given(sketches, sketches, sketches)
def test_merge_sketches__order_grouping_and_repetition__do_not_matter(
    one: tuple[int, ...], two: tuple[int, ...], three: tuple[int, ...]
) -> None:
    whole = merge_sketches([one, two, three])
    assert whole == merge_sketches([merge_sketches([three, one]), two, one])
    assert estimate(whole) == len({*one, *two, *three})


def test_merge_sketches__large__is_the_sketch_of_the_union() -> None:
    dice = random.Random(1)
    one, two = ([dice.getrandbits(64) for _ in range(2_000)] for _ in range(2))
    assert merge_sketches([smallest(one), smallest(two)]) == smallest([*one, *two])


@pytest.mark.parametrize("subjects", [511, 2_000, 100_000])
def test_estimate__distinct_subjects__are_about_right(subjects: int) -> None:
    sketch = smallest({subject_hash(f"user-{number}") for number in range(subjects)})
    assert len(sketch) <= SKETCH_SIZE
    assert estimate(sketch) == (subjects if subjects < SKETCH_SIZE else pytest.approx(subjects, rel=0.15))


@given(sketches)
def test_pack_sketch__unpacked__is_the_same(sketch: tuple[int, ...]) -> None:
    packed = pack_sketch(sketch)
    assert unpack_sketch(packed) == sketch
    assert packed == b"".join(value.to_bytes(8, "big") for value in sketch)


def test_unpack_sketch__cut__is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        unpack_sketch(b"123")


def seen(outcome: Outcome = Outcome.MATCH, subject: str | None = None, **rest: object) -> Observation:
    fields = {"unit": 1, "at": 1_000_007.5, "evidence_epoch": 3, "served": Side.LEGACY} | rest
    return Observation(outcome=outcome, subject=None if subject is None else subject_hash(subject), **fields)  # type: ignore[arg-type]


def folded(*observations: Observation) -> dict[int, Tally]:
    folder = Folder()
    for observation in observations:
        folder.observe(observation)
    return {tally.unit: tally for tally in folder.take()}


def test_folder__observations_of_one_window__make_one_tally() -> None:
    tally = folded(
        seen(legacy_ms=10.0, candidate_ms=20.0, subject="a"),
        seen(Outcome.MISMATCH, legacy_ms=10.0, subject="a", served=Side.CANDIDATE, shapes=[("$.a", "value")]),
        seen(Outcome.CANDIDATE_ERROR, subject="b"),
        seen(Outcome.NOT_SAMPLED, subject="c"),
    )[1]
    assert (tally.window, tally.evidence_epoch, tally.received) == (1_000_000, 3, 4)
    assert tally.outcomes[Outcome.MISMATCH] == 1
    assert tally.served_candidate == 1
    assert tally.legacy_latency == {latency_bucket(10.0): 2}
    assert tally.candidate_latency == {latency_bucket(20.0): 1}
    assert tally.subjects == tuple(sorted([subject_hash("a"), subject_hash("b")]))
    assert tally.mismatching_subjects == tally.subjects
    assert [(path.shape, path.kind, path.count) for path in tally.paths] == [("$.a", "value", 1)]


def test_folder__subject_that_matched_and_mismatched__counts_once_and_as_mismatching() -> None:
    tally = folded(*[seen(subject="a")] * 5, seen(Outcome.MISMATCH, subject="a"), seen(subject="z"))[1]
    assert (len(tally.subjects), tally.mismatching_subjects) == (2, (subject_hash("a"),))


def test_folder__windows_and_epochs__are_kept_apart() -> None:
    folder = Folder()
    for at, epoch in ((5.0, 1), (15.0, 1), (15.0, 2)):
        folder.observe(seen(at=at, evidence_epoch=epoch))
    assert {(tally.window, tally.evidence_epoch) for tally in folder.take()} == {(0, 1), (10, 1), (10, 2)}


def test_folder__fields__are_tallied_beside_their_endpoint() -> None:
    tallies = folded(
        seen(
            Outcome.MISMATCH,
            subject="a",
            shapes=[("$.x", "value")],
            fields=[FieldResult(7, 1, Outcome.MISMATCH), FieldResult(8, 2, Outcome.MATCH)],
        )
    )
    assert tallies[7].outcomes == {Outcome.MISMATCH: 1}
    assert tallies[7].mismatching_subjects == (subject_hash("a"),)
    assert (tallies[8].evidence_epoch, tallies[8].mismatching_subjects, tallies[8].paths) == (2, (), ())


def test_folder__taken__starts_afresh() -> None:
    folder = Folder()
    folder.observe(seen())
    assert len(folder.take()) == 1
    assert folder.take() == []


def test_folder__more_places_than_are_kept__are_counted_together() -> None:
    shapes = [(f"$.a{number}", "value") for number in range(PATHS_KEPT + 50)]
    tally = folded(seen(Outcome.MISMATCH, shapes=shapes), seen(Outcome.MISMATCH, shapes=shapes))[1]
    counts = {path.shape: path.count for path in tally.paths}
    assert len(counts) == PATHS_KEPT + 1
    assert counts["$.a0"] == 2
    assert counts[OTHER_SHAPE] == 2


def test_folder__many_subjects__stay_a_sketch() -> None:
    subjects = [f"user-{number}" for number in range(5_000)]
    tally = folded(*(seen(subject=subject) for subject in subjects))[1]
    assert tally.subjects == smallest(set(map(subject_hash, subjects)))


def test_folder__tallies__travel() -> None:
    observations = [seen(Outcome.MISMATCH, subject="a", legacy_ms=math.inf, shapes=[("$.é", "value")])]
    report = Report(project="p", source="s", boot="b", seq=1, tallies=tuple(folded(*observations).values()))
    assert decode_report(encode(report)) == report
    assert isinstance(msgspec.json.decode(encode(report)), dict)


def test_folder__places_that_differ_together__are_counted_as_sets_with_who_met_them() -> None:
    both = [Place("$.a", "type", "number → string", True), Place("$.b", "type", "number → string")]
    tally = folded(
        seen(Outcome.MISMATCH, subject="a", shapes=both, caller="ios", legacy_build="1", candidate_build="2"),
        seen(Outcome.MISMATCH, subject="b", shapes=both, caller="ios"),
        seen(Outcome.MISMATCH, subject="a", shapes=both[:1]),
    )[1]
    assert [(path.pattern, path.count, path.whole) for path in tally.paths] == [
        ("number → string", 3, 3),
        ("number → string", 2, 0),
    ]
    together, alone = tally.causes
    assert (together.places, together.count, len(together.subjects)) == ((0, 1), 2, 2)
    assert (together.callers, together.legacy_builds, together.candidate_builds) == ({"ios": 2}, {"1": 1}, {"2": 1})
    assert (alone.places, alone.count, alone.callers) == ((0,), 1, {})


def test_folder__more_sets_and_names_than_are_kept__stay_bounded_and_paths_exact() -> None:
    many = [
        seen(Outcome.MISMATCH, shapes=[("$.x", "value"), (f"$.a{n % 150}", "value")], caller=f"c{n}")
        for n in range(300)
    ]
    tally = folded(*many, *[seen(Outcome.MISMATCH, shapes=[("$.x", "value")], caller=f"d{n}") for n in range(50)])[1]
    assert len(tally.causes) == CAUSES_KEPT
    assert tally.paths[0].count == 350
    assert all(len(cause.callers) <= NAMES_KEPT + 1 for cause in tally.causes)


def test_folder__rules_that_hid_something__count_pairs() -> None:
    tally = folded(seen(hidden=[7, 9]), seen(hidden=[7]), seen())[1]
    assert {(hidden.rule, hidden.count) for hidden in tally.hidden} == {(7, 2), (9, 1)}


def test_folder__anonymous_requests__count_once_by_what_stands_for_them() -> None:
    tally = folded(
        *[seen(entity=7)] * 5, seen(Outcome.MISMATCH, entity=7), seen(entity=8), seen(Outcome.SKIPPED, entity=9)
    )[1]
    assert (tally.subjects, tally.mismatching_subjects) == ((7, 8), (7,))


def test_folder__caller_that_is_known__is_counted_rather_than_the_request() -> None:
    tally = folded(seen(subject="a", entity=7), seen(subject="a", entity=8))[1]
    assert tally.subjects == (subject_hash("a"),)


def test_folder__shapes_and_callers__are_those_of_pairs_and_of_their_fields() -> None:
    tallies = folded(
        seen(shape=1, kind="ios", fields=[FieldResult(7, 1, Outcome.MATCH)]),
        seen(Outcome.CANDIDATE_ERROR, shape=2, kind="ios"),
        seen(Outcome.NOT_SAMPLED, shape=3, kind="web"),
    )
    assert (tallies[1].shapes, tallies[1].callers) == ((1, 2), {"ios": 2})
    assert (tallies[7].shapes, tallies[7].callers) == ((1,), {"ios": 1})


def test_folder__more_kinds_of_caller_than_are_kept__are_counted_together() -> None:
    callers = folded(*(seen(kind=f"k{number}") for number in range(50)))[1].callers
    assert (len(callers), callers[OTHER_SHAPE], sum(callers.values())) == (KINDS_KEPT + 1, 50 - KINDS_KEPT, 50)


def test_folder__costs__are_histograms_of_either_side() -> None:
    tally = folded(seen(legacy_cost=0.0, candidate_cost=4.0), seen(legacy_cost=2.0))[1]
    assert tally.legacy_cost == {0: 1, cost_bucket(2.0): 1}
    assert tally.candidate_cost == {cost_bucket(4.0): 1}


def test_folder__what_was_replayed__is_a_tally_of_its_own() -> None:
    folder = Folder()
    field = [FieldResult(7, 1, Outcome.MATCH)]
    folder.observe(seen(fields=field))
    folder.observe(seen(replayed=True, fields=field))
    assert sorted((tally.unit, tally.replayed, tally.received) for tally in folder.take()) == [
        (1, False, 1), (1, True, 1), (7, False, 1), (7, True, 1),
    ]  # fmt: skip
