"""Every setting of a policy as people meet it: its name, how its value is typed, and how it is shown."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from migrator.core.policy import Automatic, FourEyes

OFF: Final = "off"
NONE: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How values of one kind are typed."""

    read: Callable[[str], Any]
    """Raises ValueError saying how to write it."""
    show: Callable[[Any], str]
    choices: tuple[tuple[str, str | Promise], ...] = ()
    numeric: bool = False


def _decimal(text: str, *, scale: int = 1) -> float:
    plain = text.removesuffix("%").strip().replace(",", ".") if text.count(",") < 2 else text
    try:
        number = Decimal(plain)
    except InvalidOperation:
        raise ValueError(gettext("{typed} is no number.").format(typed=repr(text[:40]))) from None
    if not number.is_finite():
        raise ValueError(gettext("{typed} is no number.").format(typed=repr(text[:40])))
    return float(number / scale)


def _whole(text: str, *, scale: int = 1) -> int:
    number = _decimal(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text) * scale
    if number != int(number):
        raise ValueError(gettext("Write a whole number."))
    return int(number)


_THOUSANDS: Final = re.compile(r"[0-9]{1,3}(,[0-9]{3})+")


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(gettext("Say yes or no."))
    return text == "yes"


def _unless_off(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: None if text.casefold() == OFF else read(text)


def _members(text: str) -> list[str]:
    if text.casefold() == NONE:
        return []
    return [part for part in (each.strip() for each in text.replace("\n", ",").split(",")) if part]


def _number(value: float | None, *, scale: float = 1) -> str:
    return OFF if value is None else f"{value * scale:.10g}"


PERCENT: Final = Form(
    read=lambda text: _decimal(text, scale=100), show=lambda value: _number(value, scale=100), numeric=True
)
COUNT: Final = Form(read=_whole, show=_number, numeric=True)
MINUTES: Final = Form(read=lambda text: _whole(text, scale=60), show=lambda value: _number(value / 60), numeric=True)
NUMBER: Final = Form(read=_decimal, show=_number, numeric=True)
NUMBER_OR_OFF: Final = Form(read=_unless_off(_decimal), show=_number)
MEMBERS: Final = Form(read=_members, show=lambda value: ", ".join(map(str, value)) or NONE)
YES_NO: Final = Form(
    read=_yes,
    show=lambda value: "yes" if value else "no",
    choices=(("yes", _("yes")), ("no", _("no"))),
)
CHOICE: Final = Form(
    read=str,
    show=str,
    choices=(
        (Automatic.OFF, _("off: people look")),
        (Automatic.SUGGEST, _("suggest: tell people")),
        (Automatic.ACT, _("act: roll back")),
    ),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as people meet it."""

    name: str
    label: str | Promise
    form: Form
    unit: str | Promise = ""
    help: str | Promise = ""


GROUPS: Final[tuple[tuple[str | Promise, tuple[Setting, ...]], ...]] = (
    (
        _("Limits"),
        (
            Setting(
                "mismatch_limit",
                _("Promote below"),
                PERCENT,
                "%",
                _("The rate of mismatches is proven to lie below this."),
            ),
            Setting("harm_limit", _("Roll back above"), PERCENT, "%", _("The rate is proven to lie above this.")),
            Setting("alpha", _("Chance to promote wrongly"), PERCENT, "%", _("Over all looks together.")),
            Setting("beta", _("Chance to roll back wrongly"), PERCENT, "%", _("Over all looks together.")),
            Setting(
                "critical_paths",
                _("Critical paths"),
                MEMBERS,
                help=_("One mismatch there is too much: $.price, $.items[*].sku"),
            ),
        ),
    ),
    (
        _("Coverage"),
        (
            Setting(
                "independent_pairs",
                _("Independent pairs"),
                COUNT,
                _("at least"),
                _("Beside what the proof itself needs."),
            ),
            Setting("request_shapes", _("Shapes of request"), COUNT, _("at least"), _("Which parameters were named.")),
            Setting("callers", _("Kinds of caller"), MEMBERS, help=_("All of these must have been compared: ios, web")),
            Setting("weekly_cycle", _("Every day of a week"), YES_NO),
            Setting("month_end", _("A month's end"), YES_NO, help=_("A last or first day of a month.")),
        ),
    ),
    (
        _("Freshness"),
        (
            Setting("completeness", _("Observations that arrived"), PERCENT, _("% at least")),
            Setting("freshness_s", _("Newest pair"), MINUTES, _("minutes old at most")),
            Setting("evidence_days", _("Pairs count for"), COUNT, _("days")),
            Setting(
                "share_alpha",
                _("Chance to doubt a right share"),
                PERCENT,
                "%",
                _("Of traffic, against the one that was set."),
            ),
        ),
    ),
    (
        _("Latency and cost"),
        (
            Setting("latency_budget_ms", _("Answers within"), NUMBER_OR_OFF, _("ms"), _("Or off.")),
            Setting("latency_over", _("But for"), PERCENT, _("% of the calls")),
            Setting(
                "latency_ratio",
                _("Slower than legacy"),
                NUMBER_OR_OFF,
                _("times at most"),
                _("At the 99th percentile; or off."),
            ),
            Setting("latency_floor_ms", _("Never called slow under"), NUMBER, _("ms")),
            Setting("cost_ratio", _("Database cost"), NUMBER_OR_OFF, _("times legacy's at most"), _("Or off.")),
        ),
    ),
    (
        _("People"),
        (
            Setting("automatic", _("Where harm is proven"), CHOICE),
            Setting("cool_down_s", _("Cool down after an automatic rollback"), MINUTES, _("minutes")),
            Setting(
                "four_eyes",
                _("Takes a second person"),
                MEMBERS,
                help=format_lazy(_("Of {known}; or none."), known=", ".join(FourEyes)),
            ),
            Setting("approval_hours", _("An approval waits"), COUNT, _("hours at most")),
        ),
    ),
    (
        _("Removal and keeping"),
        (
            Setting("removal_days", _("Without a call of legacy for"), COUNT, _("days")),
            Setting("sample_days", _("Samples are kept for"), COUNT, _("days")),
        ),
    ),
)
"""Every setting, in the order of the page."""
SETTINGS: Final = {setting.name: setting for _, settings in GROUPS for setting in settings}


def value_words(name: str, value: Any) -> str:
    """A setting's value as people say it: `0.1 %`, `15 minutes old at most`."""
    setting = SETTINGS[name]
    told = setting.form.show(value)
    words = str(dict(setting.form.choices).get(told, told))
    return f"{words} {setting.unit}".strip() if told != OFF else words
