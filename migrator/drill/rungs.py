"""Each rung of the rollback ladder, tried alone: what is dead, what is done, how long the candidate still answered."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from migrator.drill.scene import PROJECT, UNIT, Scene, SceneFailed, wait_until
from migrator.drill.traffic import Load

QUIET_S: Final = 1.5
"""So long without an answer of the candidate, and it is over."""
RETURN_S: Final = 30.0
DATABASE_S: Final = 5.0
OVERRIDE_S: Final = 10.0
"""Of which a data plane waits up to 2.5 until it asks again, and a database that is away may take 3 to say so."""
HERE_S: Final = 2.0
BREAKER_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One way down. `limit` is in seconds."""

    number: str
    name: str
    dead: str
    limit: float
    act: Callable[[Scene], None]
    back: Callable[[Scene], None]
    """Bring back what the next rung needs, and let the candidate answer again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a rung did. Seconds from the command to the last answer of the candidate to a caller."""

    number: str
    name: str
    dead: str
    limit: float
    seconds: float
    requests: int
    failed: int
    slowest: float
    """The longest that a caller waited, in seconds."""
    error: str = ""

    @property
    def passed(self) -> bool:
        return not self.error and not self.failed and self.seconds <= self.limit


def _page(scene: Scene) -> None:
    scene.page().post(f"/p/{PROJECT}/units/{scene.unit_id}/rollback", reason="drill")


def _api(scene: Scene) -> None:
    scene.api("POST", f"projects/{PROJECT}/rollback/", {"reason": "drill"})


def _command(scene: Scene) -> None:
    scene.manage("rollback", UNIT, "--project", PROJECT, "--reason", "drill")


def _command_and_copy(scene: Scene) -> None:
    """The database answers, and nobody hands out its tables: the override is carried there by hand."""
    scene.manage("rollback", UNIT, "--project", PROJECT, "--reason", "drill", "--sign")
    _copy(scene)


def _override_and_copy(scene: Scene) -> None:
    _command(scene)
    _copy(scene)


def _copy(scene: Scene) -> None:
    target = scene.state_dir / "overrides"
    target.mkdir(exist_ok=True)
    for path in scene.overrides.glob("*.json"):
        shutil.copy(path, target / path.name)


def _file(scene: Scene) -> None:
    (scene.state_dir / "force_legacy").write_text(f"{UNIT}\n")


def _endpoint(scene: Scene) -> None:
    scene.gateway("POST", "/-/force-legacy", b'{"units": "*"}')


def _no_more_force(scene: Scene) -> None:
    scene.gateway("POST", "/-/force-legacy", b'{"units": "*", "off": true}')


def _mood(mood: str) -> Callable[[Scene], None]:
    def act(scene: Scene) -> None:
        scene.candidate.mood = mood

    return act


def _climb(*needed: str) -> Callable[[Scene], None]:
    def back(scene: Scene) -> None:
        scene.start(*needed)
        wait_until(lambda: not _waiting(scene), "every override is an entry of the ledger", seconds=RETURN_S)
        scene.climb()

    return back


def _waiting(scene: Scene) -> bool:
    return any(scene.overrides.glob("*.json"))


WITHOUT: Final = ("redis", "worker", "beat")
CONTROL: Final = ("database", "web", "front")

