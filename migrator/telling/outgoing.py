"""The one way out for our own requests: resolved once, checked, connected to that address. No redirect is followed."""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import SplitResult, urlsplit

from migrator.telling import addresses

CONNECT_S: Final = 3.0
READ_S: Final = 5.0
LONGEST_S: Final = 8.0
"""From the first byte sent to the last one read: also a receiver that answers a byte a second is left by then."""
ANSWER_BYTES: Final = 65_536
AGENT: Final = "Migrator"


class NotDelivered(Exception):
    """A receiver did not take it. The message shows its host and no more of its address."""

    def __init__(self, message: str, *, wait: timedelta = timedelta(0)) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address taken apart."""

    scheme: str
    host: str
    port: int
    path: str


def place_of(url: str) -> Place:
    """Raises ValueError, with a remedy, for what is no http(s) address."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), 0
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("Write the address like https://hooks.example.com/migrator, without a name or password.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or not path.isprintable() or " " in path:
        raise ValueError("The address holds characters that no request can carry. Percent-encode them.")
    return Place(scheme=parts.scheme, host=parts.hostname, port=port, path=path)


def post(*, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Send, and return what was answered with 2xx. Raises NotDelivered for everything else."""
    place = place_of(url)
    try:
        allowed = addresses.resolve(place.host, place.port)
        return _exchange(place, allowed[0], body, headers)
    except addresses.NotAllowed as refused:
        raise NotDelivered(str(refused)) from None
    except TimeoutError:
        raise NotDelivered(f"{place.host} did not answer in time.") from None
    except ssl.SSLError as error:
        raise NotDelivered(f"{place.host}: TLS failed ({error.reason or 'unknown'}).") from None
    except (OSError, http.client.HTTPException) as error:
        told = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise NotDelivered(f"{place.host} cannot be reached: {told}.") from None


def _exchange(place: Place, address: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    connection = _connection(place, address)
    hang_up = threading.Timer(LONGEST_S, _hang_up, [connection])
    hang_up.daemon = True
    hang_up.start()
    try:
        connection.request("POST", place.path, body=body, headers={"User-Agent": AGENT, **headers})
        answer = connection.getresponse()
        told = answer.read(ANSWER_BYTES)
    finally:
        hang_up.cancel()
        connection.close()
    if not 200 <= answer.status < 300:
        where = " Redirects are not followed." if 300 <= answer.status < 400 else ""
        raise NotDelivered(f"{place.host} answered {answer.status}.{where}", wait=_asked_wait(answer))
    return told


def _connection(place: Place, address: str) -> http.client.HTTPConnection:
    """A connection to the address that was checked. The name is still what TLS and `Host` are about."""
    plain = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    plain.settimeout(CONNECT_S)
    try:
        plain.connect((address, place.port))
    except BaseException:
        plain.close()
        raise
    plain.settimeout(READ_S)
    connection = http.client.HTTPConnection(place.host, place.port)
    if place.scheme == "https":
        try:
            connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=place.host)
        except BaseException:
            plain.close()
            raise
        connection.default_port = http.client.HTTPS_PORT
    else:
        connection.sock = plain
    return connection


def _hang_up(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:  # it is over already
            return


def _asked_wait(answer: http.client.HTTPResponse) -> timedelta:
    """`Retry-After` in seconds; dates are not read, our own wait does as well."""
    told = answer.headers.get("Retry-After", "")
    return timedelta(seconds=int(told[:6])) if told.isascii() and told.isdigit() else timedelta(0)
