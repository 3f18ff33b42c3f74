"""The ramps' clock: at each tick every running ramp takes at most one step, through the single door.

A tick looks first, without a lock, and then acts in one short transaction for each project and starter. What was
looked at is checked again under the lock: another ticker, a person or the guard may have been quicker, and then
nothing is done before the next tick. A rollback needs no lock of ours, so it never waits for a ramp.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import connection, transaction
from django.db.models import Count

from migrator.access.rights import Actor, Forbidden, Right
from migrator.core.ramp import Act, ActKind, Moment, Plan, PlanRefused, next_act, soaked
from migrator.core.stages import Position
from migrator.gates.queries import Judgement, judgements
from migrator.inventory import versions
from migrator.inventory.models import Project
from migrator.rollout.barriers import TAKES_TWO, NeedsApproval
from migrator.rollout.freezes import blocking
from migrator.rollout.models import Freeze, Ramp, RampState
from migrator.rollout.others import meet
from migrator.rollout.ramp_approvals import answer_of, ask_once, asked_before
from migrator.rollout.ramp_records import held, plan_of, starter_of, tell_of, turn, turn_if_held
from migrator.rollout.services import Change, Refused, Unknown, flip, words
from migrator.telling.models import Message, Severity

LONGEST_GAP_S: Final = 300.0
"""More than this between two pairs is never counted as soaked, whatever clocks say."""
AHEAD: Final = timedelta(seconds=60)
"""So far ahead a clock may be and still be believed."""
TELL_AFTER: Final = timedelta(hours=24)
"""A ramp that could go on and waited for so long is told to people, once per step."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """What one tick did, in ramps."""

    looked: int = 0
    climbed: int = 0
    turned: int = 0
    """Paused, cooled, stopped or finished."""


@dataclass(slots=True)
class _Look:
    """One ramp as it was found, and what to do of it."""

    ramp: Ramp
    plan: Plan
    act: Act
    soaked_s: float
    soaked_to: datetime
    """Up to when time was counted: the last look that saw a new pair."""


@dataclass(slots=True)
class _Surroundings:
    """What is known of all ramps' units, from a few queries."""

    judged: Mapping[int, Judgement]
    frozen: Mapping[int, str]
    moving: Counter[int] = field(default_factory=Counter)
    """Ramps under way by service."""


def tick(*, now: datetime, project: Project | None = None) -> Ticked:
    """Look at every ramp, and take the steps that are due. `now` is the database's clock.

    Several tickers at once are harmless: each step is taken by one of them.
    """
    ramps = _open_ramps(project)
    changed = [ramp for ramp in ramps if ramp.seen_version != ramp.unit.version or ramp.unit.gone_at]
    met = {ramp.pk for ramp in changed}
    turned = meet(ramps=changed, now=now)
    running = [ramp for ramp in ramps if ramp.pk not in met and ramp.state == RampState.RUNNING]
    looks, broken = _look(running, now)
    turned += sum(turn_if_held(ramp=ramp, state=RampState.PAUSED, because=because, now=now) for ramp, because in broken)
    by_kind = {kind: [look for look in looks if look.act.kind is kind] for kind in ActKind}
    climbed = _climb(by_kind[ActKind.FLIP], now)
    for kind, state in ((ActKind.DONE, RampState.DONE), (ActKind.STOP, RampState.STOPPED)):
        for look in by_kind[kind]:
            turned += turn_if_held(ramp=look.ramp, state=state, because=look.act.sentence, now=now)
    waiting = [look for look in looks if look.act.kind is ActKind.WAIT]  # whom the door refused, too
    _note(waiting)
    _tell_of_waiting(waiting, now)
    return Ticked(looked=len(ramps), climbed=climbed, turned=turned)


def _open_ramps(project: Project | None) -> list[Ramp]:
    ramps = Ramp.objects.filter(state__in=[RampState.RUNNING, RampState.PAUSED])
    if project is not None:
        ramps = ramps.filter(project=project)
    return list(ramps.select_related("unit__service", "unit__project", "project", "started_by").order_by("pk"))


# ----------------------------------------------------------------------------------------- looking


def _look(ramps: Sequence[Ramp], now: datetime) -> tuple[list[_Look], list[tuple[Ramp, str]]]:
    """What each ramp is to do, and those whose plan cannot be read."""
    around = _around(ramps, now)
    looks: list[_Look] = []
    broken: list[tuple[Ramp, str]] = []
    for ramp in ramps:
        try:
            look = _look_at(ramp, plan_of(ramp), around, now)
        except PlanRefused as refused:
            broken.append((ramp, refused.message))
            continue
        looks.append(look)
        if look.act.kind is ActKind.FLIP and ramp.step == 0:
            around.moving[ramp.unit.service_id] += 1
    return looks, broken


