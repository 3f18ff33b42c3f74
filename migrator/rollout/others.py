"""What ramps make of flips that were not theirs: they go along upwards, and stand still when somebody went down."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from migrator.core.ramp import PlanRefused, step_after
from migrator.core.stages import Direction
from migrator.gates.queries import policies_of
from migrator.inventory import versions
from migrator.rollout.models import Flip, Ramp, RampState
from migrator.rollout.ramp_records import held, plan_of, turn
from migrator.rollout.services import words

log = structlog.get_logger()


def meet(*, ramps: Sequence[Ramp], now: datetime) -> int:
    """Take note of what others did to these ramps' units. Returns how many ramps were paused, cooled or ended."""
    oldest = min((ramp.seen_version for ramp in ramps), default=0)
    made: dict[int, list[Flip]] = defaultdict(list)
    units = [ramp.unit_id for ramp in ramps]
    for each in Flip.objects.filter(unit__in=units, unit_version__gt=oldest).order_by("unit_version"):
        made[each.unit_id].append(each)
    turned = 0
    for ramp in ramps:
        flips = [each for each in made[ramp.unit_id] if each.unit_version > ramp.seen_version]
        turned += _meet_one(ramp, flips, now)
    return turned


@transaction.atomic
def _meet_one(ramp: Ramp, flips: Sequence[Flip], now: datetime) -> bool:
    versions.lock(project_id=ramp.project_id)
    if not held(ramps=[ramp]):
        return False
    ramp.seen_version = max([ramp.seen_version, *(each.unit_version for each in flips)])
    back = [each for each in flips if each.direction == Direction.BACK]
    taken_down = next((each for each in reversed(back) if is_rollback(each)), None)
    if ramp.unit.gone_at:
        turn(ramp=ramp, state=RampState.STOPPED, because="Its unit is tracked no more.", now=now)
    elif taken_down is not None:
        until = now + timedelta(seconds=_cool_down_s(ramp))
        ramp.step, ramp.soaked_s, ramp.step_since = 0, 0.0, now
        turn(ramp=ramp, state=RampState.COOLING, because=_cooling(taken_down), now=now, next_at=until)
    elif back and ramp.state == RampState.RUNNING:
        because = f"{back[-1].actor} set {words(back[-1].after)} by hand. Resuming goes on from there."
        turn(ramp=ramp, state=RampState.PAUSED, because=because, now=now)
    else:
        _go_along(ramp, flips, now)
        return False
    return True


def is_rollback(flip: Flip) -> bool:
    """Whether callers met the candidate before, and none did after."""
    return flip.direction == Direction.BACK and flip.from_candidate_bp > 0 and flip.to_candidate_bp == 0


def _cooling(flip: Flip) -> str:
    why = f": {flip.reason}" if flip.reason else "."
    return f"{flip.actor} rolled it back from {words(flip.before)}{why}"


def _cool_down_s(ramp: Ramp) -> int:
    return policies_of(units=[ramp.unit])[ramp.unit_id].cool_down_s


def _go_along(ramp: Ramp, flips: Sequence[Flip], now: datetime) -> None:
    """Somebody raised the unit, or changed its mirror: go on from where it stands."""
    if any(each.direction == Direction.FORWARD for each in flips):
        try:
            ramp.step = step_after(plan=plan_of(ramp), position=ramp.unit.position)
        except PlanRefused:
            log.warning("ramp.plan_unreadable", ramp=ramp.pk)  # the next look pauses it, and says so
        ramp.soaked_s, ramp.step_since, ramp.looked_at = 0.0, now, now
        ramp.waiting = f"{flips[-1].actor} set {words(flips[-1].after)} by hand; it goes on from there."[:500]
    ramp.save()
