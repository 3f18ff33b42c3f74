"""Where messages may go. Targets are chosen by people, so whatever lies inside must not be reached by naming it.

Private networks are fine: that is where people's receivers are. Refused are metadata services of clouds, in every
spelling, our own database and Redis, and this machine itself unless OUTGOING_ALLOW names it.
"""

import ipaddress
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

Address = IPv4Address | IPv6Address
METADATA: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # AWS, Google, Azure, and everybody who copies them
        "fe80::/10",
        "fd00:ec2::254/128",  # AWS
        "100.100.100.200/32",  # Alibaba
        "192.0.0.192/32",  # Oracle
        "168.63.129.16/32",  # Azure's wire server
    )
)
EMBEDDING: Final[tuple[tuple[IPv6Network, int], ...]] = tuple(
    (IPv6Network(network), shift)
    for network, shift in (
        ("::ffff:0:0/96", 0),
        ("::/96", 0),
        ("64:ff9b::/96", 0),  # NAT64
        ("64:ff9b:1::/48", 0),  # NAT64, local use
        ("2002::/16", 80),  # 6to4
    )
)
"""IPv6 networks that carry an IPv4 address, and how many bits stand right of it."""
POSTGRES_PORT: Final = 5432
REDIS_PORT: Final = 6379


class NotAllowed(ValueError):
    """A target that messages are not sent to. The message says why, and shows no secret."""


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, each allowed. Connect to one of these, not to the name. Raises NotAllowed, OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        check(address, port)
    return addresses


def check(address: str, port: int) -> None:
    """Raises NotAllowed unless messages may go there."""
    told = ipaddress.ip_address(address.partition("%")[0])
    meant = [told, *_embedded(told)]
    if any(one in network for one in meant for network in METADATA if one.version == network.version):
        raise NotAllowed(f"{told} is a metadata or link-local address: nothing is sent there.")
    if any((str(one), port) in _our_own() for one in meant):
        raise NotAllowed(f"{told}:{port} is our own database or Redis: nothing is sent there.")
    inside = [one for one in meant if one.is_loopback or one.is_unspecified or one.is_multicast]
    if any(not _named_by_settings(one) for one in inside):
        raise NotAllowed(f"{told} is this machine itself. OUTGOING_ALLOW may name it.")


def _embedded(told: Address) -> list[Address]:
    if isinstance(told, IPv4Address):
        return []
    inner: list[Address] = [
        IPv4Address((int(told) >> shift) & 0xFFFFFFFF)
        for network, shift in EMBEDDING
        # `::` and `::1` are themselves, not addresses of version 4.
        if told in network and int(told) > 1
    ]
    return inner + ([told.teredo[1]] if told.teredo else [])


def _named_by_settings(address: Address) -> bool:
    allowed: list[IPv4Network | IPv6Network] = [ipaddress.ip_network(each) for each in settings.OUTGOING_ALLOW]
    return any(address in network for network in allowed if network.version == address.version)


def _our_own() -> set[tuple[str, int]]:
    """(address, port) of our own servers, where they have one: the embedded ones listen on sockets only."""
    database, redis = settings.DATABASES["default"], urlsplit(settings.REDIS_URL)
    places = [(str(database.get("HOST") or ""), int(database.get("PORT") or POSTGRES_PORT))]
    if redis.scheme != "unix":
        places.append((redis.hostname or "", redis.port or REDIS_PORT))
    own: set[tuple[str, int]] = set()
    for host, port in places:
        if host and not host.startswith("/"):
            own |= _addresses_of(host, port)
    return own


def _addresses_of(host: str, port: int) -> set[tuple[str, int]]:
    try:
        return {(str(entry[4][0]), port) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError:  # a name that means nothing here leads nowhere
        return set()