def _around(ramps: Sequence[Ramp], now: datetime) -> _Surroundings:
    units = [ramp.unit for ramp in ramps]
    return _Surroundings(
        judged=judgements(units=units, now=now) if units else {},
        frozen=_frozen(ramps, now),
        moving=under_way(services={unit.service_id for unit in units}),
    )


def _look_at(ramp: Ramp, plan: Plan, around: _Surroundings, now: datetime) -> _Look:
    judged = around.judged[ramp.unit_id]
    since = ramp.looked_at or ramp.step_since
    flows = _flows(judged, since=since, now=now)
    so_far = soaked(
        soaked_s=ramp.soaked_s,
        elapsed_s=(now - since).total_seconds(),
        flowing=flows,
        longest_s=min(LONGEST_GAP_S, judged.policy.freshness_s),
    )
    moment = Moment(
        now=now,
        position=ramp.unit.position,
        soaked_s=so_far,
        word=judged.verdict.word,
        because=judged.verdict.reason,
        frozen=around.frozen.get(ramp.unit_id, ""),
        moving=around.moving[ramp.unit.service_id],
    )
    # A clock that was set back would otherwise be waited for.
    soaked_to = now if flows or since > now + AHEAD else since
    return _Look(ramp, plan, next_act(plan=plan, step=ramp.step, moment=moment), so_far, soaked_to)


def _flows(judged: Judgement, *, since: datetime, now: datetime) -> bool:
    """Whether a pair was made since time was last counted. One from the future proves nothing."""
    last = judged.evidence.last_at
    return last is not None and since.timestamp() < last <= (now + AHEAD).timestamp()


def _frozen(ramps: Sequence[Ramp], now: datetime) -> dict[int, str]:
    """Which units of these ramps are frozen now, by whom and until when, by unit id."""
    held = blocking(units=[ramp.unit for ramp in ramps], now=now)
    return {pk: _why_frozen(freeze) for pk, freeze in held.items()}


def _why_frozen(freeze: Freeze) -> str:
    until = f"until {freeze.ends_at:%d %b %H:%M} UTC" if freeze.ends_at else "until somebody lifts it"
    return f"{freeze.reason.rstrip('.')} ({freeze.made_by}), {until}."


def under_way(*, services: Iterable[int]) -> Counter[int]:
    """How many ramps have taken a step and not ended, by service."""
    begun = Ramp.objects.filter(ended_at__isnull=True, step__gt=0, unit__service__in=list(services))
    counted = begun.order_by().values_list("unit__service").annotate(number=Count("pk"))
    return Counter(dict(counted))


# ---------------------------------------------------------------------------------------- climbing


def _climb(looks: Sequence[_Look], now: datetime) -> int:
    """Take the steps that are due: those of one project and starter together, so that one table carries them."""
    groups: dict[tuple[int, str, int | None, str], list[_Look]] = defaultdict(list)
    for look in _without_those_asked_for(looks, now):
        ramp = look.ramp
        groups[ramp.project_id, ramp.starter, ramp.started_by_id, ramp.started_via].append(look)
    return sum(_climb_of_starter(group, now) for group in groups.values())


def _without_those_asked_for(looks: Sequence[_Look], now: datetime) -> list[_Look]:
    """Leave out steps that a second person was asked about: whoever gives their word carries them out."""
    asked = asked_before(ramps=[look.ramp for look in looks if look.act.target and look.act.target.stage in TAKES_TWO])
    for look in looks:
        if look.ramp.unit_id in asked:
            waits, sentence = answer_of(asked[look.ramp.unit_id])
            look.act = Act(kind=ActKind.WAIT, sentence=sentence)
            if not waits:
                turn_if_held(ramp=look.ramp, state=RampState.PAUSED, because=sentence, now=now)
    return [look for look in looks if look.ramp.unit_id not in asked]


def _climb_of_starter(group: Sequence[_Look], now: datetime) -> int:
    """Stop the ramps that their starter may raise no more, and raise the others."""
    actor = starter_of(group[0].ramp, now=now)
    able = [look for look in group if actor.may_with(look.ramp.unit, Right.FLIP)]
    for look in group:
        if look not in able:
            because = f"{actor.name}, who answers for it, may not {Right.FLIP} any more."
            turn_if_held(ramp=look.ramp, state=RampState.STOPPED, because=because, now=now)
    return _climb_together(able, actor, now) if able else 0


