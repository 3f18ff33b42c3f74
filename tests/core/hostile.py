"""Pairs of bodies that no well-meaning service sends, by what is wrong with them.

Run as a program, it compares them all and prints the peak of its memory in MiB, then one outcome for each.
"""

import gzip
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

from migrator.core.comparison import Answer, compare

MANY = 1_000_000
DEEP = 300_000
XML, HTML, LINES, EVENTS = "application/xml", "text/html", "application/x-ndjson", "text/event-stream"
FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
LAUGHS = (
    b'<!DOCTYPE a [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + at, b"&%c;" % (97 + at) * 10) for at in range(20))
    + b"]><a>&u;</a>"
)
PART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'


def pairs() -> Iterator[tuple[str, str, bytes, bytes]]:
    """(what is wrong, content type, control, candidate)."""
    yield "a million elements", XML, b"<a>" + b"<b/>" * MANY + b"</a>", b"<a>" + b"<b/>" * (MANY - 1) + b"<c/></a>"
    yield "a million elements of HTML", HTML, b"<p>" * MANY, b"<p>" * MANY + b"x"
    yield "a million lines of JSON", LINES, b"[]\n" * MANY, b"[]\n" * (MANY - 1) + b"[1]\n"
    yield "a million events", EVENTS, b"data:1\n\n" * MANY, b"data:1\n\n" * (MANY - 1) + b"data:2\n\n"
    yield "a million fields", FORM, b"a=1&" * MANY + b"b=1", b"a=1&" * MANY + b"b=2"
    yield "a million parts", PARTS, PART * (MANY // 10) + b"--x--", PART * (MANY // 10) + PART + b"--x--"
    yield "a million lines", "text/plain", b"a\n" * MANY, b"a\n" * (MANY - 1) + b"b\n"
    yield "deep XML", XML, b"<a>" * DEEP + b"1" + b"</a>" * DEEP, b"<a>" * DEEP + b"2" + b"</a>" * DEEP
    yield (
        "deep XML that fits",
        XML,
        b"<a>" * 90_000 + b"1" + b"</a>" * 90_000,
        b"<a>" * 90_000 + b"2" + b"</a>" * 90_000,
    )
    yield "deep HTML", HTML, b"<b>" * 90_000 + b"1", b"<b>" * 90_000 + b"2"
    yield "ends of nothing", HTML, b"<b>" * 90_000 + b"</i>" * 90_000 + b"1", b"<b>" * 90_000 + b"</i>" * 90_000 + b"2"
    yield "laughs", XML, LAUGHS, LAUGHS.replace(b"ha", b"ho")
    yield "one tag without an end", HTML, b"<p>1</p><a " + b"x" * 4_000_000, b"<p>2</p><a " + b"x" * 4_000_000
    yield "quotes without an end", HTML, b"<p>1" + b'<a b="' * 500_001, b"<p>2" + b'<a b="' * 500_001
    yield "comments without an end", HTML, b"<p>1" + b"<!--" * 900_000, b"<p>2" + b"<!--" * 900_000
    yield "scripts without an end", HTML, b"<p>1" + b"<script>" * 500_000, b"<p>2" + b"<script>" * 500_000
    yield "brackets", HTML, b"<p>1" + b"<" * 1_000_000, b"<p>2" + b"<" * 1_000_000
    yield "blanks before an end", HTML, b"<p>1<a b" + b" " * 3_000_000, b"<p>2<a b" + b" " * 3_000_000
    yield "one long attribute", XML, b"<a b='" + b"x" * 4_000_000 + b"'/>", b"<a b='" + b"y" * 4_000_000 + b"'/>"
    yield "an endless number", HTML, b"<p>&#" + b"9" * 9_000 + b";", b"<p>&#" + b"8" * 9_000 + b";"
    yield "half an element", XML, b"<a><b></b></a>", b"<a><b>"
    yield "half a form", PARTS, PART + b"--x--", PART[:-9]
    yield "a charset that is none", "text/html; charset=nonsense", b"<p>\xe9", b"<p>\xe8"
    yield "a charset that is no text", "text/html; charset=hex", b"<p>61", b"<p>62"
    yield "another charset", "text/xml; charset=utf-16", b"<a>1</a>", b"<a>2</a>"
    yield "NUL in XML", XML, b"<a>\0</a>", b"<a>1</a>"
    yield "NUL in events", EVENTS, b"data: \0\n\n", b"data: 1\n\n"
    yield "no UTF-8 in events", EVENTS, b"data: \xff\n\n", b"data: \xfe\n\n"
    yield "no UTF-8 in lines", LINES, b'["\xff"]\n[]', b'["\xfe"]\n[]'
    yield "no UTF-8 in parts", PARTS, PART.replace(b"1", b"\xff") + b"--x--", PART.replace(b"1", b"\xfe") + b"--x--"


def answer(body: bytes, content_type: str, coding: bytes | None = None) -> Answer:
    headers = [(b"content-type", content_type.encode())] + ([(b"content-encoding", coding)] if coding else [])
    return Answer(status=200, headers=headers, body=body)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]) * 2**20,) * 2)
    outcomes = []
    for wrong, content_type, control, candidate in pairs():
        compared = compare(control=answer(control, content_type), candidate=answer(candidate, content_type))
        outcomes.append(f"{compared.outcome} {compared.shapes[:1]} {wrong}")
    bomb = gzip.compress(bytes(50_000_000))
    for body in (bomb, bomb[: len(bomb) // 2], b"<a/>"):
        compared = compare(control=answer(b"<a/>", XML), candidate=answer(body, XML, b"gzip"))
        outcomes.append(f"{compared.outcome} {compared.partial}")
    peak = peak_mib()
    sys.stdout.write("\n".join((str(peak), *outcomes)))


def peak_mib() -> int:
    """This program's own peak: `ru_maxrss` begins with what the process held that started it, where that was more."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1_024


if __name__ == "__main__":
    main()
