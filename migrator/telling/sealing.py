"""Secrets at rest: encrypted with a key that follows from SECRET_KEY, which the database does not hold."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.encoding import force_bytes

PURPOSE = b"migrator.telling.sealing:"
"""So that this key is no other key that is made of SECRET_KEY."""


class Unreadable(ValueError):
    """A secret that was encrypted under another SECRET_KEY."""

    def __init__(self) -> None:
        super().__init__("Its secret cannot be read: SECRET_KEY changed since. Enter the secret again.")


def seal(secret: str) -> str:
    """Encrypt. The answer may be stored anywhere."""
    return _box().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Decrypt, also what was encrypted under one of SECRET_KEY_FALLBACKS. Raises Unreadable."""
    try:
        return bytes(_box().decrypt(sealed.encode())).decode()
    except InvalidToken:
        raise Unreadable from None


def _box() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(hashlib.sha256(PURPOSE + force_bytes(key)).digest())) for key in keys]
    )