def _climb_together(group: Sequence[_Look], actor: Actor, now: datetime) -> int:
    """All of a group, or, where the door refuses one, each by itself."""
    try:
        return _step(group, actor, now)
    except (Refused, Unknown, Forbidden) as refused:
        if len(group) > 1:
            return sum(_climb_together([look], actor, now) for look in group)
        look, sentence = group[0], str(refused)
        if isinstance(refused, NeedsApproval):
            sentence = ask_once(ramp=look.ramp, change=_change(look), actor=actor, now=now)
        look.act = Act(kind=ActKind.WAIT, sentence=sentence)
        return 0


@transaction.atomic
def _step(group: Sequence[_Look], actor: Actor, now: datetime) -> int:
    """Flip the units and move their ramps on, in one transaction. Raises what the door raises."""
    project = versions.lock(project_id=group[0].ramp.project_id)
    mine = held(ramps=[look.ramp for look in group])
    room = under_way(services={look.ramp.unit.service_id for look in group})
    due = [look for look in group if look.ramp.pk in mine and _has_room(look, room)]
    for reason, together in _by_sentence(due).items():
        changes = [_change(look) for look in together]
        flip(project=project, changes=changes, actor=actor, reason=reason, now=now)
    for look in due:
        _move_on(look, now)
    return len(due)


def _by_sentence(looks: Sequence[_Look]) -> dict[str, list[_Look]]:
    """Each flip says why; those with the same reason are one call."""
    found: dict[str, list[_Look]] = defaultdict(list)
    for look in looks:
        found[look.act.sentence[:1_000]].append(look)
    return found


def _has_room(look: _Look, room: Counter[int]) -> bool:
    """Another ticker may have begun units of this service meanwhile."""
    if look.ramp.step > 0:
        return True
    service = look.ramp.unit.service_id
    if look.plan.at_once is not None and room[service] >= look.plan.at_once:
        return False
    room[service] += 1
    return True


def _change(look: _Look) -> Change:
    target = look.act.target or look.ramp.unit.position
    return Change(
        unit_id=look.ramp.unit_id, version=look.ramp.unit.version, stage=target.stage, candidate=target.candidate
    )


def _move_on(look: _Look, now: datetime) -> None:
    ramp = look.ramp
    ramp.step += 1
    ramp.seen_version = ramp.unit.version + 1
    ramp.step_since, ramp.looked_at, ramp.soaked_s = now, now, 0.0
    ramp.waiting, ramp.next_at = "", None
    if ramp.step >= len(look.plan.steps):
        turn(ramp=ramp, state=RampState.DONE, because=_done(look.act.target, look.plan), now=now)
    else:
        ramp.save()


def _done(target: Position | None, plan: Plan) -> str:
    return f"The plan {plan.words} is done: it stands at {words(target)}." if target else f"{plan.words} is done."


# ------------------------------------------------------------------------------------------ rows


def _note(looks: Sequence[_Look]) -> None:
    """Write down what the others wait for, in one statement, unless somebody looked at the same time."""
    rows = [
        (x.ramp.pk, x.ramp.step, x.ramp.looked_at, x.soaked_to, x.soaked_s, x.act.sentence[:500], x.act.next_at)
        for x in looks
    ]
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, columns)


_NOTE: Final = """
UPDATE rollout_ramp ramp
SET looked_at = seen.soaked_to, soaked_s = seen.soaked_s, waiting = seen.waiting, next_at = seen.next_at
FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::float[], %s::text[], %s::timestamptz[])
    AS seen(id, step, looked_at, soaked_to, soaked_s, waiting, next_at)
WHERE ramp.id = seen.id AND ramp.step = seen.step AND ramp.state = 'running'
    AND ramp.looked_at IS NOT DISTINCT FROM seen.looked_at
"""


def _tell_of_waiting(looks: Sequence[_Look], now: datetime) -> None:
    """Say once per step that a ramp waits for more than time."""
    long = [look for look in looks if look.act.next_at is None and now - look.ramp.step_since > TELL_AFTER]
    keys = {f"ramp:{look.ramp.pk}:waits:{look.ramp.step}": look for look in long}
    projects = {look.ramp.project_id for look in long}
    told = set(Message.objects.filter(project__in=projects, key__in=keys).values_list("key", flat=True))
    for key in keys.keys() - told:
        look = keys[key]
        title = f"The ramp of {look.ramp.unit.key} has waited for a day"
        tell_of(ramp=look.ramp, severity=Severity.WARNING, title=title, sentence=look.act.sentence, now=now, key=key)
