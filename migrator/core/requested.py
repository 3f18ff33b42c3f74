"""What a request was, in few words: whose it was, of which shape, and what kind of caller sent it.

Evidence counts what is independent. Where nobody knows the caller, the request itself stands for him: the same
page asked for a thousand times says what one answer says. All of it runs once for each pair that is compared.
"""

from functools import lru_cache
from random import getrandbits
from typing import Any, Final

import msgspec
from xxhash import xxh64, xxh64_intdigest

SMALL_BODY: Final = 16_384
"""Bytes of a body whose names are read. A larger one is told by its media type alone."""
NAMES: Final = 64
"""Parameters of one request that tell its shape."""

# Other seeds than that of callers (core.tally): no request equals a caller, whatever he calls himself.
_REQUESTS: Final = 1
_SHAPES: Final = 2
_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_KIND_ENDS: Final = str.maketrans(dict.fromkeys("/ (;,\t", " "))


def request_hash(*, method: str, target: bytes, body: bytes | None = b"") -> int:
    """64 bits that stand for an anonymous request: equal for equal method, path, query and body.

    With `body` None there was one that nobody kept: such a request stands for itself.
    """
    if body is None:
        return getrandbits(64)
    whole = xxh64(method.encode("ascii", "replace") + b" " + target, seed=_REQUESTS)
    if body:
        whole.update(b"\n")
        whole.update(body)
    return int(whole.intdigest())


def work_hash(*, key: str, entity: str | None) -> int:
    """The same for a call in a program, of which `entity` says what it was about. Without, it stands for itself."""
    if entity is None:
        return getrandbits(64)
    return int(xxh64_intdigest(f"{key}\n{entity}".encode("utf-8", "surrogateescape"), seed=_REQUESTS))


def shape_hash(*, method: str, target: bytes, media: bytes = b"", body: bytes | None = b"") -> int:
    """64 bits that stand for the shape of a request: its method, the names of its query's parameters, the media type
    of its body, and the names at the top of a JSON one. Values and order make no difference.
    """
    query = target.partition(b"?")[2]
    if not query and not body:
        return _plain(method)
    parameters = sorted({part.partition(b"=")[0] for part in query.split(b"&")})[:NAMES]
    kind = media.partition(b";")[0].strip().lower()
    fields = _top_names(body) if body and len(body) <= SMALL_BODY else []
    shape = [method.encode("ascii", "replace"), b"&".join(parameters), kind, *fields]
    return int(xxh64_intdigest(b"\n".join(shape), seed=_SHAPES))


@lru_cache(maxsize=1_024)
def caller_kind(caller: str) -> str:
    """What kind of caller somebody is by what he calls himself: `iOS/5.2 (iPhone; …)` and `ios` are both `ios`."""
    words = caller.lower().translate(_KIND_ENDS).split(maxsplit=1)
    return words[0] if words else ""


@lru_cache(maxsize=256)
def _plain(method: str) -> int:
    return int(xxh64_intdigest(method.encode("ascii", "replace"), seed=_SHAPES))


def _top_names(body: bytes) -> list[bytes]:
    try:
        top: dict[str, Any] = _names(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return [name.encode("utf-8", "surrogatepass") for name in sorted(top)[:NAMES]]
