"""Which header lines travel on, and which belong to one connection only.

Lines are passed on as they were sent: same case, order and repetition. Left out are the hop-by-hop
headers of RFC 9110 §7.6.1, those that `Connection` names, and everything that begins with
`x-migrator-` (only we say those). One line is added to requests: the caller's address, at the end of
`X-Forwarded-For`, because the service behind sees the gateway's address where it used to see the caller's.
"""

from functools import lru_cache
from http import HTTPStatus
from typing import Final

from migrator.sdk.framing import CHUNKED, UNTIL_CLOSE, Fields, RequestHead, ResponseHead, connection_options

HOP_BY_HOP: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"}
)
NEVER_HOP_BY_HOP: Final = frozenset(
    {b"authorization", b"content-length", b"content-type", b"cookie", b"forwarded", b"host", b"x-forwarded-for"}
)
"""A caller that names these in `Connection` would have the gateway hide who asks, or change what a message means."""
OURS: Final = b"x-migrator-"
MIRROR: Final = b"X-Migrator-Mirror: "
"""Marks a call whose answer no caller sees: `shadow`, or `sister` for a write to a sister datastore."""
SISTER: Final = b"X-Migrator-Sister: 1"
SERVED_BY: Final = b"X-Migrator-Served-By: "
LAST_CHUNK: Final = b"0\r\n"


def request_lines(head: RequestHead, *, peer: bytes, host: bytes) -> Fields:
    """The header lines of a request that travel on.

    `peer` is the caller's address, empty where unknown; `host` is for a caller of HTTP/1.0 that names none.
    """
    dropped = _dropped(head.notable)
    kept = [field for field in head.fields if field[0] not in dropped and not field[0].startswith(OURS)]
    if b"host" not in head.notable:
        kept.insert(0, (b"host", b"Host: " + host))
    if peer:
        chain = b", ".join([*head.notable.get(b"x-forwarded-for", ()), peer])
        kept = (
            [field for field in kept if field[0] != b"x-forwarded-for"] if b"x-forwarded-for" in head.notable else kept
        )
        kept.append((b"x-forwarded-for", b"X-Forwarded-For: " + chain))
    return kept


def request_bytes(head: RequestHead, lines: Fields, *, prefix: bytes) -> bytes:
    """A request's head as it is sent on: same method, same target, body framed as the caller framed it."""
    target = prefix + head.target if prefix and head.target.startswith(b"/") else head.target
    parts = [head.method + b" " + target + b" HTTP/1.1"]
    parts += [line for _, line in lines]
    if head.framing == CHUNKED:
        parts.append(b"Transfer-Encoding: chunked")
    parts += (b"", b"")
    return b"\r\n".join(parts)


def upgrades(head: RequestHead) -> bool:
    """Whether a request asks to change protocols. An offer of HTTP/2 is not taken up, only left out."""
    wanted = head.notable.get(b"upgrade")
    if wanted is None or b"upgrade" not in connection_options(head.notable):
        return head.method == b"CONNECT"
    return any(not value.lower().startswith(b"h2") for value in wanted)


def upgrade_bytes(head: RequestHead, lines: Fields, *, prefix: bytes) -> bytes:
    """The head of a request that asks to change protocols, such as a websocket's."""
    upgrade = [(b"upgrade", b"Upgrade: " + value) for value in head.notable.get(b"upgrade", ())]
    if upgrade:
        lines = [*lines, (b"connection", b"Connection: Upgrade"), *upgrade]
    return request_bytes(head, lines, prefix=prefix)


def mirror_bytes(
    head: RequestHead, lines: Fields, *, prefix: bytes, body: bytes, sister: bool, dropped: frozenset[bytes]
) -> bytes:
    """The same request, whole, as the mirror's side receives it: marked, and without `dropped` headers."""
    kept = [field for field in lines if field[0] not in dropped and field[0] not in (b"content-length", b"expect")]
    if b"x-migrator-mirror" not in dropped:  # a service that repeats its headers in its answers can only differ by it
        kept.append((b"x-migrator-mirror", MIRROR + (b"sister" if sister else b"shadow")))
    if sister:
        kept.append((b"x-migrator-sister", SISTER))
    if body or head.framing:
        kept.append((b"content-length", b"Content-Length: %d" % len(body)))
    target = prefix + head.target if prefix and head.target.startswith(b"/") else head.target
    return b"\r\n".join([head.method + b" " + target + b" HTTP/1.1", *[line for _, line in kept], b"", body])


def answer_bytes(head: ResponseHead, *, framing: int, minor: int, keep_alive: bool, served_by: bytes) -> bytes:
    """An answer's head as the caller receives it.

    `framing` is the answer's body as it will be sent, `minor` the caller's HTTP version; `served_by`
    names the side that answered, empty where callers are not to know.
    """
    dropped = _dropped(head.notable)
    if b"transfer-encoding" in head.notable and b"content-length" in head.notable:
        dropped = dropped | {b"content-length"}
    if served_by:
        dropped = dropped | {b"x-migrator-served-by"}
    parts = [b"HTTP/1.1" + head.line[8:]]
    parts += [line for name, line in head.fields if name not in dropped]
    if framing == CHUNKED:
        parts.append(b"Transfer-Encoding: chunked")
    if not keep_alive:
        parts.append(b"Connection: close")
    elif minor == 0:
        parts.append(b"Connection: keep-alive")
    if served_by:
        parts.append(SERVED_BY + served_by)
    parts += (b"", b"")
    return b"\r\n".join(parts)


def interim_bytes(head: ResponseHead) -> bytes:
    """A 1xx answer as the caller receives it."""
    dropped = _dropped(head.notable)
    return b"\r\n".join([head.line, *[line for name, line in head.fields if name not in dropped], b"", b""])


def tunnel_bytes(head: ResponseHead) -> bytes:
    """The answer that turns a connection into a tunnel: 101 with its protocol, or 200 to CONNECT."""
    lines = [line for name, line in head.fields if name not in HOP_BY_HOP and name != b"content-length"]
    if head.status == 101:
        lines += [b"Connection: Upgrade", *(b"Upgrade: " + value for value in head.notable.get(b"upgrade", ()))]
    return b"\r\n".join([head.line, *lines, b"", b""])


def caller_framing(head: ResponseHead, *, minor: int) -> int:
    """How the caller receives the body: as it came, in chunks where its end is only its connection's end."""
    if head.framing >= 0:
        return head.framing
    return CHUNKED if minor == 1 else UNTIL_CLOSE


def plain_answer(status: HTTPStatus, text: str, *, head_only: bool = False) -> bytes:
    """An answer of the gateway's own, after which the connection closes."""
    body = (text + "\n").encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if head_only else body)


def chunk(data: bytes) -> bytes:
    """One piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _dropped(notable: dict[bytes, list[bytes]]) -> frozenset[bytes]:
    return _hop_by_hop(connection_options(notable)) if b"connection" in notable else HOP_BY_HOP


@lru_cache(maxsize=256)
def _hop_by_hop(options: frozenset[bytes]) -> frozenset[bytes]:
    return HOP_BY_HOP | (options - NEVER_HOP_BY_HOP)
