"""What the OpenAPI document says beyond the serializers: how callers identify themselves, and every refusal."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers

from migrator.api.pagination import CursorPages
from migrator.api.problems import MEDIA_TYPE

Method = TypeVar("Method", bound=Callable[..., Any])
View = TypeVar("View", bound=type)


class ErrorSerializer(serializers.Serializer[Any]):
    """One thing to correct."""

    field = serializers.CharField()
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """A refusal, RFC 9457."""

    type = serializers.CharField(help_text="Which refusal it is, as a name: `urn:migrator:problem:stale`.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What happened, what was kept, what to do.")
    instance = serializers.CharField(required=False)
    errors = ErrorSerializer(many=True, required=False)  # type: ignore[assignment]


class SidesSerializer(serializers.Serializer[Any]):
    """One side of a conflict."""

    stage = serializers.CharField()
    candidate_percent = serializers.FloatField()
    mirror_percent = serializers.FloatField()
    version = serializers.IntegerField()


class TheirsSerializer(SidesSerializer):
    """What stands, who set it, when and why."""

    by = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_null=True)


class StaleProblemSerializer(ProblemSerializer):
    """Somebody changed the unit since you looked: both values, nothing overwritten."""

    yours = SidesSerializer(required=False)
    theirs = TheirsSerializer(required=False)


class GateSerializer(serializers.Serializer[Any]):
    """One demand and whether it is met."""

    name = serializers.CharField()
    result = serializers.ChoiceField(choices=["pass", "fail", "no_data", "waived"])
    reason = serializers.CharField()


class RefusedStepSerializer(ProblemSerializer):
    """The ladder or a barrier refuses a step. A gate tells its reasons; what takes a second person, where to ask."""

    verdict = serializers.CharField(required=False)
    gates = GateSerializer(many=True, required=False)
    pairs_missing = serializers.IntegerField(required=False, allow_null=True)
    subject = serializers.CharField(required=False, help_text="approval-needed: what takes a second person.")
    ask = serializers.CharField(required=False, help_text="approval-needed: POST the same step there to ask for it.")


PROBLEMS: Final[dict[int, tuple[type[serializers.Serializer[Any]], str]]] = {
    400: (ProblemSerializer, "The input cannot be taken; `errors` names each field."),
    401: (ProblemSerializer, "No token or session, or one that is not valid."),
    403: (ProblemSerializer, "The caller lacks a right; `detail` says who has it."),
    404: (ProblemSerializer, "There is no such thing that the caller may see."),
    409: (StaleProblemSerializer, "The unit changed since the caller looked: both values."),
    422: (RefusedStepSerializer, "The ladder or a gate refuses the step, with reasons."),
}
ALWAYS: Final = (400, 401, 403, 404)
CURSOR: Final = OpenApiParameter("cursor", str, description="Where a page begins, as `next` and `previous` say.")
ASK: Final = OpenApiParameter(
    "ask",
    bool,
    description="Where the change takes a second person: ask for one. Answered 202, with the approval; whoever gives "
    "it carries the change out. Without it such a change is refused: 409, `urn:migrator:problem:approval-needed`.",
)
PAGE_SIZE: Final = OpenApiParameter("page_size", int, description=CursorPages.page_size_query_description)


def described(
    *,
    answers: Mapping[Any, Any],
    request: Any = None,
    also: tuple[int, ...] = (),
    parameters: tuple[Any, ...] = (),
) -> Callable[[Method], Method]:
    """Describe one method: its body, its answers by status (or by status and media type), and the problems that any
    call may meet, plus those in `also`.
    """
    refusals = {
        (status, MEDIA_TYPE): OpenApiResponse(PROBLEMS[status][0], PROBLEMS[status][1]) for status in (*ALWAYS, *also)
    }
    decorate: Callable[[Method], Method] = extend_schema(
        request=request, responses={**answers, **refusals}, parameters=list(parameters)
    )
    return decorate


def listed(serializer: type[serializers.BaseSerializer[Any]]) -> Callable[[View], View]:
    """Describe the list that a view gives: pages of this, and the problems that any call may meet."""
    decorate: Callable[[View], View] = extend_schema_view(get=described(answers={200: serializer(many=True)}))
    return decorate


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Bearer tokens."""

    target_class = "migrator.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "Made with `manage.py create_token`."}


class ReportingScheme(TokenScheme):  # type: ignore[no-untyped-call]
    """Bearer tokens, those of the scope ingest as well."""

    target_class = "migrator.api.authentication.ReportingAuthentication"
    name = "reportingToken"


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The session of the pages."""

    target_class = "migrator.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
