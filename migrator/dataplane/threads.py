"""Database work of the data plane server: Django's ORM on a few threads, beside the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Final, TypeVar

from django.db import OperationalError, close_old_connections

THREADS: Final = 4
PATIENCE_S: Final = 3.0
Found = TypeVar("Found")


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="database")


async def in_thread(work: Callable[[], Found], *, seconds: float = PATIENCE_S) -> Found:
    """Run a function that talks to the database.

    Raises what it raises, and OperationalError where there is no answer in time: a database that hangs is away too.
    """

    def job() -> Found:
        # Connections that a database restart left behind are noticed before they are used.
        close_old_connections()
        try:
            return work()
        finally:
            close_old_connections()

    try:
        return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(_pool(), job), seconds)
    except TimeoutError:
        raise OperationalError(f"no answer within {seconds:g} s") from None
