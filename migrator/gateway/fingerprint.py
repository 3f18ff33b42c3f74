"""The version of its data that an answer names, where a project says where to look."""

from collections.abc import Callable
from typing import Any, Final

import structlog

from migrator.core.comparison import Comparison
from migrator.core.forms import normaliser
from migrator.core.jsonpath import NOTHING, member
from migrator.core.paths import EVERY, HEADER, PathRefused, parse_path
from migrator.core.wire import Form, Proof, RuleKind, RuleSpec
from migrator.gateway.record import Record, Reply, sides
from migrator.sdk.framing import values_of

Fingerprint = Callable[[Record, Comparison], Proof | None]
"""What the two versions prove about a mismatch; None where one of the answers names none."""

_instant: Final = normaliser(RuleSpec(id=0, kind=RuleKind.NORMALISE, path="$", form=Form.INSTANT))

log = structlog.get_logger()


def fingerprint(where: str) -> Fingerprint:
    """`header:etag` or `$.updated_at`, made ready. What is neither proves nothing, and is said in the log."""
    try:
        return _of_header(where.removeprefix(HEADER)) if where.startswith(HEADER) else _of_document(where)
    except PathRefused as refusal:
        if where:
            log.warning("fingerprint.refused", fingerprint=where, reason=str(refusal))
        return lambda record, comparison: None


def _of_header(name: str) -> Fingerprint:
    key = name.lower().encode()

    def proves(record: Record, comparison: Comparison) -> Proof | None:
        legacy, candidate = sides(record)
        return _judged(_header(legacy, key), _header(candidate, key))

    return proves


def _of_document(path: str) -> Fingerprint:
    steps = parse_path(path)
    if EVERY in steps:
        raise PathRefused("A fingerprint is one value: the path may name no wildcard.")

    def proves(record: Record, comparison: Comparison) -> Proof | None:
        found = []
        for document in comparison.documents or (None, None):
            value: Any = NOTHING if document is None else document.value
            for step in steps:
                value = member(value, step)
            found.append(None if value is NOTHING or value is None else _instant(value))
        return _judged(*found)

    return proves


def _header(reply: Reply | None, name: bytes) -> bytes | None:
    values = [] if reply is None else values_of(reply.fields, name)
    return values[0].removeprefix(b"W/") if values else None


def _judged(legacy: Any, candidate: Any) -> Proof | None:
    if legacy is None or candidate is None:
        return None
    return Proof.SAME_VERSION if legacy == candidate else Proof.OTHER_VERSION
