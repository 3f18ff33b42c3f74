"""Which requests become one endpoint."""

import json
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.routing import build_table
from migrator.core.templating import MAX_TEMPLATE, infer_template
from migrator.core.wire import RoutingTable, UnitRoute, Version

TRAFFIC = Path(__file__).parents[3] / "shared/data/traffic/apache-access-5000.jsonl"


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/", "/"),
        ("/users/42/posts", "/users/{id}/posts"),
        ("/users/42/", "/users/{id}/"),
        ("/users//42", "/users//{id}"),
        ("/users/-1", "/users/{id}"),
        ("/batch/1,2,3", "/batch/{id}"),
        ("/near/52.52,13.405", "/near/{id}"),
        ("/things/123e4567-e89b-12d3-a456-426614174000", "/things/{id}"),
        ("/commits/5f1c0a9b", "/commits/{id}"),
        ("/txs/0x5f1c0a9b2e", "/txs/{id}"),
        ("/days/2024-02-29", "/days/{id}"),
        ("/at/2024-02-29T10:00:00Z", "/at/{id}"),
        ("/months/2024-02", "/months/{id}"),
        ("/people/ann%40example.com/inbox", "/people/{id}/inbox"),
        ("/people/ann@example.com", "/people/{id}"),
        ("/v1/customers/cus_9s6XKzkNRiz8i3/cards", "/v1/customers/{id}/cards"),
        ("/verify/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmN", "/verify/{id}"),
        ("/questions/11227809-why-is-it-fast", "/questions/{id}"),
        ("/photos/1234.jpg", "/photos/{id}"),
        ("/assets/app.3f2a9c1d.js", "/assets/{id}"),
        ("/cart;jsessionid=A8B2C4D6E8", "/{id}"),
    ],
)
def test_infer_template__an_identifier_in_the_path__becomes_a_parameter(path: str, template: str) -> None:
    assert infer_template(path) == template


@pytest.mark.parametrize(
    "path",
    [
        "/v1/users/me",
        "/api/v2.1/status",
        "/assets/logo.png",
        "/favicon.ico",
        "/articles/how-to-build-in-10-steps",
        "/oauth2/callback",
        "/base64encode",
        "/ipv4/sha256",
        "/deadbeef",
        "/blog/tags/open%20source",
        "/getUserAccountSettings",
        "/2fa/setup",
        "/errors/404-not-found",
    ],
)
def test_infer_template__only_words__stays_as_sent(path: str) -> None:
    assert infer_template(path) == path


def test_infer_template__query__is_no_part_of_it() -> None:
    assert infer_template("/users/7?since=2024-01-01/9") == "/users/{id}"


def test_infer_template__no_path__is_a_wildcard() -> None:
    assert infer_template("*") == "/*"


def test_infer_template__characters_with_a_meaning_in_templates__become_a_parameter() -> None:
    assert infer_template("/files/*/{name}/a%2Ab") == "/files/{id}/{id}/{id}"


def test_infer_template__a_path_without_end__is_bounded_at_a_segment() -> None:
    deep, long = infer_template("/a" * 1000), infer_template("/word-and-word" * 40)
    assert deep.endswith("/a/*") and long.endswith("/word-and-word/*")
    assert len(deep) <= MAX_TEMPLATE and len(long) <= MAX_TEMPLATE


@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/?#"), max_size=30)))
def test_infer_template__any_path__matches_the_endpoint_it_names(segments: list[str]) -> None:
    # Given an endpoint tracked under the template of one of its requests
    path = "/" + "/".join(segments)
    unit = UnitRoute(id=1, key=f"GET {infer_template(path)}", service="main")
    routes = build_table(RoutingTable(project="p", version=Version(number=1), units=(unit,)))
    # When the request comes again, then it belongs to that endpoint
    found = routes.match(method="GET", path=path)
    assert found is not None and found.unit.id == 1


def test_infer_template__public_traffic__shrinks_without_hiding_words() -> None:
    if not TRAFFIC.exists():
        pytest.skip(f"no public traffic at {TRAFFIC}")
    paths = {urlsplit(json.loads(line)["path"]).path for line in TRAFFIC.read_text().splitlines()}
    templates = Counter(map(infer_template, paths))
    assert len(templates) < len(paths)
    assert templates["/blog/geekery/{id}"] > 10
    assert "/projects/xdotool/" in templates and "/reset.css" in templates
