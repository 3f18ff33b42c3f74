"""A fence around code of others that opens connections of its own: what it connects to is checked at that moment.

Python tells its audit hooks of every connection before it is made, with the address that was resolved. So there is
no second resolution to cheat with, whatever library connects, and whichever redirect it was sent by.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from migrator.telling.addresses import NotAllowed, check

WATCHED: Final = frozenset({"socket.connect", "socket.sendto"})


@dataclass(slots=True)
class Fence:
    """What was refused inside, also where the code inside swallowed the refusal."""

    refused: list[NotAllowed] = field(default_factory=list)


_fence: ContextVar[Fence | None] = ContextVar("fence", default=None)


@contextmanager
def guarded() -> Iterator[None]:
    """Connections of this thread go only where messages may go. Raises NotAllowed where one was to go elsewhere."""
    _install()
    fence = Fence()
    token = _fence.set(fence)
    try:
        yield
    finally:
        _fence.reset(token)
    if fence.refused:
        raise fence.refused[0]


@cache
def _install() -> None:
    """Once in a process, by whoever needs it first: a hook cannot be taken out again."""
    sys.addaudithook(_watch)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in WATCHED:
        return
    fence = _fence.get()
    if fence is None:
        return
    address = arguments[1]
    try:
        if not isinstance(address, tuple):
            raise NotAllowed("A socket of this machine: nothing is sent there.")
        check(str(address[0]), int(address[1]))
    except NotAllowed as refused:
        fence.refused.append(refused)
        raise
