"""Pages in a language that is made of marks: whatever people read is either marked, or data."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import password_validators_help_texts
from django.db.models import Model
from django.test import Client
from django.utils.translation import override
from pytest_django import Settings

from migrator.access.models import Scope
from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from tests.dashboards.conftest import observe
from tests.messages import CLOSED, OPENED, write_marked

AddUnit = Callable[..., Unit]
LANGUAGE: Final = "de"
"""A language that writes numbers otherwise than English: 1.204 and 4,9 %."""
ADDRESSES: Final = (
    "/", "/account", "/oncall", "/p/shop/", "/p/shop/inventory", "/p/shop/inventory?search=is:nothing+users",
    "/p/shop/units/{unit}", "/p/shop/units/{unit}?stage=canary&candidate_percent=10", "/p/shop/units/{unit}/policy",
    "/p/shop/units/{unit}/settings",
    "/p/shop/units/{unit}/rollback", "/p/shop/rollback", "/p/shop/oncall", "/p/shop/data-planes", "/p/shop/ledger",
    "/p/shop/ledger/check", "/p/shop/mismatches", "/p/shop/rules?kind=tolerance", "/p/shop/ramps", "/p/shop/ramps/new",
    "/p/shop/policies", "/p/shop/approvals", "/p/shop/freezes", "/p/shop/removal", "/p/shop/burndown", "/p/shop/plan",
    "/p/shop/notifications", "/p/shop/notifications/channels/new/webhook", "/p/shop/notifications/hooks/new",
    "/p/shop/settings", "/p/shop/settings/project", "/p/shop/settings/services?service=new",
    "/p/shop/settings/requests", "/p/shop/settings/tokens", "/p/shop/settings/sharing", "/p/shop/welcome", "/nowhere",
)  # fmt: skip
NAMES: Final = ("Migrator", "API", "CSV", "NDJSON", "JSON", "PNG", "UTC", "shop", "users", "owner")
SAMPLES: Final = (
    "/users, firstName", "mon-fri", "Europe/Berlin", "30m", "$.items[*].price, status, header:etag, body:line",
    "https://hooks.example.com/migrator", "https://code.example/web", "off", "none",
)  # fmt: skip
"""What is typed, and how."""
DOMAIN: Final = ("No unit climbs by itself.", "No forecast: nothing was finished yet.")
"""Sentences of the rooms below that pages are handed as they are."""
SENTENCES: Final = ("sentence", "headline", "words", "picture", "eta_sentence", "because")
"""What objects of the rooms below are asked to say of themselves."""
DEEPEST: Final = 6
_LETTERS: Final = re.compile(r"[^\W\d_]{2,}")


@pytest.fixture(scope="module")
def catalogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("locale")
    write_marked(folder, LANGUAGE)
    return folder


@pytest.fixture
def marked(settings: Settings, catalogues: Path) -> str:
    """A language in which every text of the interface stands in brackets."""
    settings.LOCALE_PATHS = [catalogues]
    settings.LANGUAGES = [("en", "English"), (LANGUAGE, "Deutsch")]
    return LANGUAGE


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    unit = add_unit("GET /users/{id}", Stage.CANARY, 500)
    add_unit("GET /users/{id} $.name", Stage.SIDE_BY_SIDE)
    observe(unit, match=9_000, mismatch=90)
    return unit


def test_pages__in_another_language__have_no_text_left_behind(
    marked: str, unit: Unit, owner: User, client: Client
) -> None:
    client.force_login(owner)
    left = {address: rest for address in ADDRESSES if (rest := _left(client, address.format(unit=unit.pk)))}

    assert left == {}


def test_pages__in_another_language__say_which(marked: str, owner: User, client: Client) -> None:
    client.force_login(owner)

    assert _seen(client, "/").language == marked
    assert Reader(client.get("/").content.decode()).language == "en"


def test_reader__a_text_without_a_mark__is_found() -> None:
    seen = Reader(f'<p title="Bare">{OPENED}Told <b>so {OPENED}far{CLOSED}</b>{CLOSED} and bare</p><pre>as it is</pre>')

    assert [text for text in seen.texts if text] == ["Bare", "and bare"]


def _left(client: Client, address: str) -> set[str]:
    """What one page says that is neither marked nor data."""
    answer = client.get(address, headers={"accept-language": LANGUAGE})
    assert answer.status_code in (200, 404), address
    with override(LANGUAGE):  # Django translates its own demands itself
        own = password_validators_help_texts()
    known = re.compile("|".join(map(re.escape, [*data_of(answer.context), *own])), re.IGNORECASE)
    rest = {known.sub(" ", text).strip() for text in Reader(answer.content.decode()).texts}
    return {text for text in rest if _LETTERS.search(text)}


def _seen(client: Client, address: str) -> "Reader":
    return Reader(client.get(address, headers={"accept-language": LANGUAGE}).content.decode())


class Reader(HTMLParser):
    """What people read or hear of a page: texts, and the attributes that say something."""

    SPOKEN: Final = ("aria-label", "title", "placeholder", "alt", "data-label", "data-told")
    SILENT: Final = ("script", "style", "pre", "code", "kbd")
    """Nobody reads them, or everybody copies them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.language = ""
        self._silent = self._depth = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "html":
            self.language = found.get("lang") or ""
        self._silent += tag in self.SILENT
        self.texts += [self._unmarked(found[name] or "") for name in self.SPOKEN if name in found]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in self.SILENT

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(self._unmarked(data))

    def _unmarked(self, data: str) -> str:
        """What stands outside all marks. A mark may hold marks, data and elements."""
        bare = ""
        for letter in data:
            self._depth += letter == OPENED
            bare += "" if self._depth else letter
            self._depth -= letter == CLOSED
        return " ".join(bare.split())


def data_of(context: Any) -> list[str]:
    """What stands in the database, and what the rooms below say in English to REST, commands and pages alike."""
    found = {*NAMES, *SAMPLES, *DOMAIN, *Scope.values}
    for layer in context or ():
        for value in layer.flatten().values():
            found |= set(_said(value, 0, is_domain=False))
    return sorted((each for each in found if _LETTERS.search(each)), key=len, reverse=True)


def _said(value: Any, depth: int, *, is_domain: bool) -> Iterator[str]:
    """Texts in objects of the rooms below. Objects of the pages are looked through, and their texts are not data."""
    if depth > DEEPEST:
        return
    if isinstance(value, str):
        if is_domain:
            yield " ".join(str(value).split())
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _said(each, depth + 1, is_domain=is_domain)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _said(each, depth + 1, is_domain=is_domain)
    elif is_dataclass(value) or isinstance(value, Model):
        below = type(value).__module__.startswith("migrator.")
        for each in _parts(value):
            yield from _said(each, depth + 1, is_domain=below)


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, Model):
        yield from (each for name, each in vars(value).items() if not name.startswith("_"))
        yield from value._state.fields_cache.values()
        return
    yield from (getattr(value, field.name) for field in fields(value))
    if type(value).__module__.startswith("migrator."):
        yield from (getattr(value, name) for name in SENTENCES if hasattr(value, name))
