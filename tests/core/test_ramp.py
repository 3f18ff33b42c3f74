"""Plans, and what they say to do at a moment: never early, never twice, never without evidence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core import ramp_text, working_hours
from migrator.core.gate import Word
from migrator.core.ramp import (
    USUAL_STEPS,
    ActKind,
    Moment,
    Plan,
    PlanRefused,
    Step,
    check,
    duration,
    next_act,
    soaked,
    step_after,
)
from migrator.core.ramp_text import read_plan
from migrator.core.stages import ALL, Position, Stage
from migrator.core.working_hours import WorkingHours, is_open, opens_at

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)  # a Monday
SIDE_BY_SIDE = Position(stage=Stage.SIDE_BY_SIDE, candidate=0, mirror=ALL)
OFFICE = WorkingHours(days=(0, 1, 2, 3, 4), begin=9 * 60, end=17 * 60, zone="Europe/Berlin")
NIGHT = WorkingHours(days=(4,), begin=22 * 60, end=6 * 60, zone="Europe/Berlin")


def canary(share: int) -> Position:
    return Position(stage=Stage.CANARY, candidate=share, mirror=ALL)


def moment(position: Position = SIDE_BY_SIDE, **changes: object) -> Moment:
    usual = Moment(now=NOW, position=position, soaked_s=1e9, word=Word.PROMOTE, because="0 of 9,000 differ.")
    return replace(usual, **changes)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------- plans


def test_plan__usual__goes_from_one_percent_to_all() -> None:
    plan = check(Plan())
    assert plan.words == "1 → 5 → 25 → 50 → 100 %"
    assert [step.soak_s for step in plan.steps] == [1_800] * 5


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ("5, 1", "Steps only rise: 1 % does not come after 5 %."),
        ("5, 5", "Steps only rise: 5 % does not come after 5 %."),
        ("cutover, 5", "put a share before cutover"),
        ("cutover", "put a share before cutover"),
        ("5, cutover, cutover", "Steps only rise"),
        ("0", "is no step"),
        ("101", "is no step"),
        ("1.234", "is no step"),
        ("nan", "is no step"),
        ("-5", "is no step"),
        ("removal", "is no step"),
        ("5 for ever", "is no soak"),
        (",,", "Name at least one step"),
        (", ".join(str(n / 2) for n in range(1, 60)), "1 to 50 steps"),
        ("9" * 600, "at most 500 letters"),
    ],
)
def test_steps__that_nobody_can_climb__are_refused_in_words(steps: str, told: str) -> None:
    with pytest.raises(PlanRefused) as refused:
        read_plan(steps=steps)
    assert told in refused.value.message
    assert refused.value.field in ("steps", "soak")


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"soak": "soon"}, "soak"),
        ({"soak": "31d"}, "soak"),
        ({"soak": "-1m"}, "soak"),
        ({"days": "funday", "zone": "UTC"}, "working_hours"),
        ({"days": "mon-fri"}, "working_hours"),
        ({"days": "mon-fri", "zone": "Moon/Sea"}, "working_hours"),
        ({"days": "mon-fri", "zone": "../etc/passwd"}, "working_hours"),
        ({"begin": "25:00", "zone": "UTC"}, "working_hours"),
        ({"begin": "9", "zone": "UTC"}, "working_hours"),
        ({"begin": "24:00", "end": "03:00", "zone": "UTC"}, "working_hours"),
        ({"begin": "09:00", "end": "09:00", "zone": "UTC"}, "working_hours"),
        ({"at_once": "0"}, "at_once"),
        ({"at_once": "-3"}, "at_once"),
        ({"at_once": "many"}, "at_once"),
        ({"at_once": "99999999999"}, "at_once"),
    ],
)
def test_plan__that_means_nothing__names_the_field(typed: dict[str, str], field: str) -> None:
    with pytest.raises(PlanRefused) as refused:
        read_plan(**typed)  # type: ignore[arg-type]
    assert refused.value.field == field


@pytest.mark.parametrize("stage", [Stage.BACKLOG, Stage.SHADOW, Stage.SIDE_BY_SIDE, Stage.REMOVAL, Stage.REMOVED])
def test_step__of_a_stage_that_is_a_persons_flip__is_refused(stage: Stage) -> None:
    with pytest.raises(PlanRefused, match="canary to cutover"):
        check(Plan(steps=(Step(stage=stage, candidate=100),)))


def test_step__cutover_with_a_share__is_refused_by_the_ladder() -> None:
    with pytest.raises(PlanRefused, match="Cutover takes candidate_percent 100 %"):
        check(Plan(steps=(Step(candidate=100), Step(stage=Stage.CUTOVER, candidate=5_000))))


def test_plan__written_and_read_again__is_the_same() -> None:
    plan = read_plan(
        steps="0.5, 12.34 for 2h, cutover", soak="45m", days="mon, wed", begin="22:00", end="06:00",
        zone="America/New_York", at_once="7",
    )  # fmt: skip
    assert read_plan(**ramp_text.as_text(plan)) == plan  # type: ignore[arg-type]
    assert ramp_text.of_record(ramp_text.as_record(plan)) == plan
    assert plan.words == "0.5 → 12.34 % → cutover"


@pytest.mark.parametrize("record", [None, {}, {"steps": []}, {"steps": [{"candidate": -1}]}, {"steps": "x"}, 7])
def test_record__that_is_no_plan__is_refused(record: object) -> None:
    if record == {}:
        assert ramp_text.of_record(record).steps == USUAL_STEPS
        return
    with pytest.raises(PlanRefused):
        ramp_text.of_record(record)


# ----------------------------------------------------------------------------------- at this moment


def test_next_act__all_is_well__takes_the_step_and_says_why() -> None:
    act = next_act(plan=Plan(), step=0, moment=moment())
    assert act.kind is ActKind.FLIP
    assert act.target == canary(100)
    assert act.sentence == "Ramp to 1 %: 0 of 9,000 differ."


def test_next_act__cutover__keeps_the_mirror() -> None:
    act = next_act(plan=read_plan(steps="50, cutover"), step=1, moment=moment(canary(5_000)))
    assert act.target == Position(stage=Stage.CUTOVER, candidate=ALL, mirror=ALL)


@pytest.mark.parametrize("word", [Word.HOLD, Word.INCONCLUSIVE, Word.ROLLBACK])
def test_next_act__any_other_verdict__waits(word: Word) -> None:
    act = next_act(plan=Plan(), step=0, moment=moment(word=word, because="No pair."))
    assert act.kind is ActKind.WAIT
    assert "No pair." in act.sentence


def test_next_act__frozen__waits_and_says_by_whom() -> None:
    act = next_act(plan=Plan(), step=0, moment=moment(frozen="Release night (ana), until somebody lifts it."))
    assert act.sentence == "Frozen: Release night (ana), until somebody lifts it."


def test_next_act__still_soaking__says_how_long_and_until_when() -> None:
    act = next_act(plan=Plan(), step=1, moment=moment(canary(100), soaked_s=600.0))
    assert act.sentence == "Soaks for another 20 minutes before 5 %, while evidence flows."
    assert act.next_at == NOW + timedelta(minutes=20)


def test_next_act__soak_ends_at_night__is_due_when_people_are_there() -> None:
    plan = replace(Plan(), working_hours=OFFICE)
    late = datetime(2026, 11, 2, 15, 50, tzinfo=UTC)  # 16:50 in Berlin
    act = next_act(plan=plan, step=1, moment=moment(canary(100), soaked_s=0.0, now=late))
    assert act.next_at == datetime(2026, 11, 3, 8, 0, tzinfo=UTC)


def test_next_act__outside_working_hours__waits_for_them() -> None:
    sunday = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    act = next_act(plan=replace(Plan(), working_hours=OFFICE), step=0, moment=moment(now=sunday))
    assert act.kind is ActKind.WAIT
    assert act.next_at == datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
    assert "mon-fri 09:00-17:00 Europe/Berlin" in act.sentence


def test_next_act__too_many_at_once__only_the_first_step_waits() -> None:
    plan = replace(Plan(), at_once=2)
    assert next_act(plan=plan, step=0, moment=moment(moving=2)).kind is ActKind.WAIT
    assert next_act(plan=plan, step=0, moment=moment(moving=1)).kind is ActKind.FLIP
    assert next_act(plan=plan, step=1, moment=moment(canary(100), moving=9)).kind is ActKind.FLIP


def test_next_act__below_side_by_side__stops_and_beyond_cutover__is_done() -> None:
    shadow = Position(stage=Stage.SHADOW, candidate=0, mirror=ALL)
    removal = Position(stage=Stage.REMOVAL, candidate=ALL, mirror=0)
    assert next_act(plan=Plan(), step=0, moment=moment(shadow)).kind is ActKind.STOP
    assert next_act(plan=Plan(), step=2, moment=moment(removal)).kind is ActKind.DONE
    assert next_act(plan=Plan(), step=5, moment=moment(canary(ALL))).kind is ActKind.DONE


@given(
    step=st.integers(0, 4),
    soaked_s=st.floats(0, 4_000),
    word=st.sampled_from(Word),
    frozen=st.sampled_from(["", "Not now."]),
    moving=st.integers(0, 3),
    hour=st.integers(0, 24 * 14),
)
def test_next_act__whatever_is_known__flips_only_where_nothing_speaks_against_it(
    step: int, soaked_s: float, word: Word, frozen: str, moving: int, hour: int
) -> None:
    plan = replace(Plan(), working_hours=OFFICE, at_once=2)
    now = NOW + timedelta(hours=hour)
    position = canary(plan.steps[step - 1].candidate) if step else SIDE_BY_SIDE
    act = next_act(
        plan=plan,
        step=step,
        moment=moment(position, now=now, soaked_s=soaked_s, word=word, frozen=frozen, moving=moving),
    )
    allowed = (
        word is Word.PROMOTE
        and not frozen
        and (step == 0 or soaked_s >= 1_800)
        and is_open(hours=OFFICE, at=now)
        and (step > 0 or moving < 2)
    )
    assert (act.kind is ActKind.FLIP) == allowed
    assert act.next_at is None or act.next_at >= now


@given(steps=st.lists(st.integers(1, ALL), min_size=1, max_size=8, unique=True), share=st.integers(0, ALL))
def test_step_after__any_share__is_the_first_step_above_it(steps: list[int], share: int) -> None:
    plan = Plan(steps=tuple(Step(candidate=each) for each in sorted(steps)))
    at = step_after(plan=plan, position=canary(share))
    assert all(step.candidate <= share for step in plan.steps[:at])
    assert all(step.candidate > share for step in plan.steps[at:])


# ------------------------------------------------------------------------------------------- soaking


@given(looks=st.lists(st.tuples(st.floats(-1e7, 1e7), st.booleans()), max_size=60))
def test_soaked__clocks_that_jump__never_count_more_than_the_looks_allow(looks: list[tuple[float, bool]]) -> None:
    total = 0.0
    for elapsed, flowing in looks:
        after = soaked(soaked_s=total, elapsed_s=elapsed, flowing=flowing, longest_s=60)
        assert total <= after <= total + (60 if flowing else 0)
        total = after
    assert total <= 60 * sum(flowing for _, flowing in looks)


def test_soaked__no_evidence__stands_still() -> None:
    assert soaked(soaked_s=100, elapsed_s=30, flowing=False, longest_s=60) == 100
    assert soaked(soaked_s=100, elapsed_s=30, flowing=True, longest_s=60) == 130


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.2, "1 second"), (1.5, "2 seconds"), (119, "119 seconds"), (120, "2 minutes"), (121, "3 minutes"),
     (7_200, "2 hours"), (172_800, "2 days")],
)  # fmt: skip
def test_duration__in_words__is_never_less_than_it_is(seconds: float, told: str) -> None:
    assert duration(seconds) == told


# ------------------------------------------------------------------------------------- working hours


def berlin(*when: int, fold: int = 0) -> datetime:
    return datetime(*when, tzinfo=ZoneInfo("Europe/Berlin"), fold=fold)  # type: ignore[arg-type, misc]


def test_hours__over_midnight__belong_to_the_day_on_which_they_begin() -> None:
    assert is_open(hours=NIGHT, at=berlin(2026, 11, 6, 23, 0))  # Friday night
    assert is_open(hours=NIGHT, at=berlin(2026, 11, 7, 5, 59))  # into Saturday
    assert not is_open(hours=NIGHT, at=berlin(2026, 11, 7, 6, 0))
    assert not is_open(hours=NIGHT, at=berlin(2026, 11, 6, 5, 0))  # Thursday's night is nobody's
    assert not is_open(hours=NIGHT, at=berlin(2026, 11, 7, 23, 0))


def test_hours__whole_days__have_no_gap_at_midnight() -> None:
    hours = read_plan(days="mon-tue", begin="00:00", end="24:00", zone="UTC").working_hours
    assert hours is not None
    assert is_open(hours=hours, at=datetime(2026, 11, 2, 23, 59, 59, tzinfo=UTC))
    assert is_open(hours=hours, at=datetime(2026, 11, 3, 0, 0, tzinfo=UTC))
    assert not is_open(hours=hours, at=datetime(2026, 11, 4, 0, 0, tzinfo=UTC))


def test_hours__beginning_that_clocks_skip__open_after_the_gap() -> None:
    hours = WorkingHours(days=(6,), begin=150, end=240, zone="Europe/Berlin")  # 02:30 does not exist that Sunday
    assert opens_at(hours=hours, after=berlin(2026, 3, 29, 1, 0)) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_hours__within_what_clocks_skip__come_a_week_later() -> None:
    hours = WorkingHours(days=(6,), begin=130, end=170, zone="Europe/Berlin")
    assert opens_at(hours=hours, after=berlin(2026, 3, 29, 1, 0)) == berlin(2026, 4, 5, 2, 10).astimezone(UTC)


def test_hours__that_clocks_repeat__open_twice() -> None:
    hours = WorkingHours(days=(6,), begin=60, end=150, zone="Europe/Berlin")  # to 02:30, which comes twice
    closed = berlin(2026, 10, 25, 2, 40, fold=0)
    assert not is_open(hours=hours, at=closed)
    assert opens_at(hours=hours, after=closed) == berlin(2026, 10, 25, 2, 0, fold=1).astimezone(UTC)


ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC", "Pacific/Apia")


@given(
    days=st.sets(st.integers(0, 6), min_size=1),
    begin=st.integers(0, 1_439),
    length=st.integers(30, 1_440),
    zone=st.sampled_from(ZONES),
    after=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 - Hypothesis wants them naive
    tries=st.lists(st.floats(0, 1), max_size=20),
)
def test_opens_at__any_hours__is_the_first_open_minute(
    days: set[int], begin: int, length: int, zone: str, after: datetime, tries: list[float]
) -> None:
    end = (begin + length) % 1_440
    hours = WorkingHours(days=tuple(sorted(days)), begin=begin, end=end or 1_440, zone=zone)
    if hours.begin == hours.end:
        return
    start = after.replace(tzinfo=UTC)
    opening = opens_at(hours=hours, after=start)
    assert is_open(hours=hours, at=opening)
    assert start <= opening <= start + timedelta(days=8)
    for share in tries:  # nothing was open before it
        between = start + (opening - start) * share
        assert between >= opening or not is_open(hours=hours, at=between)


@pytest.mark.parametrize(
    ("typed", "days"),
    [("mon-fri", (0, 1, 2, 3, 4)), ("sat-mon", (0, 5, 6)), ("Tue", (1,)), ("sun, mon", (0, 6)), ("wed-wed", (2,))],
)
def test_days__as_people_type_them__are_read(typed: str, days: tuple[int, ...]) -> None:
    assert ramp_text.read_days(typed) == days
    assert ramp_text.read_days(working_hours.days_words(days)) == days
