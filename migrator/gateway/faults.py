"""Faults of ours as the log may name them.

A message or a traceback may quote what was being looked at, which is somebody's data. The log names the
kind of fault and the line that raised it, and nothing of the values.
"""

import traceback
from pathlib import Path

import structlog


def told(error: BaseException) -> str:
    """`KeyError at judge.py:120`."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def log_no_values() -> None:
    """From now on tracebacks in this process's log show lines of code, and not what their variables hold."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])
