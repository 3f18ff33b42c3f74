"""Whether a request to a GraphQL endpoint only asks.

The answer decides whether a POST may be executed twice, so it is yes only where no server could read
the request as anything but queries: every doubt is a no.
"""

import json
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from graphql.language import FragmentDefinitionNode

MAX_QUERY: Final = 65_536
"""Characters of a document that is looked at. Longer ones are not known to be queries."""
MAX_TOKENS: Final = 10_000
MAX_BATCH: Final = 100
_DECISIVE: Final = frozenset({"query", "mutation", "operationname", "documentid", "id", "extensions"})
"""Names that some servers obey before the body where they stand in the request's query string."""


def is_query(body: bytes, *, query_string: str = "") -> bool:
    """Whether the body is one GraphQL query, or a batch of them, and nothing else.

    `query_string` is what follows the `?` of the request's target.
    """
    if any(name.lower() in _DECISIVE for name, _ in parse_qsl(query_string, keep_blank_values=True)):
        return False
    try:
        document = json.loads(body.decode(), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError):
        return False
    if isinstance(document, list):
        return 0 < len(document) <= MAX_BATCH and all(map(_only_asks, document))
    return _only_asks(document)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a key that is given twice servers take either, and some do not look at its case."""
    if len({key.lower() for key, _ in pairs}) < len(pairs):
        raise ValueError("a key is given twice")
    return dict(pairs)


def _only_asks(request: Any) -> bool:
    text = request.get("query") if isinstance(request, dict) else None
    return isinstance(text, str) and len(text) <= MAX_QUERY and _is_query_document(text)


@lru_cache(maxsize=1_024)
def _is_query_document(text: str) -> bool:
    """Whether all operations of the document are queries, whichever of them is asked for."""
    try:
        definitions = parse(text, no_location=True, max_tokens=MAX_TOKENS).definitions
    except (GraphQLError, RecursionError):
        return False
    operations = [node for node in definitions if isinstance(node, OperationDefinitionNode)]
    fragments = [node for node in definitions if isinstance(node, FragmentDefinitionNode)]
    return (
        bool(operations)
        and len(operations) + len(fragments) == len(definitions)
        and all(node.operation is OperationType.QUERY for node in operations)
    )
