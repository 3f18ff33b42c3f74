"""A second factor for breaking the glass: time-based codes (RFC 6238: HMAC-SHA-1, 30 seconds, six digits)."""

import base64
import hmac
import secrets
import struct
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from django.db import transaction

from migrator.access.models import SecondFactor

STEP_S: Final = 30
DIGITS: Final = 6
DRIFT: Final = 1
"""Steps by which a generator's clock may be off."""
TRIES: Final = 5
PAUSE: Final = timedelta(minutes=5)
"""After so many wrong codes in a row nothing is tried for so long."""


class WrongCode(ValueError):
    """The code does not open anything. The message says why, and never which part was right."""


@transaction.atomic
def enrol(*, user: Any, now: datetime) -> SecondFactor:
    """A new secret for a person, not yet in force. One that is in force stays, until it is removed."""
    factor, _ = SecondFactor.objects.select_for_update().get_or_create(
        user=user, defaults={"secret": new_secret(), "created_at": now}
    )
    return factor


def new_secret() -> str:
    """160 random bits, base32."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def address_of(factor: SecondFactor) -> str:
    """What a generator reads from a QR code."""
    name = quote(factor.user.get_username())
    return f"otpauth://totp/Migrator:{name}?secret={factor.secret}&issuer=Migrator&digits={DIGITS}&period={STEP_S}"


def is_ready(*, user: Any) -> bool:
    """Whether this person has proven that their generator works."""
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).exists()


def confirm(*, user: Any, code: str, now: datetime) -> None:
    """Put a secret in force, by its first code. Raises WrongCode."""
    verify(user=user, code=code, now=now, confirmed=False)
    SecondFactor.objects.filter(user=user).update(confirmed_at=now)


def remove(*, user: Any, code: str, now: datetime) -> None:
    """Forget the secret. Takes a code: a session that was left open is not enough. Raises WrongCode."""
    verify(user=user, code=code, now=now)
    SecondFactor.objects.filter(user=user).delete()


def verify(*, user: Any, code: str, now: datetime, confirmed: bool = True) -> None:
    """Take one code, once. Raises WrongCode; wrong ones are counted, also where the caller's transaction ends badly.

    Call it outside of a transaction that may be rolled back.
    """
    with transaction.atomic():
        rows = SecondFactor.objects.select_for_update().filter(user=user)
        factor = rows.filter(confirmed_at__isnull=False).first() if confirmed else rows.first()
        if factor is None:
            raise WrongCode("You have no second factor yet. Set one up on your account page first.")
        if factor.failures >= TRIES and factor.failed_at and now < factor.failed_at + PAUSE:
            raise WrongCode("Too many wrong codes. Try again in five minutes.")
        step = _step_of(factor, code, now)
        if step is not None:
            factor.last_step, factor.failures = step, 0
        else:
            factor.failures, factor.failed_at = min(factor.failures + 1, 1_000), now
        factor.save(update_fields=["last_step", "failures", "failed_at"])
    if step is None:
        raise WrongCode("This code is wrong, or was used already. Wait for the next one.")


def _step_of(factor: SecondFactor, code: str, now: datetime) -> int | None:
    """The step that a code belongs to: not one that was used, nor one before it."""
    told = code.replace(" ", "").encode("utf-8", "replace")
    current = int(now.timestamp()) // STEP_S
    for step in range(current - DRIFT, current + DRIFT + 1):
        if step > factor.last_step and hmac.compare_digest(code_at(secret=factor.secret, step=step).encode(), told):
            return step
    return None


def code_at(*, secret: str, step: int) -> str:
    """The six digits of one step of 30 seconds (RFC 4226 section 5.3)."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", step), "sha1")
    place = digest[-1] & 15
    number = struct.unpack(">I", digest[place : place + 4])[0] & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"
