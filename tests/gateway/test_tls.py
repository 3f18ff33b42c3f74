"""A service behind TLS: what a connection without halves does to requests and tunnels."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.gateway.conftest import Rig
from tests.gateway.test_crowds import thin_lines
from tests.wires import Wire, plain


def certificate(folder: Path) -> Path:
    """A key and a certificate that it signed itself, for loopback, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "service.pem"
    path.write_bytes(plain_key + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secured(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Wire], None]], Rig]:
    """A gateway whose legacy service speaks TLS and then does as it is told."""
    path = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)

    def start(serve: Callable[[Wire], None]) -> Rig:
        def over_tls(wire: Wire) -> None:
            with context.wrap_socket(wire.socket, server_side=True) as tls, contextlib.suppress(EOFError, OSError):
                serve(Wire(tls))

        rig.legacy.serve = over_tls
        rig.publish(legacy_url=rig.legacy.url.replace("http:", "https:"), legacy_timeout_ms=2_000)
        return rig

    return start


def echo(wire: Wire) -> None:
    while True:
        wire.send(plain(wire.request().body))


def test_service__behind_tls__answers_on_a_kept_connection(secured: Callable[..., Rig]) -> None:
    rig, large = secured(echo), b"x" * 1_000_000
    caller = rig.call()
    for body in (b"small", large, b"small"):
        assert caller.get("/", method="PUT", body=body).body == body
    assert rig.legacy.connections == 1


def test_answer__behind_tls__that_ends_with_its_connection__arrives_whole(secured: Callable[..., Rig]) -> None:
    def serve(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 500_000)
        wire.socket.unwrap()  # type: ignore[attr-defined]

    rig = secured(serve)
    for _ in range(3):
        assert rig.get("/").body == b"x" * 500_000


@pytest.mark.parametrize("framing", [b"", b"Content-Length: 1500000\r\n"])
def test_last_answer__behind_tls__of_a_caller_who_reads_late__arrives_whole(
    secured: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch, framing: bytes
) -> None:
    """The service has long ended its connection when the caller reads what it said."""
    thin_lines(monkeypatch)

    def serve(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + framing + b"\r\n" + b"x" * 1_500_000)

    caller = secured(serve).call()
    caller.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    time.sleep(0.5)
    assert len(caller.answer().body) == 1_500_000


def test_tunnel__behind_tls__ends_with_its_callers_half(secured: Callable[..., Rig]) -> None:
    def serve(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        wire.send(wire.exactly(4).upper())
        wire.rest()

    caller = secured(serve).call()
    assert caller.get("/ws", "Connection: Upgrade", "Upgrade: x").status == 101
    caller.send(b"ping")
    assert caller.exactly(4) == b"PING"
    caller.socket.shutdown(socket.SHUT_WR)
    assert caller.more() == b""


def test_service__that_speaks_no_tls__is_a_502_in_words(secured: Callable[..., Rig]) -> None:
    rig = secured(echo)
    rig.legacy.serve = lambda wire: wire.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert rig.get("/").status == 502
