"""Where messages may not go, however it is spelt."""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from migrator.telling import addresses
from migrator.telling.addresses import NotAllowed, check, resolve
from migrator.telling.delivery import deliver_due
from migrator.telling.models import Channel, Delivery
from migrator.telling.outgoing import NotDelivered, post
from migrator.telling.sealing import seal
from migrator.telling.senders.guarded import guarded
from tests.telling.conftest import WEDNESDAY_NOON
from tests.telling.receiver import Receiver

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "::ffff:169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "::169.254.169.254",
    "192.0.0.192",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
    "fe80::1%eth0",
]


@pytest.mark.parametrize("address", METADATA)
def test_metadata_service__in_any_spelling__is_refused_whatever_settings_allow(address: str, settings: Any) -> None:
    settings.OUTGOING_ALLOW = ["0.0.0.0/0", "::/0"]
    with pytest.raises(NotAllowed, match="metadata"):
        check(address, 80)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "localhost", "0.0.0.0", "::1"])
def test_this_machine__in_any_spelling__is_refused_unless_settings_name_it(host: str, settings: Any) -> None:
    settings.OUTGOING_ALLOW = []
    with pytest.raises(NotAllowed, match="this machine"):
        resolve(host, 80)
    settings.OUTGOING_ALLOW = ["127.0.0.0/8", "::1/128", "0.0.0.0/32"]
    assert resolve(host, 80)


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.7.7", "100.64.0.1", "8.8.8.8", "fd12::1", "2606:4700::1"])
def test_private_and_public_network__is_allowed(address: str, settings: Any) -> None:
    settings.OUTGOING_ALLOW = []
    check(address, 443)


def test_our_own_database_and_redis__are_refused_though_their_machine_is_allowed(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTGOING_ALLOW = ["127.0.0.0/8"]
    settings.REDIS_URL = "redis://localhost:6390/0"
    monkeypatch.setitem(settings.DATABASES["default"], "HOST", "10.0.0.5")
    monkeypatch.setitem(settings.DATABASES["default"], "PORT", "")
    for address, port in (("127.0.0.1", 6390), ("10.0.0.5", 5432), ("::ffff:10.0.0.5", 5432)):
        with pytest.raises(NotAllowed, match="our own"):
            check(address, port)
    check("10.0.0.5", 443)


def test_name__that_means_something_else_when_asked_again__is_connected_to_what_was_checked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int, *args: Any, **options: Any) -> Any:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.99"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", rebinding)
    url = receiver.url.replace("127.0.0.1", "rebinds.test")
    monkeypatch.setattr(addresses, "_our_own", set)
    post(url=url, body=b"{}", headers={})

    assert asked == ["rebinds.test"]
    assert receiver.received[0].headers["Host"] == f"rebinds.test:{receiver.port}"


def test_name__of_which_one_address_is_refused__is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 80)) for a in ("10.0.0.1", "169.254.169.254")]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *args, **options: both)
    with pytest.raises(NotDelivered, match="metadata"):
        post(url="http://two.test/", body=b"", headers={})


def test_fence__around_code_of_others__refuses_its_connections_and_nobody_elses(
    receiver: Receiver, settings: Any
) -> None:
    settings.OUTGOING_ALLOW = []
    # Whoever swallows it inside does not get away with it.
    with pytest.raises(NotAllowed), guarded(), suppress(ValueError):
        socket.create_connection(("127.0.0.1", receiver.port), timeout=1)
    socket.create_connection(("127.0.0.1", receiver.port), timeout=1).close()


@pytest.mark.parametrize("scheme", ["json", "mailto", "gotify"])
def test_apprise__that_leads_inside__is_refused_before_it_connects(
    scheme: str, channel: Callable[..., Channel], say: Callable[..., Any], receiver: Receiver, settings: Any
) -> None:
    settings.OUTGOING_ALLOW = []
    made = channel(kind="apprise", target="jsons://example.test/x")
    target = {
        "json": f"json://127.0.0.1:{receiver.port}/x",
        "mailto": f"mailto://n:p@example.test:{receiver.port}?smtp=127.0.0.1&to=a@example.test",
        "gotify": f"gotify://127.0.0.1:{receiver.port}/token-of-it",
    }[scheme]
    Channel.objects.filter(pk=made.pk).update(target=seal(target))
    say()
    deliver_due(now=WEDNESDAY_NOON)

    assert receiver.received == []
    assert "this machine" in Delivery.objects.get().error
