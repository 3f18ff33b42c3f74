"""JSON texts that differ in white space only, found without parsing either.

Two services that agree often differ in how their serializers space what they write. Taking the white
space out costs a quarter of parsing both sides and writing them again.
"""

from typing import Final

import msgspec

_BLANKS: Final = b" \t\r\n"
_EDGE: Final = 256
"""Bytes at either end that must agree, blanks apart, before the whole is looked at."""


def same_tokens(left: bytes, right: bytes) -> bool:
    """Whether two different bodies are the same JSON text but for the white space between its tokens.

    False settles nothing: it also means that looking closer is not worth its while, as for bodies of one length.
    """
    short, long = (left, right) if len(left) < len(right) else (right, left)
    if len(short) == len(long) or not _alike(short[:_EDGE], long[:_EDGE], short[-_EDGE:], long[-_EDGE:]):
        return False
    try:
        tokens = _without_blanks(long)
        if len(tokens) > len(short) or (tokens != short and tokens != _without_blanks(short)):
            return False
        return tokens.isascii() or bool(tokens.decode())
    except (ValueError, RecursionError):
        return False


def _alike(short_start: bytes, long_start: bytes, short_end: bytes, long_end: bytes) -> bool:
    """Whether bodies that begin and end so may be the same: blanks inside strings are overlooked here."""
    one, other = short_start.translate(None, _BLANKS), long_start.translate(None, _BLANKS)
    if not (one.startswith(other) or other.startswith(one)):
        return False
    one, other = short_end.translate(None, _BLANKS), long_end.translate(None, _BLANKS)
    return one.endswith(other) or other.endswith(one)


def _without_blanks(text: bytes) -> bytes:
    """The same JSON: numbers, escapes, order and repeated keys as they are. Raises ValueError for what is none,
    but takes any bytes for letters.
    """
    return msgspec.json.format(text, indent=-1)
