"""Whatever is sent to whichever address: a sensible status, a problem where it is refused, never a 500."""

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.planning.models import Phase
from tests.api.conftest import Caller, climb
from tests.api.test_rights import LEAST

NAMES = [
    "slug", "name", "legacy_name", "candidate_name", "deadline", "manners", "policy", "legacy_url", "candidate_url",
    "mirror_timeout_ms", "mirror_concurrency", "legacy_deployed", "service", "side", "build", "key", "kind",
    "operation", "parent", "team", "sister", "cohort", "description", "stage", "candidate_percent", "mirror_percent",
    "version", "reason", "override", "units", "unit", "path", "absolute", "form", "pattern", "expires_at", "days",
    "as", "note", "rule", "status", "assignee", "settings", "gates", "plan", "steps", "address", "events", "severity",
    "quiet", "digest", "action", "alerts", "key", "message", "repository", "commit", "references", "item", "risk",
    "aliases", "changes", "ends_at", "begins_at", "code", "break_glass", "text", "points", "people", "moves", "cut",
    "due", "share", "since", "needs", "position", "done_at", "all", "take_out", "search", "ramp_up_weeks", "by", "done",
]  # fmt: skip
QUERIES = [
    "search", "kind", "stage", "operation", "service", "team", "parent", "gone", "unit", "actor", "direction", "since",
    "status", "assignee", "settled_as", "present", "format", "rule", "ended",
    "until", "by", "days", "phase", "from", "to", "step", "metric", "cursor", "page_size",
]  # fmt: skip
USUAL = [
    "endpoint",
    "field",
    "shadow",
    "canary",
    "main",
    "x",
    "GET /a",
    "http://h",
    "2027-01-01",
    "",
    "candidate",
    "$.a",
    "ignore",
    "normalise",
]
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([*USUAL, 0, 1, 5])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
bodies = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)
queries = st.dictionaries(
    st.sampled_from(QUERIES),
    st.text(max_size=15) | st.integers().map(str) | st.sampled_from([*USUAL, "2026-01-01T00:00:00Z", "pairs", "share"]),
    max_size=4,
)
often = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def path_of(route: str, unit: Unit) -> str:
    parts = {
        "slug": "shop",
        "unit": str(unit.pk),
        "service": str(unit.service.pk),
        "phase": str(Phase.objects.get_or_create(project=unit.project, name="endgame")[0].pk),
    }
    return re.sub(r"<(\w+)>", lambda found: parts.get(found[1], "1"), route)


def sensible(answer: Any) -> bool:
    if answer.status_code in (200, 201, 204):
        return True
    told = answer.json()
    return 400 <= answer.status_code < 500 and told["status"] == answer.status_code and bool(told["detail"])


@pytest.mark.parametrize("route", [r for method, r in LEAST if method in ("POST", "PATCH") and "import" not in r])
@often
@given(body=bodies)
def test_body__of_any_kind__is_taken_or_refused_in_words(admin: Caller, unit: Unit, route: str, body: Any) -> None:
    method = "PATCH" if ("PATCH", route) in LEAST else "POST"
    answer = admin(method, path_of(route, unit), json.dumps(body))
    assert sensible(answer), (answer.status_code, answer.content)


@pytest.mark.parametrize("route", [r for method, r in LEAST if method == "GET"])
@often
@given(query=queries)
def test_query__of_any_kind__is_answered_or_refused_in_words(
    admin: Caller, unit: Unit, route: str, query: dict[str, str]
) -> None:
    if unit.stage == Stage.BACKLOG:
        climb(unit, Stage.SHADOW)
    told = "&".join(f"{name}={quote(value, errors='replace')}" for name, value in query.items())
    answer = admin("GET", f"{path_of(route, unit)}?{told}")
    assert sensible(answer), (answer.status_code, answer.content)
