"""Slack, Teams, e-mail and the rest, each by one address, through Apprise."""

import logging
import re
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from apprise.plugins import NotifyBase
from django.conf import settings

from migrator.telling import addresses
from migrator.telling.envelope import Envelope
from migrator.telling.models import Severity
from migrator.telling.outgoing import NotDelivered
from migrator.telling.senders.guarded import guarded

TYPES: Final[dict[str, NotifyType]] = {
    Severity.INFO: NotifyType.INFO,
    Severity.WARNING: NotifyType.WARNING,
    Severity.CRITICAL: NotifyType.FAILURE,
}
LOCAL: Final = frozenset({"dbus", "qt", "kde", "glib", "gnome", "macosx", "windows", "syslog", "blink1", "file"})
"""Schemes that show something on this machine, where nobody looks."""
READS_FILES: Final = frozenset({"keyfile", "subfile", "template", "pgpkey", "pgp", "attach"})
"""Parameters that name a file of this machine."""
LEAST_SECRET: Final = 4
"""Pieces of an address that are shorter than this are no secrets."""

_said: ContextVar[list[str] | None] = ContextVar("said", default=None)


class _Kept(logging.Filter):
    """Apprise answers True or False and logs why. The why is kept for the channel; nothing of it reaches our logs:
    its lines may hold addresses, and addresses hold secrets.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        said = _said.get()
        if said is not None and record.levelno >= logging.WARNING:
            said.append(record.getMessage())
        return False


logging.getLogger("apprise").addFilter(_Kept())


def send(*, url: str, envelope: Envelope) -> None:
    """Raises NotDelivered."""
    plugin = opened(url)
    said: list[str] = []
    token = _said.set(said)
    try:
        with guarded():
            taken = _notify(plugin, envelope)
    except addresses.NotAllowed as refused:
        raise NotDelivered(str(refused)) from None
    except Exception as error:  # code of a hundred services: whatever it raises is their not taking it
        raise NotDelivered(f"{_service(plugin)} did not take it: {type(error).__name__}.") from None
    finally:
        _said.reset(token)
    if not taken:
        told = redacted(said[-1], url) if said else "it gave no reason"
        raise NotDelivered(f"{_service(plugin)} did not take it: {told}"[:400])


def _notify(plugin: NotifyBase, envelope: Envelope) -> bool:
    formats = plugin.notify_format
    likes = formats[0] if isinstance(formats, tuple) else formats
    is_markdown = likes == NotifyFormat.MARKDOWN
    return bool(
        plugin.notify(
            title=envelope.title,
            body=envelope.markdown if is_markdown else envelope.text,
            body_format=NotifyFormat.MARKDOWN if is_markdown else NotifyFormat.TEXT,
            notify_type=TYPES[envelope.severity],
        )
    )


def opened(url: str) -> NotifyBase:
    """The address as Apprise understands it. Raises NotDelivered, which tells nothing of the address."""
    try:
        check_address(url)
    except ValueError as error:
        raise NotDelivered(str(error)) from None
    plugin: Any = Apprise.instantiate(url, asset=_asset())
    if not isinstance(plugin, NotifyBase):
        raise NotDelivered("Apprise does not understand this address any more. Enter it again.")
    return plugin


def check_address(url: str) -> None:
    """Raises ValueError, with a remedy, for what Apprise does not understand or what leads to this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(NOT_UNDERSTOOD) from None
    if parts.scheme.lower() in LOCAL:
        raise ValueError(f"{parts.scheme}:// shows messages on the machine that Migrator runs on. Nobody looks there.")
    named = READS_FILES & {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if named:
        raise ValueError(f"{sorted(named)[0]}= names a file of the machine that Migrator runs on: leave it out.")
    if not isinstance(Apprise.instantiate(url, asset=_asset()), NotifyBase):
        raise ValueError(NOT_UNDERSTOOD)


NOT_UNDERSTOOD: Final = (
    "Apprise does not understand this address. Write it like slack://TokenA/TokenB/TokenC/#channel "
    "or mailtos://name:password@example.com?to=team@example.com."
)


def redacted(text: str, url: str) -> str:
    """A text without any piece of the address that could be a secret."""
    pieces = sorted({piece for piece in re.split(r"[^\w.-]+", url) if len(piece) >= LEAST_SECRET}, key=len)
    for piece in reversed(pieces):
        text = text.replace(piece, "…")
    return text


def _service(plugin: NotifyBase) -> str:
    return str(plugin.service_name or "The service")


def _asset() -> AppriseAsset:
    return AppriseAsset(
        app_id="Migrator",
        app_desc="Migrator",
        app_url=settings.PUBLIC_URL,
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,
        allow_templates=False,
        pgp_autogen=False,
        pem_autogen=False,
        storage_mode="memory",
    )
