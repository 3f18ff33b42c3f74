"""The ramp of one unit, as the panel on its page shows it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _

from dashboards.seats import Seat
from migrator.core.ramp import Plan, duration
from migrator.core.stages import RANK, Stage
from migrator.inventory.models import Unit
from migrator.rollout.models import RampState
from migrator.rollout.ramp_queries import RampRow, latest_ramp
from migrator.rollout.ramps import keeps_running, preview

RECENT: Final = timedelta(days=1)
"""A ramp that ended is told of for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RampPanel:
    """What `_ramp.html` shows. Of the buttons only those that would do something."""

    ramp: RampRow | None
    sentence: str
    keeps: str
    """What goes on while it stands still; empty where it does not."""
    countdown: str
    """`12 minutes`; empty where nobody knows when the next step comes."""
    may_start: bool
    may_pause: bool
    may_resume: bool
    may_skip: bool
    may_stop: bool

    @property
    def is_empty(self) -> bool:
        """Nothing to say and nothing to do: the page leaves the panel out."""
        return self.ramp is None and not self.may_start


def panel(*, unit: Unit, seat: Seat, now: datetime) -> RampPanel:
    """The unit's ramp, or the offer of one."""
    found = latest_ramp(unit_id=unit.pk)
    shown = found if found is not None and (found.ended_at is None or now - found.ended_at < RECENT) else None
    running = shown is not None and shown.state == RampState.RUNNING
    open_ramp = shown is not None and shown.is_open
    stands_still = shown is not None and shown.needs_a_person
    return RampPanel(
        ramp=shown,
        sentence=sentence(shown),
        keeps=keeps_running(unit) if stands_still else "",
        countdown=countdown(shown, now) if shown else "",
        may_start=not open_ramp and seat.may_flip and _could_start(unit),
        may_pause=running and seat.may_roll_back,
        may_resume=stands_still and seat.may_flip and _is_due(shown, now),
        may_skip=running and seat.may_flip and shown is not None and shown.waiting.startswith("Soaks"),
        may_stop=open_ramp and seat.may_roll_back,
    )


def _could_start(unit: Unit) -> bool:
    if not RANK[Stage.SIDE_BY_SIDE] <= RANK[Stage(unit.stage)] <= RANK[Stage.CANARY]:
        return False
    return bool(preview(project=unit.project, unit_ids=[unit.pk], plan=Plan()).ready)


def _is_due(shown: RampRow | None, now: datetime) -> bool:
    """A ramp that cools down is resumed when that is over."""
    return shown is not None and (shown.state != RampState.COOLING or shown.next_at is None or shown.next_at <= now)


def sentence(shown: RampRow | None) -> str:
    """What the ramp does now, or did last."""
    if shown is None:
        return _("Let it climb by itself, as far as its evidence carries it.")
    if not shown.is_open:
        told = _("Its ramp is up: {why}") if shown.state == RampState.DONE else _("Its ramp was stopped: {why}")
        return told.format(why=shown.ended_because)
    lead = {RampState.PAUSED: _("Paused."), RampState.COOLING: _("Cools down.")}.get(RampState(shown.state), "")
    return " ".join(filter(None, [lead, shown.waiting or _("Climbs by itself.")]))


def countdown(shown: RampRow, now: datetime) -> str:
    """How long until the next step, or until it may be resumed."""
    if shown.next_at is None or shown.next_at <= now or not shown.is_open:
        return ""
    return duration((shown.next_at - now).total_seconds())
