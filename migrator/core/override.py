"""Orders of last resort: "legacy answers these units", signed where the database cannot be reached.

An override can only lower exposure: there is no field in it that could raise anything. Whoever knows the control
plane's SECRET_KEY can sign one without any server; whoever has the public key, which travels in the routing table,
can tell a real one. Its expiry, its project and its id bound what a copy of it can do.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from migrator.core.routing import Route, Routes
from migrator.core.stages import Stage
from migrator.core.wire import Override, SignedOverride, UnitRoute, Version, encode

EVERYTHING: Final = "*"
LIFETIME: Final = 24 * 3600.0
"""Seconds that an override holds unless its author says otherwise."""
LONGEST_LIFETIME: Final = 7 * 24 * 3600.0
PURPOSE: Final = b"migrator signed overrides, version 1"
"""Keeps this key apart from every other that is made of the same secret."""
_FIELDS: Final = frozenset(each.name for each in fields(Override))
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class OverrideRefused(ValueError):
    """An override that is not obeyed, and why."""


def public_key(*, secret: str) -> str:
    """The key by which overrides of this secret are known, base64."""
    raw = _signer(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def sign(*, override: Override, secret: str) -> SignedOverride:
    """The override with its signature. Raises OverrideRefused where nobody would obey it."""
    _check(override)
    document = encode(override)
    signature = _signer(secret).sign(document)
    return SignedOverride(document=document.decode(), signature=base64.b64encode(signature).decode())


def verify(*, signed: SignedOverride, key: str, project: str, now: float) -> Override:
    """The override, if it is real, of this project and not over.

    `key` is the public key, `now` seconds since the epoch. Raises OverrideRefused with the reason.
    """
    if not key:
        raise OverrideRefused("no key is known yet that could tell whether it is real")
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
        public.verify(base64.b64decode(signed.signature, validate=True), signed.document.encode())
    except (InvalidSignature, binascii.Error, ValueError):
        raise OverrideRefused("its signature is not this control plane's") from None
    override = read(signed)
    _check(override)
    if override.project != project:
        raise OverrideRefused(f"it is for project {override.project}, not for {project}")
    if override.expires_at <= now:
        raise OverrideRefused("its time is over")
    return override


def read(signed: SignedOverride) -> Override:
    """What a document says, real or not. Raises OverrideRefused.

    A document that says more than an override can, such as a share, is no override: nobody may take something
    for a step down that was meant as another.
    """
    try:
        said: dict[str, Any] = msgspec.json.decode(signed.document, type=dict[str, Any])
        override = msgspec.convert(said, Override)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise OverrideRefused(f"it makes no sense: {error}") from None
    if strange := sorted(said.keys() - _FIELDS):
        raise OverrideRefused(f"it says more than an override can: {', '.join(strange)[:200]}")
    return override


def _check(override: Override) -> None:
    if not _FILE_NAME.fullmatch(override.id):
        raise OverrideRefused("its id could name no file")
    if not override.units and not override.services:
        raise OverrideRefused("it names nothing")
    if not 0 < override.expires_at - override.issued_at <= LONGEST_LIFETIME:
        raise OverrideRefused(f"it may hold for {LONGEST_LIFETIME / 86_400:.0f} days at most")


def _signer(secret: str) -> Ed25519PrivateKey:
    if not secret:
        raise OverrideRefused("there is no secret to sign with: set SECRET_KEY")
    seed = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())
    return Ed25519PrivateKey.from_private_bytes(seed)


# --------------------------------------------------------------------------------- who is covered


@dataclass(frozen=True, slots=True)
class Hold:
    """What legacy answers, whatever the table says. Made ready for one table."""

    everything: bool
    services: frozenset[str]
    units: frozenset[int]
    """Endpoints, and units without one."""
    keys: frozenset[str]
    """As they were named, for units that no table knows."""

    def covers(self, unit: UnitRoute) -> bool:
        """Whether legacy answers this unit. A removed unit has no legacy to go back to."""
        if unit.stage is Stage.REMOVED:
            return False
        named = self.everything or unit.service in self.services
        return named or unit.id in self.units or unit.parent in self.units

    def covers_key(self, key: str) -> bool:
        """The same for a unit that no table knows."""
        return self.everything or key in self.keys


def hold(*, keys: Iterable[str], services: Iterable[str] = (), routes: Routes | None) -> Hold | None:
    """Make ready what is held: unit keys, `*` for all, and services. None where nothing is.

    A field's answer is served whole by its endpoint, so a field stands for its endpoint, and for the fields beside it.
    """
    named, whole = frozenset(keys), frozenset(services)
    if not named and not whole:
        return None
    known = {} if routes is None else routes.by_key
    found = [known[key] for key in named if key in known]
    return Hold(EVERYTHING in named, whole, frozenset(map(_answering, found)), named)


def _answering(route: Route) -> int:
    unit = route.unit
    return unit.id if unit.parent is None else unit.parent


# ----------------------------------------------------------------------------------- what is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a control plane answers to data planes that ask for overrides."""

    overrides: tuple[SignedOverride, ...] = ()
    """Those to obey beside the table."""
    adopted: Mapping[str, Version] = field(default_factory=dict)
    """By id: those that are entries of the ledger since, and the table that carries them. From that table on they
    are not needed any more.
    """


decode_signed = msgspec.json.Decoder(SignedOverride).decode
decode_orders = msgspec.json.Decoder(Orders).decode
