"""Lists to take away: CSV for spreadsheets, one JSON object a line for programs, streamed however long they are."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Any, Final

import orjson
from django.http import Http404, StreamingHttpResponse
from django.utils.translation import gettext as _

FORMS: Final = {"csv": "text/csv", "ndjson": "application/x-ndjson"}


def exported(
    *,
    name: str,
    form: str,
    columns: Sequence[str],
    cells: Iterable[Sequence[object]],
    objects: Iterable[Mapping[str, Any]],
) -> StreamingHttpResponse:
    """An attachment `name.csv` or `name.ndjson`; only the one that is asked for is read. Raises Http404 for others."""
    if form not in FORMS:
        raise Http404(_("Lists are exported as csv or ndjson."))
    lines: Iterator[Any] = as_csv(columns, cells) if form == "csv" else as_ndjson(objects)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return StreamingHttpResponse(lines, content_type=f"{FORMS[form]}; charset=utf-8", headers=headers)


def as_csv(columns: Sequence[str], cells: Iterable[Sequence[object]]) -> Iterator[str]:
    line = StringIO()
    writer = csv.writer(line)
    writer.writerow(columns)
    for row in cells:
        writer.writerow([_cell(value) for value in row])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()


def as_ndjson(objects: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    for each in objects:
        yield orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE)


def _cell(value: object) -> object:
    """What a spreadsheet would take for a formula is a text there: paths and keys come from traffic."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
