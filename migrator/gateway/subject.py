"""Whose request it is: the sticky key that the project names."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

import msgspec

from migrator.core.wire import Manners, SubjectSource
from migrator.sdk.framing import RequestHead, values_of

ReadSubject = Callable[[RequestHead], str | None]


def subject_reader(manners: Manners) -> ReadSubject:
    """How this project's requests name their subject. The reader gives None for an anonymous request."""
    name = manners.subject_name
    match manners.subject_source:
        case SubjectSource.HEADER:
            header = name.lower().encode()
            return lambda head: _from_header(head, header)
        case SubjectSource.COOKIE:
            cookie = name.encode()
            return lambda head: _from_cookie(head, cookie)
        case SubjectSource.JWT_CLAIM:
            return lambda head: _from_token(head, name)
        case SubjectSource.NONE:
            return lambda head: None


def _from_header(head: RequestHead, name: bytes) -> str | None:
    for value in values_of(head.fields, name):
        return _text(value)
    return None


def _from_cookie(head: RequestHead, name: bytes) -> str | None:
    for value in values_of(head.fields, b"cookie"):
        for pair in value.split(b";"):
            key, _, content = pair.strip().partition(b"=")
            if key == name:
                return _text(content.strip(b'"'))
    return None


def _from_token(head: RequestHead, claim: str) -> str | None:
    """A claim of the bearer token, its signature not verified: it steers, it does not authorise."""
    for value in values_of(head.fields, b"authorization"):
        scheme, _, token = value.partition(b" ")
        parts = token.strip().split(b".")
        if scheme.lower() == b"bearer" and len(parts) == 3:
            found = _claims(parts[1]).get(claim)
            return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else None
    return None


def _claims(part: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)), type=dict[str, Any])
    except (binascii.Error, ValueError):
        return {}


def _text(value: bytes) -> str | None:
    return value.decode("utf-8", "surrogateescape") or None
