"""Whether an answer says that it failed: by its status, or in words under a status that says it did not.

What is recognised are envelopes: documents that hold an error and nothing else. An answer that has
something to say beside its error is no failure, and is compared as any other; so is a pair in which both
failed, or the control alone: what the candidate says then is for people to see.
"""

from typing import Any, Final

from migrator.core.body import Document

SERVER_ERROR: Final = 500
_GOOD: Final = range(200, 300)
_ENVELOPE: Final = frozenset(
    (
        *("error", "errors", "error_code", "error_description", "error_uri", "code", "status", "status_code"),
        *("message", "msg", "detail", "details", "reason", "type", "title", "instance", "path", "documentation_url"),
        *("success", "ok", "data", "result", "jsonrpc", "id", "extensions", "timestamp", "time", "statuscode"),
        *("trace_id", "traceid", "request_id", "requestid", "correlation_id"),
    )
)
"""Names, in lower case, that an error and what goes with it has. Any other name is something to say."""
_GRAPHQL: Final = frozenset(("data", "errors", "extensions"))


def answer_failed(status: int, document: Document | None) -> str | None:
    """Why an answer is a failure, in words; None where it is none. `document` is its parsed body, if it has one."""
    return f"status {status}" if status >= SERVER_ERROR else failed_in_words(status, document)


def failed_in_words(status: int, document: Document | None) -> str | None:
    """Why an answer is a failure although its status, of 200 to 299, says that it is none; None where it is not.

    - GraphQL errors without any data, in each answer of a batch;
    - an object with an `error` that says something (a text, an object, true) and nothing beside it but
      names that belong to errors, with no data and no result.
    """
    if status not in _GOOD or document is None:
        return None
    value = document.value
    batch = value if isinstance(value, list) and value else [value]
    if all(map(_is_failed_graphql, batch)):
        return f"errors and no data under status {status}"
    if _is_envelope(value):
        return f"nothing but an error under status {status}"
    return None


def failed_alone(statuses: tuple[int, int], documents: tuple[Document | None, Document | None]) -> str | None:
    """Why the candidate failed in words where the control answered well; None where it did not, or both did.

    Both arguments hold the control's before the candidate's.
    """
    reason = failed_in_words(statuses[1], documents[1])
    return None if reason is None or answer_failed(statuses[0], documents[0]) is not None else reason


def _is_failed_graphql(value: Any) -> bool:
    if not isinstance(value, dict) or not value.keys() <= _GRAPHQL or not _says_nothing(value.get("data")):
        return False
    errors = value.get("errors")
    return isinstance(errors, list) and bool(errors) and all(map(_is_graphql_error, errors))


def _is_graphql_error(error: Any) -> bool:
    return isinstance(error, dict) and isinstance(error.get("message"), str)


def _says_nothing(data: Any) -> bool:
    """Whether GraphQL data is missing, or every field in it is null."""
    return data is None or (isinstance(data, dict) and all(value is None for value in data.values()))


def _is_envelope(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("error"), (str, dict, bool)) or not value["error"]:
        return False
    if not all(name.lower() in _ENVELOPE for name in value):
        return False
    return all(value.get(name) in (None, {}, []) for name in ("data", "result"))
