"""Every text of the interface can be translated. docs/translation.md says how."""

import ast
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from string import Formatter
from typing import Final

import pytest

from dashboards import vocabulary
from migrator.access.models import ApprovalState, Role
from migrator.access.rights import Right, Via
from migrator.core.gate import GATES
from migrator.core.stages import LADDER
from migrator.inventory.models import Kind as UnitKind
from migrator.ledger.models import Kind as LinkKind
from migrator.observations.models import GroupStatus, SettledAs
from migrator.removal.proof import WAITS
from migrator.rollout.models import RampState
from migrator.telling.models import Digest, Event, Fallback, HookAction, Severity
from tests.messages import DASHBOARDS, TEMPLATES, modules, templates, texts

_TAG: Final = r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}"
_TOKEN: Final = re.compile(
    r"(?P<told>\{%\s*blocktranslate\b.*?\{%\s*endblocktranslate\s*%\}|\{% block page_class %\}.*?\{% endblock %\})"
    rf"|(?P<tag>{_TAG})"
    rf"|(?P<html><!--.*?-->|<[/a-zA-Z!](?:{_TAG}|\"(?:{_TAG}|[^\"])*\"|'(?:{_TAG}|[^'])*'|[^>\"'])*>)",
    re.DOTALL,
)
_ATTRIBUTE: Final = re.compile(rf'\b(?:aria-label|title|placeholder|alt|data-label|data-told)="((?:{_TAG}|[^"])*)"')
_ARGUMENT: Final = re.compile(
    r'(?:\|(?:default|default_if_none|yesno|day_or):|\b(?:title|text|act|label|placeholder|below)=)"([^"]*)"'
)
_LETTERS: Final = re.compile(r"[^\W\d_]{2,}")
_NAMES: Final = re.compile(r"\b(?:Migrator|API|CSV|NDJSON|PNG|JSON|ISO|&\w+;)")
"""What is called the same in every language."""
_VERBATIM: Final = ("pre", "code", "kbd", "script", "style")
"""What people copy, type or press."""
SAMPLES: Final = {
    "GET /users/{id}", "/users, firstName", "$.items[*].price, status, header:etag, body:line", "30m", "mon-fri",
    "Europe/Berlin", "https://code.example/web",
}  # fmt: skip
"""Placeholders that show how something is typed."""
SCRIPTS: Final = DASHBOARDS / "static" / "dashboards"
EVENTS: Final = ("Enter", "Escape", "Shift", "Tab")
"""Keys as browsers call them."""


# ---------------------------------------------------------------------------------- templates


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.name)
def test_template__its_texts__can_be_translated(path: Path) -> None:
    assert list(_bare(path.read_text())) == []


@pytest.mark.parametrize(
    "source", ["<p>Bare</p>", '<a title="Bare {{ one }}">', '{{ x|default:"Bare one" }}', "{{ n|pluralize }}"]
)
def test_template__a_bare_text__is_found(source: str) -> None:
    assert list(_bare(source))


def _bare(source: str) -> Iterator[str]:
    """Texts for people that stand outside `translate` and `blocktranslate`, and plurals that only English has."""
    verbatim, at = 0, 0
    for match in chain(_TOKEN.finditer(source), [None]):
        between = source[at : match.start() if match else len(source)]
        if not verbatim and _is_told(between):
            yield between.strip()
        if match is None:
            break
        at = match.end()
        if match["tag"]:
            yield from _bare_arguments(match["tag"])
        elif match["html"]:
            yield from _bare_attributes(match["html"])
            verbatim += _depth(match["html"])


def _depth(tag: str) -> int:
    name = re.match(r"</?([a-z0-9]+)", tag)
    if name is None or name[1] not in _VERBATIM:
        return 0
    return -1 if tag.startswith("</") else 1


def _bare_arguments(tag: str) -> Iterator[str]:
    if "|pluralize" in tag or re.match(r'\{% icon "\w+" "', tag):
        yield tag
    yield from (said for said in _ARGUMENT.findall(tag) if _is_told(said))


def _bare_attributes(tag: str) -> Iterator[str]:
    yield from chain.from_iterable(_bare_arguments(each) for each in re.findall(_TAG, tag))
    for value in _ATTRIBUTE.findall(tag):
        rest = re.sub(r"\{%\s*blocktranslate\b.*?\{%\s*endblocktranslate\s*%\}", "", value, flags=re.DOTALL)
        if _is_told(re.sub(_TAG, "", rest)):
            yield value


def _is_told(text: str) -> bool:
    return text not in SAMPLES and _LETTERS.search(_NAMES.sub("", text)) is not None


# ------------------------------------------------------------------------------------- Python