RUNGS: Final = (
    (Rung(number="1a", name="the page", dead="", limit=DATABASE_S, act=_page, back=_climb()), ()),
    (Rung(number="1b", name="the page", dead="Redis", limit=DATABASE_S, act=_page, back=_climb()), ("redis",)),
    (
        Rung(number="1c", name="the API", dead="Redis, Celery", limit=DATABASE_S, act=_api, back=_climb()),
        ("redis", "worker", "beat"),
    ),
    (
        Rung(
            number="2a",
            name="the command",
            dead="web, Redis, Celery",
            limit=DATABASE_S,
            act=_command,
            back=_climb("web"),
        ),
        (*WITHOUT, "web"),
    ),
    (
        Rung(
            number="2b",
            name="the command, copied",
            dead="web, front, Redis, Celery",
            limit=DATABASE_S,
            act=_command_and_copy,
            back=_climb("web", "front"),
        ),
        (*WITHOUT, "web", "front"),
    ),
    (
        Rung(
            number="2c",
            name="an override",
            dead="database, Redis, Celery",
            limit=OVERRIDE_S,
            act=_command,
            back=_climb("database"),
        ),
        (*WITHOUT, "database"),
    ),
    (
        Rung(
            number="2d",
            name="an override, copied",
            dead="everything",
            limit=OVERRIDE_S,
            act=_override_and_copy,
            back=_climb(*CONTROL),
        ),
        (*WITHOUT, *CONTROL),
    ),
    (
        Rung(
            number="3a",
            name="a file on the data plane",
            dead="everything",
            limit=HERE_S,
            act=_file,
            back=_no_more_force,
        ),
        (*WITHOUT, *CONTROL),
    ),
    (
        Rung(number="3b", name="its own endpoint", dead="everything", limit=HERE_S, act=_endpoint, back=_no_more_force),
        (*WITHOUT, *CONTROL),
    ),
    (
        Rung(
            number="4a",
            name="its breaker: hangs",
            dead="everything",
            limit=BREAKER_S,
            act=_mood("hangs"),
            back=_mood("well"),
        ),
        (*WITHOUT, *CONTROL),
    ),
    (
        Rung(
            number="4b",
            name="its breaker: errors",
            dead="everything",
            limit=BREAKER_S,
            act=_mood("errs"),
            back=_mood("well"),
        ),
        (*WITHOUT, *CONTROL),
    ),
)
"""In this order more and more is dead. With each: what must be."""


def drill(scene: Scene, load: Load, *, chosen: Callable[[str], bool]) -> Iterator[Result]:
    """Try the rungs whose numbers are chosen, one after the other."""
    for rung, dead in RUNGS:
        if chosen(rung.number):
            yield _tried(scene, load, rung, dead)


def _tried(scene: Scene, load: Load, rung: Rung, dead: tuple[str, ...]) -> Result:
    both = time.monotonic()
    error, seconds, began = "", 0.0, both
    try:
        _wait_for_candidate(load)
        scene.kill(*(name for name in dead if scene.processes[name].alive))
        began = time.monotonic()
        rung.act(scene)
        seconds = _until_quiet(load, began, limit=rung.limit)
        rung.back(scene)
        _wait_for_candidate(load)
    except (SceneFailed, OSError) as failure:
        error = str(failure)
    seen = load.since(both)
    return Result(
        number=rung.number,
        name=rung.name,
        dead=rung.dead,
        limit=rung.limit,
        seconds=seconds,
        requests=len(seen),
        failed=sum(bool(answered.error) for answered in seen),
        slowest=max((answered.seconds for answered in load.since(began)), default=0.0),
        error=error,
    )


def _until_quiet(load: Load, began: float, *, limit: float) -> float:
    """Seconds from `began` to the last answer of the candidate. Raises SceneFailed where it goes on answering."""
    done = time.monotonic()
    while True:
        last = max((answered.at for answered in load.since(began) if answered.side == "candidate"), default=began)
        if time.monotonic() - max(last, done) > QUIET_S:
            return last - began
        if last - done > limit:
            raise SceneFailed(f"the candidate still answers {last - began:.1f} s later")
        time.sleep(0.05)


def _wait_for_candidate(load: Load) -> None:
    """Both sides answer, as a canary's do."""
    began = time.monotonic()
    wait_until(
        lambda: sum(answered.side == "candidate" for answered in load.since(began)) >= 20,
        "the candidate answers half of the callers",
        seconds=RETURN_S,
    )


def everything_returns(scene: Scene) -> int:
    """Bring all of it back. Returns how many overrides the ledger has. Raises SceneFailed."""
    scene.start("database", "redis", "web", "worker", "beat", "front")
    wait_until(lambda: not _waiting(scene), "every override is an entry of the ledger", seconds=RETURN_S)
    wait_until(
        lambda: not scene.gateway("GET", "/-/health")["overrides"], "no data plane needs an override", seconds=RETURN_S
    )
    return int(scene.query("SELECT count(*) FROM rollout_carriedout")[0][0])
