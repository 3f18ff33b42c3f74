"""What people type to find units: `stage:canary team:me mismatch:>0.1% is:stale users`. Pure: text in, wishes out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from dashboards import words
from migrator.core.stages import RUNGS, Stage
from migrator.inventory.models import Kind

_WORD: Final = re.compile(r'(?<!\S)([a-z]+):("[^"]*"|\S*)')
_LIMIT: Final = re.compile(r"([<>])\s*([0-9][0-9.,]*)\s*%?")
KNOWN: Final = ("stage", "service", "team", "kind", "risk", "mismatch", "irreversible", "runbook", "is")
TRAITS: Final = {
    "stale": gettext_noop("in motion and not seen for a week"),
    "contested": gettext_noop("claimed by two services"),
    "serving": gettext_noop("answered by the candidate, wholly or in part"),
    "write": gettext_noop("a write"),
    "unowned": gettext_noop("without a team"),
}
"""What may stand after `is:`, and what it means."""
ANSWERS: Final = {"irreversible": ("yes", "no"), "runbook": ("none", "any")}
"""Words that are answered with one of two others: `irreversible:yes`, `runbook:none`."""
SELECTS: Final = ("stage", "service", "team", "kind")
"""Words that have a control of their own beside the bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`mismatch:>0.1%`: units that differ more often than that, or less. A fraction."""

    above: bool
    rate: float

    @property
    def text(self) -> str:
        return f"{'>' if self.above else '<'}{self.rate * 100:g}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for. `values` are by word; `problems` say what was not understood, and what is known."""

    search: str
    values: Mapping[str, str]
    mismatch: Limit | None
    traits: tuple[str, ...]
    problems: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    """What was not understood, as it was typed: it stays in the bar to be corrected."""

    @property
    def is_empty(self) -> bool:
        return not (self.search or self.values or self.mismatch or self.traits)

    @property
    def bar(self) -> str:
        """The text that says the same, without the words that have a control of their own."""
        parts = [f"{word}:{_quoted(value)}" for word, value in self.values.items() if word not in SELECTS]
        parts += [f"mismatch:{self.mismatch.text}"] if self.mismatch else []
        parts += [f"is:{trait}" for trait in self.traits]
        return " ".join([*parts, *self.unknown, self.search]).strip()


def ask(*, text: str, controls: Mapping[str, str]) -> Asked:
    """The bar's text and the controls beside it as one question. What is typed in the bar wins."""
    read = _Reading(values={name: value for name, value in controls.items() if value})
    for word, raw in _WORD.findall(text):
        if value := raw.strip('"'):  # else it is still being typed
            read.take(word, value, raw)
        elif word not in KNOWN:
            read.refuse(
                word, raw, _("“{word}:” is no word of this search. Known: {known}.").format(word=word, known=_listed())
            )
    return Asked(
        search=" ".join(_WORD.sub(" ", text).split()),
        values={word: value for word, value in read.values.items() if value},
        mismatch=read.mismatch,
        traits=tuple(dict.fromkeys(read.traits)),
        problems=tuple(read.problems),
        unknown=tuple(read.unknown),
    )


def _listed() -> str:
    return ", ".join(f"{each}:" for each in KNOWN)


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What was understood so far."""

    values: dict[str, str]
    mismatch: Limit | None = None
    traits: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def take(self, word: str, value: str, raw: str) -> None:
        if word not in KNOWN:
            self.refuse(
                word, raw, _("“{word}:” is no word of this search. Known: {known}.").format(word=word, known=_listed())
            )
        elif word == "mismatch":
            self.mismatch = limit = _limit(value)
            if limit is None:
                self.refuse(word, raw, _("“{value}” is no limit. Write it like mismatch:>0.1%.").format(value=value))
        elif word == "is" and value in TRAITS:
            self.traits.append(value)
        elif word == "is":
            self.refuse(
                word, raw, _("“is:{value}” is not known. Known: {known}.").format(value=value, known=", ".join(TRAITS))
            )
        elif problem := _problem(word, value):
            self.refuse(word, raw, problem)
        else:
            self.values[word] = _stage(value) if word == "stage" else value

    def refuse(self, word: str, raw: str, problem: str) -> None:
        self.problems.append(problem)
        self.unknown.append(f"{word}:{raw}")


def _stage(value: str) -> str:
    """The stage as the database knows it; empty where there is none such."""
    plain = value.lower().replace("-", "_")
    return next((s.value for s in Stage if plain in (s.value, RUNGS[s].label.lower().replace(" ", "_"))), "")


def _problem(word: str, value: str) -> str:
    if word == "stage" and not _stage(value):
        return _("“{value}” is no stage. Stages: {known}.").format(value=value, known=", ".join(Stage))
    if value not in ANSWERS.get(word, (value,)):
        return _("“{word}:{value}” is not known. Known: {known}.").format(
            word=word, value=value, known=", ".join(ANSWERS[word])
        )
    if word == "kind" and value not in Kind.values:
        return _("“{value}” is no kind: endpoint or field.").format(value=value)
    return ""


def _limit(text: str) -> Limit | None:
    match = _LIMIT.fullmatch(text)
    if match is None:
        return None
    try:
        share = words.read_percent(match[2]) / 10_000
    except words.NotAPercentage:
        return _finer(match)
    return Limit(above=match[1] == ">", rate=share)


def _finer(match: re.Match[str]) -> Limit | None:
    """Rates go below the hundredth of a percent that shares stop at."""
    try:
        rate = float(match[2].replace(",", ".")) / 100
    except ValueError:
        return None
    return Limit(above=match[1] == ">", rate=rate) if 0 <= rate <= 1 else None


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value
