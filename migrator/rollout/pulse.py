"""Who looks after the units, and since when nobody does. All times are the database's: no process's clock matters.

A clock of the database that was set back shows as an old pulse, which at worst makes the standby look too.
Two rows: the regular guard's pulse (Celery's, or a `manage.py guard`), and the standby's. A lease says who looks
at this moment: it is taken by a conditional update and runs out by itself, so whoever is killed blocks nobody.
"""

import os
import socket
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Final

from django.db import connection, transaction

from migrator.core.ramp import duration
from migrator.inventory.models import Project, Unit
from migrator.rollout.models import Pulse
from migrator.telling.models import Event, Severity
from migrator.telling.services import tell

REGULAR: Final = "guard"
STANDBY: Final = "guard standby"
LEASE: Final = "guard lease"
LATE_S: Final = 15.0
"""A pulse older than this: the second one takes over."""
DEAD_S: Final = 45.0
"""A regular pulse older than this is told to people."""
LEASE_S: Final = 10.0
"""Whoever holds the lease longer than this has hung or died."""
KEY: Final = "guard:pulse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The guard as pages show it. Ages in seconds, None where it never looked."""

    age_s: float | None
    """Since anybody looked, the regular guard or the standby."""
    regular_age_s: float | None
    """Since the regular one looked."""
    holder: str
    looked_at: int
    """Units that it judged at its last look."""
    took_ms: float
    awaited_s: float | None = None
    """Since somebody began to wait for the first look ever; None where nobody does."""

    @property
    def is_late(self) -> bool:
        """Nobody looks: harm would not be taken back by itself. A product that has just started is not late."""
        age = self.awaited_s if self.age_s is None else self.age_s
        return age is None or age > LATE_S

    @property
    def is_standby(self) -> bool:
        """Only the second one looks."""
        return (
            self.age_s is not None and not self.is_late and (self.regular_age_s is None or self.regular_age_s > LATE_S)
        )

    @property
    def sentence(self) -> str:
        """`The guard looked 2 seconds ago at 341 units.`"""
        if self.age_s is None:
            so_far = "nothing is rolled back by itself." if self.is_late else "it has just started."
            return f"The guard has not looked yet: {so_far}"
        ago, units = duration(self.age_s), f"{self.looked_at:,} unit{'s' if self.looked_at != 1 else ''}"
        if self.is_late:
            return f"The guard has been silent for {ago}: nothing is rolled back by itself. Rolling back by hand works."
        if self.is_standby:
            return f"The standby guard looked {ago} ago at {units}: the workers' guard is silent."
        return f"The guard looked {ago} ago at {units}."


def pulse() -> Beat:
    """When the guard looked last, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(_AGES, [[REGULAR, STANDBY]])
        rows = sorted(cursor.fetchall(), key=lambda row: row[1])
    beaten = [row for row in rows if row[2]]  # a row without a holder is only the start of a silence
    regular = next((row[1] for row in beaten if row[0] == REGULAR), None)
    if not beaten:
        awaited = rows[0][1] if rows else None
        return Beat(age_s=None, regular_age_s=None, holder="", looked_at=0, took_ms=0.0, awaited_s=awaited)
    _, age, holder, looked_at, took_ms = beaten[0]
    return Beat(age_s=age, regular_age_s=regular, holder=holder, looked_at=looked_at, took_ms=took_ms)


_AGES: Final = """
SELECT name, abs(extract(epoch FROM clock_timestamp() - beat_at))::float, holder, looked_at, took_ms
FROM rollout_pulse WHERE name = ANY(%s)
"""


def age_of(*, name: str) -> float:
    """Seconds since this one looked; infinite where it never did."""
    with connection.cursor() as cursor:
        cursor.execute(_AGES, [[name]])
        row = cursor.fetchone()
    return float(row[1]) if row and row[2] else inf


def database_now() -> datetime:
    """The database's clock: what decides durations everywhere here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def holder(kind: str) -> str:
    """This process, for people who look for it: `worker 4711 on host-1`."""
    return f"{kind} {os.getpid()} on {socket.gethostname()}"[:200]


