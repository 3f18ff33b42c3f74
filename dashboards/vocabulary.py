"""Words of the domain that pages show as they come: stages, roles, states, kinds. Each in the reader's language.

REST, commands and the ledger know them in English alone. Here they are listed to be translated, and `spoken` says them.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, gettext_lazy
from django.utils.translation import gettext_noop as _

STAGES: Final = (
    _("Backlog"), _("Shadow"), _("Side by side"), _("Canary"), _("Cutover"), _("Removal"), _("Removed"),
)  # fmt: skip
UNITS: Final = (_("endpoint"), _("field"), _("read"), _("write"))
SIDES: Final = (_("legacy"), _("candidate"))
PEOPLE: Final = (_("viewer"), _("on-call"), _("engineer"), _("admin"), _("guest"), _("an administrator"))
RIGHTS: Final = (
    _("see"), _("roll back"), _("freeze"), _("flip"), _("edit the inventory"), _("approve what others ask for"),
    _("override a gate"), _("manage the project"),
)  # fmt: skip
DOORS: Final = (
    _("page"), _("api"), _("command"), _("task"), _("simulation"), _("ramp"), _("guard"), _("alert"), _("override"),
)  # fmt: skip
STATES: Final = (
    _("open"), _("approved"), _("refused"), _("withdrawn"), _("void"),
    _("in force"), _("expired"), _("revoked"),
    _("running"), _("paused"), _("cooling down"), _("done"), _("stopped"),
)  # fmt: skip
CAUSES: Final = (
    _("new"), _("ongoing"), _("regressed"), _("escalating"), _("accepted"), _("archived"), _("hidden"),
    _("settled by a rule"),
    _("noise"), _("race"), _("a race"), _("bug"), _("a bug"),
)  # fmt: skip
COURSE: Final = (_("on course"), _("at risk"), _("late"))
RULES: Final = (_("ignore"), _("tolerance"), _("unordered"), _("normalise"), _("map"), _("accept"))
LAYERS: Final = (_("project"), _("service"), _("team"), _("operation"), _("risk"), _("unit"))
LINKS: Final = (
    _("flip"), _("rollback"), _("policy changed"), _("waiver signed"), _("approval"), _("freeze"),
    _("override carried out"), _("deploy"), _("scope changed"), _("plan changed"), _("rule"),
    _("removal proof"), _("settings changed"),
)  # fmt: skip
TELLING: Final = (
    _("info"), _("warning"), _("critical"),
    _("rolled back"), _("harm proven"), _("ready for the next step"), _("flipped"), _("ramp moved or stopped"),
    _("approval wanted or given"), _("freeze begun or lifted"), _("guard silent or back"),
    _("candidate left out by a data plane"), _("glass broken"), _("removal proof reopened"),
    _("evidence missing"), _("ledger check failed"), _("alert came in"), _("policy changed or waiver signed"),
    _("the week in a few sentences, on Mondays"),
    _("at once"), _("hourly"), _("daily"), _("weekly, on Mondays"),
    _("hold: nothing climbs while it fires"), _("roll back, and hold while it fires"), _("tell people"),
    _("nothing: it is refused"), _("one service"), _("the whole project"),
)  # fmt: skip
FINDINGS: Final = (
    _("missing"), _("extra"), _("type"), _("value"), _("number form"), _("order"), _("length"), _("duplicate"),
    _("status"), _("header"), _("body"), _("failed"),
)  # fmt: skip
GATES: Final = (
    _("completeness"), _("freshness"), _("build"), _("mismatches"), _("critical paths"), _("candidate errors"),
    _("latency budget"), _("latency ratio"), _("database cost"), _("share of traffic"), _("independent pairs"),
    _("request shapes"), _("callers"), _("weekly cycle"), _("month end"), _("legacy capacity"), _("replay"),
)  # fmt: skip
PROOF: Final = (_("quiet days"), _("references"), _("the schema"), _("tear-down"))
ACTS: Final = (_("made"), _("changed"), _("removed"), _("ended"), _("taken back"))
PLANES: Final = (_("gateway"), _("sdk"))


def spoken(word: str) -> str:
    """A word of the domain in the language that is active; one that is not listed stays as it is."""
    return _spoken(str(word), get_language()) if word else ""


@lru_cache(maxsize=2_000)
def _spoken(word: str, _language: str | None) -> str:
    return gettext(word)


def choices(known: Iterable[tuple[str, str | Promise]]) -> list[tuple[str, Any]]:
    """Choices of the domain for a form, each told in the language of whoever reads."""
    return [(value, gettext_lazy(str(label))) for value, label in known]
