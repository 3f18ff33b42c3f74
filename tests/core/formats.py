"""Answers in formats beyond JSON, for the tests of core.formats."""

from migrator.core.comparison import Answer, Comparison, compare


def answer(body: bytes, content_type: str = "") -> Answer:
    headers = [(b"Content-Type", content_type.encode())] if content_type else []
    return Answer(status=200, headers=headers, body=body)


def between(control: bytes, candidate: bytes, content_type: str = "") -> Comparison:
    return compare(control=answer(control, content_type), candidate=answer(candidate, content_type))


def found(comparison: Comparison) -> list[tuple[str, str]]:
    return [(difference.path, str(difference.kind)) for difference in comparison.differences]


def differing(control: bytes, candidate: bytes, content_type: str = "") -> list[tuple[str, str]]:
    return found(between(control, candidate, content_type))
