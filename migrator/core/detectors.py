"""Secrets and personal data, recognised by how they look.

Second to what a project allows: a value that may be shown is not shown where it holds an e-mail address, a token,
the number of a card, an account or a phone. To take a harmless value for a secret costs a look at it, the other
error costs a secret; so in doubt it is one.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

SCANNED: Final = 8_192
"""Characters of a text that are looked at. Nobody shows more of one."""
_DECODINGS: Final = 3

# Repetitions are bounded, so that no text makes a search slow.
_MAIL: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.\w{2,24}")
_JWT: Final = re.compile(r"eyJ[\w-]{6,}\.[\w-]{6,}")
_SCHEME: Final = re.compile(r"\b(?:bearer|basic|digest|negotiate|token)[ :]{1,4}[\w.~+/=-]{8,}", re.IGNORECASE)
_ASSIGNED: Final = re.compile(
    r"(?:api[_-]?key|secret|passw(?:or)?d|pwd|token|session(?:_?id)?|authorization|credentials?)"
    r"[\"'\\]{0,3}\s{0,4}[:=]\s{0,4}[\"'\\]{0,3}[^\s\"'\\&;,]{4,}",
    re.IGNORECASE,
)
_PREFIXED: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk|ak|api|key|whsec|tok)[_-](?:(?:live|test|prod|proj|ant)[\w]{0,8}[_-])?(?=[A-Za-z]*\d)[A-Za-z0-9]{10,}"
    r"|(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{8,}"
    r"|gh[opusr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{12,}|xox[abeoprs]-[\w-]{8,}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{12,}|AIza[\w-]{20,}|ya29\.[\w-]{8,}|SG\.[\w-]{8,}\.[\w-]{8,}"
    r"|hf_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{16,}|pypi-[\w-]{16,}|shp(?:at|ss)_[A-Za-z0-9]{16,}|dop_v1_\w{16,}"
    r")"
)
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY")
_OPAQUE: Final = re.compile(r"[A-Za-z0-9+/_-]{32,}")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CARD: Final = re.compile(
    r"(?<![\d.])[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?!\d)|(?<![\d.])3\d{3}[ -]?\d{6}[ -]?\d{4,5}(?!\d)"
)
_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_PHONE: Final = re.compile(
    r"(?<![\w+])(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\d)"  # +49 (170) 123-45 67
    r"|(?<![\w.])\(0?\d{2,5}\)[ /.-]{0,2}\d{3,4}[ .-]?\d{3,5}(?!\d)"  # (555) 123-4567
    r"|(?<![\w.-])\d{3}[ .-]\d{3}[ .-]\d{4}(?![\w-])"  # 555-123-4567
    r"|(?<![\w.-])0[1-9]\d{0,4}[ /-]\d{3,4}(?:[ -]?\d{2,4}){1,3}(?![\w-])"  # 0171 123 45 67
    r"|(?<![\w.-])0[1-9]\d{8,10}(?![\w.])"  # 01711234567
)
_LOWER: Final = re.compile(r"[a-z]")
_UPPER: Final = re.compile(r"[A-Z]")
_DIGIT: Final = re.compile(r"\d")


def detects(text: str) -> bool:
    """Whether the first SCANNED characters hold a secret or personal data, also where they are percent-encoded."""
    return any(map(_detects_plain, _decoded(text) if "%" in text else (text,)))


def _detects_plain(text: str) -> bool:
    return any(finds(text) for finds in DETECTORS)


def _decoded(text: str) -> list[str]:
    """The text, and what it stands for once, twice, three times decoded."""
    texts = [text[: 3 * SCANNED]]
    for _ in range(_DECODINGS):
        texts.append(unquote(texts[-1].replace("+", " ")))
        if texts[-1] == texts[-2]:
            break
    return [*texts, unquote(texts[0])]


def has_mail(text: str) -> bool:
    """An e-mail address."""
    return "@" in text and _MAIL.search(text, 0, SCANNED) is not None


def has_token(text: str) -> bool:
    """What opens doors: a bearer token, a JWT, an API key, a password that is called so, a private key."""
    return any(pattern.search(text, 0, SCANNED) for pattern in (_JWT, _SCHEME, _ASSIGNED, _PREFIXED, _PRIVATE_KEY))


def has_opaque(text: str) -> bool:
    """A long run of letters and digits that no one would say aloud, and that is no UUID."""
    if len(text) < 32:
        return False
    return any(_is_opaque(match[0]) for match in _OPAQUE.finditer(_UUID.sub("", text[:SCANNED])))


def has_card(text: str) -> bool:
    """The number of a payment card, with or without blanks, its check digit right."""
    return any(_passes_luhn(match[0]) for match in _CARD.finditer(text, 0, SCANNED))


def has_account(text: str) -> bool:
    """An IBAN, its check digits right."""
    return any(_passes_mod_97(match[0]) for match in _IBAN.finditer(text, 0, SCANNED))


def has_phone(text: str) -> bool:
    """A phone number, written internationally or with the marks people put into one."""
    return _PHONE.search(text, 0, SCANNED) is not None


DETECTORS: Final[tuple[Callable[[str], bool], ...]] = (
    has_mail,
    has_token,
    has_opaque,
    has_card,
    has_account,
    has_phone,
)


@lru_cache(maxsize=8_192)
def names_secret(name: str) -> bool:
    """`detects` for what is asked again and again: names of members, segments of paths."""
    return detects(name)


def _is_opaque(run: str) -> bool:
    digits = len(_DIGIT.findall(run))
    return digits >= 8 or (digits >= 3 and bool(_LOWER.search(run)) and bool(_UPPER.search(run)))


def _passes_luhn(number: str) -> bool:
    digits = [int(each) for each in reversed(number) if each.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = (sum(divmod(2 * each, 10)) for each in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _passes_mod_97(account: str) -> bool:
    """An account may be followed by words that look like part of it: each length is tried."""
    plain = re.sub(r"[ -]", "", account).upper()
    return any(_remainder(plain[:length]) == 1 for length in range(15, min(len(plain), 34) + 1))


def _remainder(account: str) -> int:
    turned = account[4:] + account[:4]
    return int("".join(str(int(each, 36)) for each in turned)) % 97
