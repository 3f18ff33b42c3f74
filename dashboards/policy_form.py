"""The form of a policy, as it stands or as somebody typed it. What is left empty is inherited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from dashboards.policy_settings import GROUPS, SETTINGS, Setting
from migrator.core.policy import Flaw, Policy, Severity
from migrator.gates.settings import FIELD, checked_setting
from migrator.inventory.services import Invalid

LONGEST: Final = 4_000
FLAWS: Final = {
    Severity.NEVER_PASSES: gettext_noop("Can never pass:"),
    Severity.ALWAYS_PASSES: gettext_noop("Always passes:"),
    Severity.ODD: gettext_noop("Is it meant so?"),
}


@dataclass(slots=True, kw_only=True)
class Control:
    """One setting on a page: what it holds, what it inherits, and what is wrong with it."""

    setting: Setting
    text: str
    inherited: str
    error: str = ""
    flaws: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return control_id(self.setting.name)


def control_id(name: str) -> str:
    """What an address names to lead to a setting's control."""
    return f"id_{name}"


@dataclass(slots=True, kw_only=True)
class PolicyForm:
    """A layer as somebody types it. `settings` are what it sets; `errors` are by setting."""

    typed: Mapping[str, str]
    inherited: Policy
    settings: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    flaws: Sequence[Flaw] = ()
    overtaken: bool = False
    """Somebody else was quicker. Said once: saving again applies what is typed on top of theirs."""

    @property
    def groups(self) -> list[tuple[str, list[Control]]]:
        return [(str(title), [self._control(setting) for setting in settings]) for title, settings in GROUPS]

    def refuse(self, invalid: Invalid) -> str:
        """Put a refusal beside its control. Returns it where it belongs to none."""
        name = invalid.field.removeprefix(f"{FIELD}.")
        if name not in SETTINGS:
            return invalid.message
        self.errors[name] = invalid.message
        return ""

    def _control(self, setting: Setting) -> Control:
        found = [flaw for flaw in self.flaws if flaw.field == setting.name]
        return Control(
            setting=setting,
            text=self.typed.get(setting.name, ""),
            inherited=setting.form.show(getattr(self.inherited, setting.name)),
            error=self.errors.get(setting.name, ""),
            flaws=tuple(flaw_words(flaw) for flaw in found),
        )


def stored_form(*, settings: Mapping[str, Any], inherited: Policy, flaws: Sequence[Flaw]) -> PolicyForm:
    """The form of a layer as it stands."""
    policy = msgspec.convert(dict(settings), Policy)
    typed = {name: SETTINGS[name].form.show(getattr(policy, name)) for name in settings if name in SETTINGS}
    return PolicyForm(typed=typed, inherited=inherited, settings=dict(settings), flaws=flaws)


def typed_form(*, data: Mapping[str, Any], inherited: Policy) -> PolicyForm:
    """The form as it was posted, each setting read and checked."""
    typed = {name: str(data.get(name, "")).replace("\0", "").strip()[:LONGEST] for name in SETTINGS}
    form = PolicyForm(typed=typed, inherited=inherited)
    for name, text in typed.items():
        if not text:
            continue
        try:
            form.settings[name] = checked_setting(name, SETTINGS[name].form.read(text))
        except Invalid as invalid:
            form.errors[name] = invalid.message.removeprefix(f"{name}: ")
        except (ValueError, OverflowError) as wrong:
            form.errors[name] = str(wrong)
    return form


def flaw_words(flaw: Flaw) -> str:
    return f"{_(FLAWS[flaw.severity])} {flaw.sentence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a list says of a layer that holds everything, or nothing, and where that is changed."""

    label: str
    sentence: str
    control_id: str
    names_no_header: bool
    """Whether naming a header for the project would do as well."""


def marks(flaws: Sequence[Flaw]) -> list[Mark]:
    """Of flaws, those that make a layer useless: it can never pass, or everything passes."""
    return [
        Mark(
            label=str(SETTINGS[flaw.field].label),
            sentence=flaw_words(flaw),
            control_id=control_id(flaw.field),
            names_no_header=flaw.field in ("callers", "cost_ratio"),
        )
        for flaw in flaws
        if flaw.severity is not Severity.ODD
    ]


def labelled(flaws: Sequence[Flaw]) -> list[tuple[str, str]]:
    """Flaws with the names of their settings, for the top of a page."""
    return [(str(SETTINGS[flaw.field].label), flaw_words(flaw)) for flaw in flaws]
