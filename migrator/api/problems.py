"""Every refusal as an RFC 9457 problem: what happened, what was kept, what to do.

`handler` is the one place where an exception of any room becomes an answer. What it does not know is our fault:
a 500 that says so and nothing else, with the traceback in the log.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import structlog
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from migrator.access.rights import Forbidden
from migrator.access.second_factor import WrongCode
from migrator.core.stages import Position, TransitionRefused, percent
from migrator.gates.services import NeedsSecondPerson, StalePolicy
from migrator.gates.waivers import StaleWaiver
from migrator.inventory.services import Invalid
from migrator.rollout.approvals import NotOpen, OwnApproval
from migrator.rollout.barriers import Barrier, GateHolds, NeedsApproval, Refused
from migrator.rollout.services import NotAllowed, Stale, Unknown

MEDIA_TYPE: Final = "application/problem+json"
log = structlog.get_logger()

Problem = dict[str, Any]


def handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """The answer to an exception, whatever it is."""
    set_rollback()
    request = context.get("request")
    body = problem_of(exc)
    if body["status"] >= 500:
        log.error("api.failed", path=getattr(request, "path", None), exc_info=exc)
    if request is not None:
        body["instance"] = request.path
    return Response(body, status=body["status"], headers=headers_of(exc), content_type=MEDIA_TYPE)


def problem_of(exc: Exception) -> Problem:
    for known, told in TELLERS:
        if isinstance(exc, known):
            return told(exc)
    return problem("internal", 500, "Something failed on our side", "Nothing was changed. The log says what failed.")


def headers_of(exc: Exception) -> dict[str, str]:
    """`WWW-Authenticate` with 401, `Retry-After` with 429."""
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = str(challenge)
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = f"{wait:.0f}"
    return headers


def problem(kind: str, status: int, title: str, detail: str, **more: Any) -> Problem:
    return {"type": f"urn:migrator:problem:{kind}", "title": title, "status": status, "detail": detail, **more}


# ------------------------------------------------------------------------------ what is told


def _stale(exc: Stale) -> Problem:
    last = exc.last
    theirs = _position(exc.unit.position) | {
        "version": exc.unit.version,
        "by": last.actor if last else None,
        "at": last.at if last else None,
        "reason": last.reason if last else None,
    }
    yours = _position(exc.wanted) | {"version": exc.seen}
    return problem("stale", 409, "The unit changed since you looked", str(exc), yours=yours, theirs=theirs)


def _position(position: Position) -> Problem:
    return {
        "stage": position.stage,
        "candidate_percent": percent(position.candidate),
        "mirror_percent": percent(position.mirror),
    }


def _gate_holds(exc: GateHolds) -> Problem:
    verdict = exc.verdict
    return problem(
        "gate-holds",
        422,
        "The evidence does not carry this step",
        exc.message,
        verdict=verdict.word,
        gates=[{"name": gate.name, "result": gate.result, "reason": gate.reason} for gate in verdict.gates],
        pairs_missing=verdict.pairs_missing,
        errors=[{"field": gate.name, "message": gate.reason} for gate in verdict.gates if gate.result != "pass"],
    )


def _barrier(exc: Barrier) -> Problem:
    return problem(exc.kind, 422, exc.title, exc.message, unit=exc.unit.pk, key=exc.unit.key)


def _approval_needed(exc: NeedsApproval) -> Problem:
    """With the call that asks for it: the same body as the flip's."""
    return _barrier(exc) | {"subject": exc.subject, "ask": f"/api/v1/units/{exc.unit.pk}/approvals/"}


def _not_open(exc: NotOpen) -> Problem:
    return problem("not-open", 409, "This is decided already", str(exc), state=exc.approval.state)


def _wrong_code(exc: WrongCode) -> Problem:
    return problem("wrong-code", 422, "The glass holds", str(exc), errors=[error("code", str(exc))])


