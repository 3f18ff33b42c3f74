"""Where it is written what to do about a unit at night. Pure: text in, text out.

An address becomes a link; anything else is words that say where it lies, such as `Binder 3, page 12`. No other kind of
address is taken, so that no page of ours can ever link to a script.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

MAX_RUNBOOK: Final = 500
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):(?=\S)", re.IGNORECASE)
_RUNS: Final = ("javascript:", "vbscript:", "data:")
"""What a browser runs or shows as a page of its own, with a space behind the colon too."""
_ADVICE: Final = "Write an address such as https://wiki.example.com/payments, or words that say where it lies."


def flaw(text: str) -> str:
    """Why a text cannot name a runbook, with what to do about it; empty where it can, or where there is none."""
    if len(text) > MAX_RUNBOOK:
        return f"A runbook is named in at most {MAX_RUNBOOK} characters, not {len(text):,}: link to it."
    if not text.isprintable():
        return f"A runbook is named in one line of characters that can be seen. {_ADVICE}"
    scheme = _SCHEME.match(text)
    if scheme and scheme[1].lower() in ("http", "https"):
        return "" if address_of(text) else f"{text[:60]!r} is no address that can be opened. {_ADVICE}"
    if scheme or text.lower().startswith(_RUNS):
        return f"Only http:// and https:// are linked to, not {text.partition(':')[0][:20]}:. {_ADVICE}"
    return ""


def address_of(text: str) -> str:
    """The text where it is an address that a page may link to; empty for words. No password may stand in it."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and not parts.username and parts.port != 0
    except ValueError:
        good = False
    return text if good and " " not in text else ""


def validate_runbook(text: str) -> None:
    """For fields of models and forms. Raises ValidationError."""
    if told := flaw(text.strip()):
        raise ValidationError(told, code="runbook")
