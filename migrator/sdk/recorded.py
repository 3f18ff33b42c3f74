"""Recorded requests, read from what people have: a HAR file, NDJSON, or an access log.

Nothing here is sent. A line that cannot be read is an error that names it: whoever replays half of a file without
knowing would trust in evidence that is not there.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec

Headers = list[tuple[bytes, bytes]]

_TARGET: Final = re.compile(rb"/[!-~\x80-\xff]{0,16000}")
_METHOD: Final = re.compile(r"[A-Za-z!#$%&'*+.^_`|~0-9-]{1,40}")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_VALUE: Final = re.compile(rb"[\t -~\x80-\xff]*")
_LOG_LINE: Final = re.compile(
    r'\S+ \S+ (?P<user>.+?) \[[^\]]{1,100}\] "(?P<request>(?:[^"\\]|\\.)*)" \d{3} (?:\d+|-)'
    r'(?: "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)")?.*'
)
_REQUEST: Final = re.compile(r"(?P<method>[A-Z]{1,20}) (?P<target>\S+)(?: HTTP/[\d.]+)?")


class Unreadable(ValueError):
    """The file, or one line of it, is no recording. The message names the place."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request that somebody once made."""

    method: str
    target: bytes
    """Path and query."""
    headers: Headers = field(default_factory=list)
    """As recorded, in order."""
    subject: str | None = None
    """Who made it, where that was recorded."""


def read_recording(path: Path) -> Iterator[Recorded]:
    """The requests of a file, in order. Raises Unreadable."""
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            first = _first_line(lines)
            lines.seek(0)
            if not first.startswith(("{", "[")):
                yield from _each_line(lines, _of_log)
            elif _is_line_of_json(first):
                yield from _each_line(lines, _of_json)
            else:
                yield from _of_har(lines.read())
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None


def _first_line(lines: Iterable[str]) -> str:
    found = next((line.strip() for line in lines if line.strip()), "")
    if not found:
        raise Unreadable("The file is empty.")
    return found.lstrip("\ufeff")


def _is_line_of_json(line: str) -> bool:
    """Whether it is a whole request, rather than the beginning of a HAR file or all of one."""
    try:
        value = json.loads(line)
    except ValueError:
        return '"method"' in line and not line.lstrip("{ ").startswith('"log"')
    return not (isinstance(value, dict) and "log" in value)


def _each_line(lines: Iterable[str], read: Callable[[str], Recorded | None]) -> Iterator[Recorded]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            recorded = read(line.strip().lstrip("\ufeff"))
        except (ValueError, msgspec.DecodeError) as error:
            raise Unreadable(f"Line {number}: {error}") from None
        if recorded is not None:
            yield recorded


# ------------------------------------------------------------------------------------- formats


class _Line(msgspec.Struct):
    """A line of NDJSON."""

    method: str
    path: str
    headers: dict[str, str] = {}
    subject: Annotated[str, msgspec.Meta(max_length=2_000)] | None = None


_line = msgspec.json.Decoder(_Line).decode


def _of_json(line: str) -> Recorded:
    read = _line(line.encode("utf-8", "surrogateescape"))
    return _checked(read.method, read.path, read.headers.items(), read.subject)


def _of_log(line: str) -> Recorded | None:
    """A line of an access log, common or combined. None for one that tells of no request: servers log noise too."""
    parts = _LOG_LINE.fullmatch(line)
    if parts is None:
        raise ValueError("it is no line of an access log.")
    request = _REQUEST.fullmatch(parts["request"])
    if request is None or not request["target"].startswith("/"):
        return None
    headers = [("Referer", parts["referer"]), ("User-Agent", parts["agent"])]
    told = [(name, value) for name, value in headers if value and value != "-" and "\\" not in value]
    return _checked(request["method"], request["target"], told, None if parts["user"] == "-" else parts["user"])


def _of_har(text: str) -> Iterator[Recorded]:
    try:
        entries = json.loads(text)["log"]["entries"]
        requests = [entry["request"] for entry in entries]
    except ValueError as error:
        raise Unreadable(
            f"Line {getattr(error, 'lineno', 1)}: it is neither HAR nor NDJSON nor an access log."
        ) from None
    except (KeyError, TypeError):
        raise Unreadable("It is JSON, but no HAR file: there are no requests under log.entries.") from None
    for number, request in enumerate(requests, 1):
        try:
            yield _of_har_request(request)
        except (ValueError, KeyError, TypeError) as error:
            what = f"{error} is missing." if isinstance(error, KeyError) else str(error)
            raise Unreadable(f"Entry {number}: {what}") from None


def _of_har_request(request: Any) -> Recorded:
    parts = urlsplit(str(request["url"]))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [(str(each["name"]), str(each["value"])) for each in islice(request.get("headers") or (), 256)]
    return _checked(str(request["method"]), target, [each for each in headers if not each[0].startswith(":")], None)


def _checked(method: str, target: str, headers: Iterable[tuple[str, str]], subject: str | None) -> Recorded:
    """A request that may be sent as it is. Raises ValueError saying what may not."""
    path = target.encode("utf-8", "surrogateescape").partition(b"#")[0]
    if not _METHOD.fullmatch(method):
        raise ValueError(f"{method[:40]!r} is no method.")
    if not _TARGET.fullmatch(path):
        raise ValueError(f"{target[:80]!r} is no path: it begins with / and holds no spaces.")
    lines = []
    for name, value in headers:
        key, text = name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape")
        if not _NAME.fullmatch(key) or not _VALUE.fullmatch(text):
            raise ValueError(f"the header {name[:40]!r} holds what no header may.")
        lines.append((key, text))
    return Recorded(method.upper(), path, lines, subject)