def _not_allowed(exc: NotAllowed) -> Problem:
    return problem("not-allowed", 422, LADDER_REFUSES, exc.message, errors=[error(exc.field, exc.message)])


def _transition(exc: TransitionRefused) -> Problem:
    return problem("not-allowed", 422, LADDER_REFUSES, exc.message, errors=[error(exc.field, exc.message)])


LADDER_REFUSES: Final = "The ladder does not allow this step"


def _refused(exc: Refused) -> Problem:
    return problem("refused", 409, "Not applied", exc.message)


def _forbidden(exc: Exception) -> Problem:
    return problem("forbidden", 403, "You may not do this", str(exc) or "You lack the right.")


def _invalid(exc: Invalid) -> Problem:
    return problem("invalid", 400, INVALID, exc.message, errors=[error(exc.field, exc.message)])


def _validation(exc: exceptions.ValidationError) -> Problem:
    errors = [error(field or "body", message) for field, message in flattened(exc.detail)]
    return problem("invalid", 400, INVALID, " ".join(e["message"] for e in errors[:5]), errors=errors)


INVALID: Final = "The input cannot be taken"


def _not_found(exc: Exception) -> Problem:
    detail = str(getattr(exc, "detail", "")) or "There is nothing at this address that you may see."
    return problem("not-found", 404, "Not found", detail)


def _api(exc: exceptions.APIException) -> Problem:
    kind = str(exc.default_code).replace("_", "-")
    return problem(kind, exc.status_code, TITLES.get(exc.status_code, "Refused"), str(exc.detail))


TITLES: Final = {
    400: "The request cannot be read",
    401: "Who are you?",
    403: "You may not do this",
    405: "This address does not do that",
    406: "This address does not speak that",
    413: "Too large",
    415: "This address does not read that",
    422: "This cannot be done",
    429: "Too many requests",
}


def _stale_policy(exc: StalePolicy | StaleWaiver) -> Problem:
    return problem("stale", 409, "It changed since you looked", str(exc))


def _two_needed(exc: NeedsSecondPerson) -> Problem:
    return problem(
        "approval-needed",
        409,
        "This takes a second person",
        f"Not applied: {exc} Send it again with ?ask=true; whoever approves carries it out.",
        subject=exc.subject,
        headline=exc.headline,
        wanted=exc.wanted,
        seen_version=exc.seen_version,
    )


def _unknown(exc: Unknown) -> Problem:
    return problem("not-found", 404, "Not found", str(exc))


TELLERS: Final[tuple[tuple[type[Exception], Callable[[Any], Problem]], ...]] = (
    (Stale, _stale),
    (GateHolds, _gate_holds),
    (NeedsApproval, _approval_needed),
    (Barrier, _barrier),
    (NotAllowed, _not_allowed),
    (Refused, _refused),
    (TransitionRefused, _transition),
    (Forbidden, _forbidden),
    (OwnApproval, _forbidden),
    (NotOpen, _not_open),
    (WrongCode, _wrong_code),
    (DjangoPermissionDenied, _forbidden),
    (Invalid, _invalid),
    (exceptions.ValidationError, _validation),
    (exceptions.NotFound, _not_found),
    (Http404, _not_found),
    (Unknown, _unknown),
    (StalePolicy, _stale_policy),
    (StaleWaiver, _stale_policy),
    (NeedsSecondPerson, _two_needed),
    (exceptions.APIException, _api),
)
"""Which exception is told how; the first that fits."""


def error(field: str, message: str) -> dict[str, str]:
    return {"field": field, "message": message}


def flattened(detail: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """The nested errors of a serializer as (field, message), each message naming its field."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            below = place if name == "non_field_errors" else f"{place}.{name}" if place else str(name)
            yield from flattened(inner, below)
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list)
            yield from flattened(inner, f"{place}.{index}" if nested and place else place)
    else:
        named = re.search(rf"\b{re.escape(place.rpartition('.')[2])}\b", str(detail))
        yield place, str(detail) if named else f"{place}: {detail}"
