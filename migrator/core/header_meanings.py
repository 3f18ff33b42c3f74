"""What headers mean, so that two ways of saying one thing are no difference, and a difference names its part.

A header with a meaning of its own is read into parts: cookies by name with their attributes, directives,
members of a set, links by relation. Parts are compared one by one: `header:set-cookie[session]@secure`,
`header:cache-control[max-age]`, `header:allow[DELETE]`, `header:etag@weak`. Names that look like data are
left open: `header:set-cookie[*]`. All other headers are compared to the letter, in their order.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from migrator.core.formats.media import LONGEST, media_type
from migrator.core.instants import instant
from migrator.core.paths import is_data
from migrator.core.walk import ABSENT

CLOCK_SECONDS: Final = 60
"""How far two times that are counted from now may lie apart: the two calls are not one, nor are the clocks."""
SELF: Final = "{self}"
"""Stands for an authority under which a side itself was called."""


class Part(NamedTuple):
    """One part of a header: a member of it, an attribute of that, or the header itself where both are empty."""

    member: str = ""
    attribute: str = ""
    nth: int = 0
    """Members of one name are told apart by their order."""

    def written(self) -> str:
        member = f"[{_opened(self.member)}]" if self.member else ""
        return member + (f"@{_opened(self.attribute)}" if self.attribute else "")


Parts = dict[Part, str]
Found = tuple[str, Any, Any]
"""The written part, the control's value, the candidate's; ABSENT where a side has no such part."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """How the values of a header are read, and when two values of one part are the same."""

    read: Callable[[Sequence[str], Collection[str]], Parts]
    same: Callable[[Part, str, str], bool] = lambda part, left, right: left == right
    always_by_part: bool = False
    """Parts are named also where one side has no such header at all."""


def header_differences(
    *,
    name: str,
    control: Sequence[str],
    candidate: Sequence[str],
    control_hosts: Collection[str] = (),
    candidate_hosts: Collection[str] = (),
) -> Iterator[Found]:
    """In which parts the values of a header (lower-case name) differ. Never raises.

    `…_hosts` are the lower-case authorities under which each side was called: links to them stay at home.
    """
    if list(control) == list(candidate) and set(control_hosts) == set(candidate_hosts):
        return
    meaning = MEANINGS.get(name)
    if meaning is None or not (meaning.always_by_part or (control and candidate)):
        one, other = ", ".join(control), ", ".join(candidate)
        if list(control) != list(candidate):
            yield "", one if control else ABSENT, other if candidate else ABSENT
        return
    yield from _between(meaning, meaning.read(control, control_hosts), meaning.read(candidate, candidate_hosts))


def _between(meaning: Meaning, left: Parts, right: Parts) -> Iterator[Found]:
    for part in dict.fromkeys((*left, *right)):
        whole = part._replace(attribute="")
        if part.attribute and (whole in left) != (whole in right):
            continue  # an attribute of what only one side has
        one, other = left.get(part), right.get(part)
        if one is None or other is None:
            yield part.written(), ABSENT if one is None else one, ABSENT if other is None else other
        elif not meaning.same(part, one, other):
            yield part.written(), one, other


# ------------------------------------------------------------------------------ how values are read

_ITEM = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+', re.DOTALL)
_PLAIN = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]{1,64}")
_LINK = re.compile(r"<([^>]*)>(.*)", re.DOTALL)
_LINKS = re.compile(r",(?=[ \t]*<)")
_ABSOLUTE = re.compile(r"([A-Za-z][0-9A-Za-z+.-]*:)?//([^/?#]*)([^#]*.*)", re.DOTALL)
_TAG = re.compile(r'(W/)?("[^"]*")')


def _opened(name: str) -> str:
    return name if _PLAIN.fullmatch(name) and not is_data(name) else "*"


def _items(values: Sequence[str]) -> list[str]:
    """The members of a list, whether they came in one line or in several."""
    return [item.strip() for value in values for item in _ITEM.findall(value) if item.strip()]


def _set(values: Sequence[str], hosts: Collection[str]) -> Parts:
    return {Part(item.lower()): item.lower() for item in _items(values)}


def _methods(values: Sequence[str], hosts: Collection[str]) -> Parts:
    return {Part(item.upper()): item.upper() for item in _items(values)}


def _directives(values: Sequence[str], hosts: Collection[str]) -> Parts:
    pairs = [item.partition("=") for item in _items(values)]
    return {Part(name.strip().lower()): value.strip().strip('"') for name, _, value in pairs}


def _type(values: Sequence[str], hosts: Collection[str]) -> Parts:
    """JSON is UTF-8 whether that is said or not. The boundary of parts is another one in every answer."""
    media = media_type(", ".join(values))
    parts = {Part(): media.name}
    for name, value in media.parameters.items():
        value = value.lower() if name == "charset" else value
        if name != "boundary" and not (name == "charset" and value in ("utf-8", "utf8") and media.is_json):
            parts[Part(attribute=name)] = value
    return parts


def _whole(values: Sequence[str], hosts: Collection[str]) -> Parts:
    return {Part(): ", ".join(values)}


def _entity_tag(values: Sequence[str], hosts: Collection[str]) -> Parts:
    match = _TAG.fullmatch(", ".join(values))
    if match is None:
        return _whole(values, hosts)
    return {Part(): match[2], **({Part(attribute="weak"): "weak"} if match[1] else {})}


def _address(values: Sequence[str], hosts: Collection[str]) -> Parts:
    return {Part(): at_home(", ".join(values), hosts)}


def at_home(address: str, hosts: Collection[str]) -> str:
    """The address with SELF for the authority where that is one of `hosts`."""
    match = _ABSOLUTE.fullmatch(address)
    if match is None or match[2].lower() not in hosts:
        return address
    return f"{(match[1] or '').lower()}//{SELF}{match[3]}"


def _links(values: Sequence[str], hosts: Collection[str]) -> Parts:
    parts: Parts = {}
    seen: Counter[str] = Counter()
    for link in _LINKS.split(", ".join(values)[:LONGEST]):
        match = _LINK.fullmatch(link.strip())
        if match is None:
            return {Part(): ", ".join(values)}
        parameters = dict(media_type(match[2]).parameters)
        part = _nth(seen, parameters.pop("rel", "").lower() or "link")
        parts[part] = at_home(match[1].strip(), hosts)
        parts.update((part._replace(attribute=name), value) for name, value in parameters.items())
    return parts


def _cookies(values: Sequence[str], hosts: Collection[str]) -> Parts:
    parts: Parts = {}
    seen: Counter[str] = Counter()
    for value in values:
        pair, *attributes = value.split(";")
        name, equals, content = pair.partition("=")
        part = _nth(seen, name.strip() if equals else "")
        parts[part] = content.strip() if equals else pair.strip()
        for attribute in attributes:
            name, _, content = attribute.partition("=")
            if name.strip():
                parts[part._replace(attribute=name.strip().lower())] = content.strip()
    return parts


def _nth(seen: Counter[str], member: str) -> Part:
    """A name for one more member: names come again, cookies of different paths among them."""
    seen[member] += 1
    return Part(member, nth=seen[member] - 1)


# ------------------------------------------------------------------------------ what is the same


def _same_instant(part: Part, left: str, right: str) -> bool:
    return left == right or _apart(left, right) == 0


def _same_hour(part: Part, left: str, right: str) -> bool:
    """Times that are counted from now."""
    apart = _apart(left, right)
    return left == right or (apart is not None and apart <= CLOCK_SECONDS)


def _apart(left: str, right: str) -> Decimal | None:
    """How many seconds lie between two times, None where one of them is none."""
    one, other = instant(left), instant(right)
    if one is None or other is None or isinstance(one, datetime) or isinstance(other, datetime):
        return None
    return abs(one - other)


def _same_cookie(part: Part, left: str, right: str) -> bool:
    if part.attribute == "expires":
        return _same_hour(part, left, right)
    if part.attribute == "max-age":
        return left == right or _same_age(left, right)
    if part.attribute == "domain":
        return left.lower().lstrip(".") == right.lower().lstrip(".")
    return left.lower() == right.lower() if part.attribute == "samesite" else left == right


def _same_age(left: str, right: str) -> bool:
    """Seconds from now. What lives on and what is to be forgotten at once are never the same."""
    if not (_is_age(left) and _is_age(right)):
        return False
    one, other = int(left), int(right)
    return (one > 0) is (other > 0) and (one <= 0 or abs(one - other) <= CLOCK_SECONDS)


def _is_age(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]{1,15}", text) is not None


def _same_address(part: Part, left: str, right: str) -> bool:
    """Addresses at home may leave out scheme and authority."""
    return left == right or (not part.attribute and (_relative(left, right) or _relative(right, left)))


def _relative(short: str, long: str) -> bool:
    _, here, path = long.partition(f"//{SELF}")
    return bool(here) and (path or "/") == short


MEANINGS: Final[Mapping[str, Meaning]] = {
    "content-type": Meaning(_type),
    "set-cookie": Meaning(_cookies, _same_cookie, always_by_part=True),
    "date": Meaning(_whole, _same_hour),
    "expires": Meaning(_whole, _same_hour),
    "last-modified": Meaning(_whole, _same_instant),
    "cache-control": Meaning(_directives),
    "etag": Meaning(_entity_tag),
    "location": Meaning(_address, _same_address),
    "content-location": Meaning(_address, _same_address),
    "link": Meaning(_links, _same_address),
    "allow": Meaning(_methods),
    "access-control-allow-methods": Meaning(_methods),
    **dict.fromkeys(
        (
            "vary",
            "connection",
            "accept-ranges",
            "content-language",
            "access-control-allow-headers",
            "access-control-expose-headers",
        ),
        Meaning(_set),
    ),
}
