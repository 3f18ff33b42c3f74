"""What the demo's manager planned, promised and promised anew; and what was forecast meanwhile."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from demo.history import DAYS
from demo.scene import MARK, Arranged, Scene, simulated
from demo.scope import COMMENTS, PILOT
from migrator.core.stages import Stage
from migrator.inventory.models import Kind, Unit
from migrator.inventory.queries import Wanted
from migrator.planning import services as planning
from migrator.planning.counting import count
from migrator.planning.keeping import keep_forecast
from migrator.planning.models import Phase

MANAGER: Final = "Helena Ortiz"
PILOT_PHASE: Final = "Pilot"
FIRST_PHASE: Final = "Minimum viable experience"
LAST_PHASE: Final = "Endgame"
PHASES: Final = {
    PILOT_PHASE: (PILOT,),
    FIRST_PHASE: ("accounts", "feed", COMMENTS),
    LAST_PHASE: ("media", "subscriptions"),
}
"""Phase to its services."""
ENDS: Final = {PILOT_PHASE: -18, FIRST_PHASE: 180, LAST_PHASE: 330}
"""Deadlines, in days from today."""
GROWTH: Final = (0, 33, 61)
"""Days on which the scope grew: what came then is estimated and put into its phase."""
PEOPLE: Final = {"Identity": 4, "Reading": 5, "Studio": 3, "Reach": 2, "Commerce": 4}
FORECASTS: Final = range(57, DAYS, 7)
"""Days on which forecasts were kept: before that there were too few weeks to draw from."""
NEEDS: Final = (
    ("PUT /comments/{id}", "POST /threads/{id}/comments"),
    ("DELETE /comments/{id}", "POST /threads/{id}/comments"),
    ("POST /comments/{id}/votes", "GET /comments/{id}/votes"),
    ("GET /bookmarks", "GET /articles/{id}"),
    ("GET /albums/{id}", "GET /images/{id}"),
    ("POST /subscriptions", "GET /vouchers/{id}"),
    ("POST /invoices", "POST /subscriptions"),
    ("GET /sessions", "GET /accounts/{id}"),
)
"""What must be done before what: the later first."""


def planned(*, now: datetime) -> Iterator[Arranged]:
    start = now - timedelta(days=DAYS) + timedelta(hours=1)
    today = now.date()
    yield Arranged(at=start, act=set_teams)
    yield Arranged(at=start, act=partial(set_phases, today=today))
    for day in GROWTH:
        yield Arranged(at=start + timedelta(days=day, minutes=1), act=estimate)
        yield Arranged(at=start + timedelta(days=day, minutes=2), act=assign)
    yield Arranged(at=start + timedelta(hours=1), act=link)
    yield Arranged(at=start + timedelta(hours=2), act=partial(promise, reason="simulated: the first plan"))
    yield Arranged(at=start + timedelta(days=20), act=partial(set_milestones, today=today))
    yield Arranged(at=start + timedelta(days=80), act=move_people)
    yield Arranged(
        at=start + timedelta(days=62), act=partial(promise, reason="simulated: renditions and refunds came into scope")
    )
    for day in FORECASTS:
        yield Arranged(at=start + timedelta(days=day, hours=12), act=foretell)


def set_teams(scene: Scene, now: datetime) -> None:
    for name, people in PEOPLE.items():
        team = next(team for team in scene.teams.values() if team.name == name)
        planning.set_capacity(
            team=team, people=people, since=now.date(), actor=simulated(MANAGER), now=now, reason=f"{MARK}as it began"
        )


def move_people(scene: Scene, now: datetime) -> None:
    """The pilot is nearly over: one of its two goes where most is left."""
    change = partial(planning.set_capacity, since=now.date(), actor=simulated(MANAGER), now=now)
    change(team=scene.teams[PILOT], people=1, reason=f"{MARK}the pilot is nearly over")
    change(team=scene.teams["subscriptions"], people=5, reason=f"{MARK}where most is left")


def set_phases(scene: Scene, now: datetime, *, today: date) -> None:
    told = {
        PILOT_PHASE: "One service all the way, to learn from.",
        FIRST_PHASE: "What readers see: from then on nobody needs the monolith to read.",
        LAST_PHASE: "Everything else, and the monolith's code is gone.",
    }
    for name, days in ENDS.items():
        planning.save_phase(
            project=scene.project,
            name=name,
            description=told[name],
            deadline=today + timedelta(days=days),
            done_at=Stage.REMOVED if name == LAST_PHASE else Stage.CUTOVER,
            actor=simulated(MANAGER),
            now=now,
            reason=f"{MARK}the first plan",
        )


def assign(scene: Scene, now: datetime) -> None:
    fresh = Unit.objects.filter(project=scene.project, phases=None).values_list("service__name", flat=True)
    for phase in Phase.objects.filter(project=scene.project):
        for service in sorted(set(PHASES[phase.name]) & set(fresh)):
            planning.assign(
                project=scene.project,
                phase=phase,
                wanted=Wanted(service=service),
                actor=simulated(MANAGER),
                now=now,
                reason=f"{MARK}what {service} is known to need",
            )


def estimate(scene: Scene, now: datetime) -> None:
    fresh = Unit.objects.filter(project=scene.project, effort=None)
    points = {unit.pk: points_of(unit) for unit in fresh}
    if points:
        planning.set_effort(
            project=scene.project, points=points, actor=simulated(MANAGER), now=now, reason=f"{MARK}a rough estimate"
        )


def points_of(unit: Unit) -> float:
    if unit.kind == Kind.FIELD:
        return 1
    return 3 if unit.operation == "read" else 5


def link(scene: Scene, now: datetime) -> None:
    for later, sooner in NEEDS:
        planning.add_dependency(
            unit=scene.unit(later), needs=scene.unit(sooner), actor=simulated(MANAGER), now=now, reason=f"{MARK}order"
        )


def promise(scene: Scene, now: datetime, *, reason: str) -> None:
    for phase in (None, *scene.project.phases.exclude(name=PILOT_PHASE)):
        planning.set_baseline(project=scene.project, phase=phase, actor=simulated(MANAGER), now=now, reason=reason)


def set_milestones(scene: Scene, now: datetime, *, today: date) -> None:
    phases = {phase.name: phase for phase in scene.project.phases.all()}
    wanted: tuple[tuple[str, int, dict[str, Any], float], ...] = (
        ("Accounts leave the monolith", 14, {"service": scene.services["accounts"], "phase": phases[FIRST_PHASE]}, 1.0),
        ("Readers' feed", 28, {"service": scene.services["feed"], "phase": phases[FIRST_PHASE]}, 1.0),
        ("Half of the pictures", 21, {"team": scene.teams["media"], "phase": phases[LAST_PHASE]}, 0.5),
        ("Commerce", 63, {"team": scene.teams["subscriptions"], "phase": phases[LAST_PHASE]}, 1.0),
    )
    for name, days, target, share in wanted:
        planning.set_milestone(
            project=scene.project,
            name=name,
            due=today + timedelta(days=days),
            share=share,
            actor=simulated(MANAGER),
            now=now,
            reason=f"{MARK}so that nobody finds out late",
            **target,
        )


def foretell(scene: Scene, now: datetime) -> None:
    """What the nightly job does; here once a week, and of what is over no more."""
    count(project=scene.project)
    for phase in (None, *scene.project.phases.all()):
        if phase is None or phase.name != PILOT_PHASE or now.date() <= (phase.deadline or now.date()):
            keep_forecast(project=scene.project, phase=phase, now=now)
