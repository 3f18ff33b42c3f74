"""Refusals as RFC 9457 writes them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

RETRY_S = 2


class Problem(Exception):
    """A request that is not granted, with the sentence that its sender reads."""

    def __init__(
        self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more


def later(detail: str) -> Problem:
    """Something that we need is away: the sender keeps what it has and asks again."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_S)})


def as_response(problem: Problem) -> Response:
    body = {"type": "about:blank", "title": problem.status.phrase, "status": problem.status, "detail": problem.detail}
    return Response(
        msgspec.json.encode(body | problem.more),
        status_code=problem.status,
        media_type="application/problem+json",
        headers=problem.headers,
    )


async def handle(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return as_response(error)
