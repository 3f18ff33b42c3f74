"""Every setting of a policy as people meet it: its name, how its value is typed, and how it is shown."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from migrator.core.policy import Automatic, FourEyes

OFF: Final = "off"
NONE: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How values of one kind are typed."""

    read: Callable[[str], Any]
    """Raises ValueError saying how to write it."""
    show: Callable[[Any], str]
    choices: tuple[tuple[str, str], ...] = ()
    numeric: bool = False


def _decimal(text: str, *, scale: int = 1) -> float:
    plain = text.removesuffix("%").strip().replace(",", ".") if text.count(",") < 2 else text
    try:
        number = Decimal(plain)
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is no number.") from None
    if not number.is_finite():
        raise ValueError(f"{text[:40]!r} is no number.")
    return float(number / scale)


def _whole(text: str, *, scale: int = 1) -> int:
    number = _decimal(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text) * scale
    if number != int(number):
        raise ValueError("Write a whole number.")
    return int(number)


_THOUSANDS: Final = re.compile(r"[0-9]{1,3}(,[0-9]{3})+")


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError("Say yes or no.")
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
    choices=(("yes", "yes"), ("no", "no")),
)
CHOICE: Final = Form(
    read=str,
    show=str,
    choices=(
        (Automatic.OFF, "off: people look"),
        (Automatic.SUGGEST, "suggest: tell people"),
        (Automatic.ACT, "act: roll back"),
    ),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as people meet it."""

    name: str
    label: str
    form: Form
    unit: str = ""
    help: str = ""


GROUPS: Final[tuple[tuple[str, tuple[Setting, ...]], ...]] = (
    (
        "Limits",
        (
            Setting(
                "mismatch_limit", "Promote below", PERCENT, "%", "The rate of mismatches is proven to lie below this."
            ),
            Setting("harm_limit", "Roll back above", PERCENT, "%", "The rate is proven to lie above this."),
            Setting("alpha", "Chance to promote wrongly", PERCENT, "%", "Over all looks together."),
            Setting("beta", "Chance to roll back wrongly", PERCENT, "%", "Over all looks together."),
            Setting(
                "critical_paths",
                "Critical paths",
                MEMBERS,
                help="One mismatch there is too much: $.price, $.items[*].sku",
            ),
        ),
    ),
    (
        "Coverage",
        (
            Setting("independent_pairs", "Independent pairs", COUNT, "at least", "Beside what the proof itself needs."),
            Setting("request_shapes", "Shapes of request", COUNT, "at least", "Which parameters were named."),
            Setting("callers", "Kinds of caller", MEMBERS, help="All of these must have been compared: ios, web"),
            Setting("weekly_cycle", "Every day of a week", YES_NO),
            Setting("month_end", "A month's end", YES_NO, help="A last or first day of a month."),
        ),
    ),
    (
        "Freshness",
        (
            Setting("completeness", "Observations that arrived", PERCENT, "% at least"),
            Setting("freshness_s", "Newest pair", MINUTES, "minutes old at most"),
            Setting("evidence_days", "Pairs count for", COUNT, "days"),
            Setting(
                "share_alpha",
                "Chance to doubt a right share",
                PERCENT,
                "%",
                "Of traffic, against the one that was set.",
            ),
        ),
    ),
    (
        "Latency and cost",
        (
            Setting("latency_budget_ms", "Answers within", NUMBER_OR_OFF, "ms", "Or off."),
            Setting("latency_over", "But for", PERCENT, "% of the calls"),
            Setting(
                "latency_ratio", "Slower than legacy", NUMBER_OR_OFF, "times at most", "At the 99th percentile; or off."
            ),
            Setting("latency_floor_ms", "Never called slow under", NUMBER, "ms"),
            Setting("cost_ratio", "Database cost", NUMBER_OR_OFF, "times legacy's at most", "Or off."),
        ),
    ),
    (
        "People",
        (
            Setting("automatic", "Where harm is proven", CHOICE),
            Setting("cool_down_s", "Cool down after an automatic rollback", MINUTES, "minutes"),
            Setting("four_eyes", "Takes a second person", MEMBERS, help=f"Of {', '.join(FourEyes)}; or none."),
            Setting("approval_hours", "An approval waits", COUNT, "hours at most"),
        ),
    ),
    (
        "Removal and keeping",
        (
            Setting("removal_days", "Without a call of legacy for", COUNT, "days"),
            Setting("sample_days", "Samples are kept for", COUNT, "days"),
        ),
    ),
)
"""Every setting, in the order of the page."""
SETTINGS: Final = {setting.name: setting for _, settings in GROUPS for setting in settings}


def value_words(name: str, value: Any) -> str:
    """A setting's value as people say it: `0.1 %`, `15 minutes old at most`."""
    setting = SETTINGS[name]
    told = setting.form.show(value)
    words = dict(setting.form.choices).get(told, told)
    return f"{words} {setting.unit}".strip() if told != OFF else words