_SENTENCE: Final = re.compile(r"[^\W\d_]{2,}[,;:]? [^\W\d_]{2,}|\{\} [a-z]{2,}|[a-z]{2,} \{\}|^[A-Z][a-z]+[.…]")
"""What reads like a sentence, or a part of one: two words, or a word beside a value."""
_SAYERS: Final = {"spoken", "_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "pgettext"}
_MUTE: Final = {
    "alone.py": {"@layer"},
    "course.py": {"on course", "at risk"},
    "door.py": {"set up", "Not applied: "},
    "exports.py": {"attachment;"},
    "fans.py": {"top "},
    "figures.py": {"system-ui"},
    "finders.py": {"plotly is not installed"},
    # The database keeps these: whoever reads the ledger years later reads what was written.
    "freezes.py": {"After a rollback: look at it by day."},
    "home.py": {"text/plain;"},
    "home_blocks.py": {"at risk"},
    "inventory.py": {"Shift x"},
    "ledger.py": {"attachment;"},
    "notice_forms.py": {"input code"},
    "plan_figures.py": {"top "},
    "removal.py": {"- {} {}:{} at {}"},
    "settings_forms.py": {"input code"},
    "settling.py": {"Explains cause {}."},
    "share.py": {"noindex", "private,", "on course", "at risk"},
    "welcome.py": {"the file"},
}
"""What programs read, the database keeps, or vocabulary says: prefixes, by module."""


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(DASHBOARDS)))
def test_module__its_sentences__can_be_translated(path: Path) -> None:
    mute = tuple(_MUTE.get(path.name, ()))
    assert [said for said in _unsaid(ast.parse(path.read_text())) if not said.startswith(mute or ("\0",))] == []


def test_module__a_bare_sentence__is_found() -> None:
    assert list(_unsaid(ast.parse('x = f"{who} may not go."'))) == ["{} may not go."]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(DASHBOARDS)))
def test_module__its_messages__stand_outside_f_strings(path: Path) -> None:
    """`makemessages` does not look into them."""
    inside = [
        ast.unparse(call)
        for joined in ast.walk(ast.parse(path.read_text()))
        if isinstance(joined, ast.JoinedStr)
        for call in ast.walk(joined)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _SAYERS - {"spoken"}
        if call.args and isinstance(call.args[0], ast.Constant)
    ]
    assert inside == []


def _unsaid(node: ast.AST) -> Iterator[str]:
    """Sentences outside the calls that translate; no docstrings, no names of things."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id in _SAYERS:
            continue
        said = _text_of(child)
        if said is None:
            yield from _unsaid(child)
        elif not said.startswith(("<", "{}<")) and _SENTENCE.search(said):
            yield said


def _text_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values)
    return None


# ------------------------------------------------------------------------------- placeholders


def test_messages__with_placeholders__name_them() -> None:
    """A translator may turn the order round, which places alone do not allow."""
    unnamed = [
        form
        for text in texts()
        for form in text.forms
        if re.search(r"(?<!%)%[sdr]\b", form)
        or any(name is not None and not name.isidentifier() for name in _fields(form))
    ]
    assert unnamed == []


def test_messages__in_two_forms__lose_no_placeholder_in_the_second() -> None:
    assert [text for text in texts() if text.plural and _names(text.singular) - _names(text.plural)] == []


def _fields(form: str) -> list[str | None]:
    """Names in braces. Charts have braces of their own, after a percent sign, and templates show code: not ours."""
    try:
        return [name for _, name, _, _ in Formatter().parse(re.sub(r"%\{[^}]*\}|<code>.*?</code>", "", form))]
    except ValueError:
        return []


def _names(form: str) -> set[str]:
    return {name for name in _fields(form) if name} | set(re.findall(r"%\((\w+)\)s", form))


# --------------------------------------------------------------------------------- vocabulary


def test_vocabulary__words_that_the_domain_shows__are_all_listed() -> None:
    listed = {word for name, words in vars(vocabulary).items() if name.isupper() for word in words}
    labels = (
        ApprovalState,
        Digest,
        Event,
        Fallback,
        GroupStatus,
        HookAction,
        LinkKind,
        RampState,
        Role,
        SettledAs,
        Severity,
    )
    shown = {str(label).strip() for choices in labels for label in choices.labels}
    shown |= {*GATES, *WAITS.values()}
    shown |= {str(word) for words in (Right, Via, UnitKind.values) for word in words} | {rung.label for rung in LADDER}

    assert shown - listed == set()


def test_templates__of_this_checkout__are_found() -> None:
    assert len(templates()) > 50 and (TEMPLATES / "base.html") in templates()


# ------------------------------------------------------------------------------------ scripts


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.js")), ids=lambda path: path.name)
def test_script__its_texts__come_from_the_page(path: Path) -> None:
    """A script makes no sentence: it takes it from a `data-` attribute."""
    code = re.sub(r"/\*.*?\*/|^\s*//.*$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    said = re.findall(r"\"([^\"\n]*)\"|`([^`]*)`", code)

    assert [text for text in map("".join, said) if re.match(r"[A-Z][a-z]+( |$)", text) and text not in EVENTS] == []