# ---------------------------------------------------------------------------------------- the lease


def take_lease(*, holder: str) -> bool:
    """Whether this holder may look now. A lease that its holder left standing runs out by itself."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_LEASE, [LEASE, holder, LEASE_S])
        taken: bool = cursor.rowcount == 1
    return taken


_TAKE_LEASE: Final = """
INSERT INTO rollout_pulse AS held (name, holder, beat_at, took_ms, looked_at)
VALUES (%s, %s, clock_timestamp(), 0, 0)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, beat_at = excluded.beat_at
WHERE held.holder = '' OR held.holder = excluded.holder
    OR abs(extract(epoch FROM clock_timestamp() - held.beat_at)) > %s
"""


def keep_lease(*, holder: str) -> bool:
    """Whether the lease is still this holder's; if so, for another full time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rollout_pulse SET beat_at = clock_timestamp() WHERE name = %s AND holder = %s", [LEASE, holder]
        )
        kept: bool = cursor.rowcount == 1
    return kept


def drop_lease(*, holder: str) -> None:
    Pulse.objects.filter(name=LEASE, holder=holder).update(holder="")


# ---------------------------------------------------------------------------------------- the pulse


def beat(*, name: str, holder: str, looked_at: int, took_ms: float, now: datetime) -> None:
    """Show that a whole look was done. The regular guard's return ends the alarm about its silence."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_BEAT, [name, holder, took_ms, looked_at])
        back = name == REGULAR and Pulse.objects.filter(name=REGULAR, alarmed_at__isnull=False).update(alarmed_at=None)
        if back:
            _tell_all(title="The guard is back", sentence=f"{holder} looks after the units again.", now=now, over=True)


_BEAT: Final = """
INSERT INTO rollout_pulse (name, holder, beat_at, took_ms, looked_at) VALUES (%s, %s, clock_timestamp(), %s, %s)
ON CONFLICT (name) DO UPDATE SET
    holder = excluded.holder, beat_at = excluded.beat_at, took_ms = excluded.took_ms, looked_at = excluded.looked_at
"""


def silence_s() -> float:
    """Seconds for which the regular guard was silent. The first to ask begins the count."""
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN, [REGULAR])
        cursor.execute(_AGES, [[REGULAR]])
        age: float = cursor.fetchone()[1]
    return age


_BEGIN: Final = """
INSERT INTO rollout_pulse (name, holder, beat_at, took_ms, looked_at) VALUES (%s, '', clock_timestamp(), 0, 0)
ON CONFLICT (name) DO NOTHING
"""


@transaction.atomic
def alarm_if_dead(*, now: datetime) -> bool:
    """Tell once that the regular guard is silent. Whichever of several standbys is first does it."""
    with connection.cursor() as cursor:
        cursor.execute(_ALARM, [REGULAR, DEAD_S])
        found = cursor.fetchone()
    if found is None:
        return False
    standby = pulse()
    looks = "The standby looks after the units meanwhile." if standby.is_standby else "Nobody looks after the units."
    sentence = (
        f"The guard of the workers has been silent for {duration(found[0])}. {looks} Look at Celery and its beat."
    )
    _tell_all(title="The guard is silent", sentence=sentence, now=now, over=False)
    return True


_ALARM: Final = """
UPDATE rollout_pulse SET alarmed_at = clock_timestamp()
WHERE name = %s AND alarmed_at IS NULL AND abs(extract(epoch FROM clock_timestamp() - beat_at)) > %s
RETURNING abs(extract(epoch FROM clock_timestamp() - beat_at))::float
"""


def _tell_all(*, title: str, sentence: str, now: datetime, over: bool) -> None:
    """To every project with something in motion: each has its own people."""
    moving = Unit.objects.in_motion().order_by().values("project_id").distinct()
    for project in Project.objects.filter(pk__in=moving):
        tell(
            project=project,
            event=Event.GUARD,
            severity=Severity.INFO if over else Severity.CRITICAL,
            key=KEY,
            resolves=over,
            title=title,
            sentence=sentence,
            path=f"/p/{project.slug}/ramps",
            now=now,
        )
