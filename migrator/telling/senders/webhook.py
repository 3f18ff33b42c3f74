"""Signed JSON to an address of the user's own.

A receiver checks `X-Migrator-Signature: t=…,v1=…`: v1 is the hex HMAC-SHA256, under the channel's secret, of the
bytes of t, a dot, and the body. It refuses a t that is minutes old, and an id that it has seen.
"""

import hashlib
import hmac
from datetime import datetime
from typing import Final

import orjson

from migrator.telling.envelope import Envelope
from migrator.telling.outgoing import post

SIGNATURE: Final = "X-Migrator-Signature"
EVENT_ID: Final = "X-Migrator-Event-Id"


def send(*, url: str, secret: str, envelope: Envelope, now: datetime) -> None:
    """Raises NotDelivered unless it was answered with 2xx."""
    body = orjson.dumps(envelope.as_json())
    headers = {
        "Content-Type": "application/json",
        EVENT_ID: envelope.event_id,
        SIGNATURE: signature(secret=secret, timestamp=int(now.timestamp()), body=body),
    }
    post(url=url, body=body, headers=headers)


def signature(*, secret: str, timestamp: int, body: bytes) -> str:
    """The header's value. `timestamp` in seconds since 1970."""
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={signed}"
