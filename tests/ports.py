"""Ports for servers that are started by number."""

import random
import socket


def free_port(*, neighbours: int = 0) -> int:
    """A port of loopback that nobody listens on, and so many after it.

    From below the range that systems take for outgoing connections: a port from within it may be gone
    again by the time that a server asks for it, with many tests at work.
    """
    while True:
        port = random.randrange(15_000, 32_000)
        if all(is_free(port + offset) for offset in range(neighbours + 1)):
            return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
