"""The second guard: a thread beside the data plane server that looks where the workers' guard is silent.

It needs the database and nothing else: no Celery, no Redis, no request. The event loop never waits for it.
"""

import threading
from typing import Final

import structlog
from django.db import Error as DatabaseError
from django.db import connection

from migrator.rollout import guard
from migrator.rollout.pulse import holder

EVERY_S: Final = 3.0
STOP_S: Final = 5.0
"""How long a stop waits for a look that is under way. A look that is cut off has committed what it did."""
log = structlog.get_logger()


class Standby:
    """Watches the guard's pulse for as long as the server runs."""

    def __init__(self, *, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._holder = holder("standby")

    def start(self) -> None:
        self._thread = threading.Thread(target=self._watch, name="standby-guard", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask it to stop, and wait for a look that is under way."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def _watch(self) -> None:
        self._once()  # from here on the first guard's silence counts
        while not self._stopping.wait(self._every_s):
            self._once()

    def _once(self) -> None:
        """One watch, on a connection that is closed afterwards: a database that restarts is found again."""
        try:
            done = guard.stand_by(holder=self._holder)
            if done.rolled_back:
                log.warning("standby.rolled_back", units=done.rolled_back, took_ms=round(done.took_ms))
        except DatabaseError as error:
            log.warning("standby.database_away", error=str(error))
        except Exception:
            log.exception("standby.failed")  # whatever it was, the next watch comes
        finally:
            connection.close()
