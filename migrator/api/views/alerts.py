"""Where monitoring alarms us: not with a token or a session, but with the secret of its hook."""

import json
from functools import cached_property
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.exceptions import AuthenticationFailed, ParseError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from migrator.api.parsing import TooLarge, refuse_unkeepable
from migrator.api.problems import MEDIA_TYPE, error, problem
from migrator.api.schema import ProblemSerializer, described
from migrator.api.serializers.channels import AlertsSerializer, TakenSerializer
from migrator.rollout.alarms import Taken, take
from migrator.telling.hooks import alerts_of, genuine
from migrator.telling.models import Hook
from migrator.telling.senders.webhook import SIGNATURE

MAX_BODY = 4 * 1_048_576
"""A thousand alerts with their annotations."""
CHALLENGE = 'Bearer realm="migrator alerts"'


class Alerts(APIView):
    """Alerts of one hook. Who does not hold its secret does not learn whether it exists."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    serializer_class = TakenSerializer

    @described(
        request=AlertsSerializer,
        answers={
            200: TakenSerializer,
            (422, MEDIA_TYPE): OpenApiResponse(ProblemSerializer, "An alert names nothing that is tracked here."),
        },
        parameters=(
            OpenApiParameter(SIGNATURE, str, OpenApiParameter.HEADER, description="Instead of a bearer secret."),
        ),
    )
    def post(self, request: Request, slug: str, hook: str) -> Response:
        """Hold or roll back what the alerts name, or tell people: as the hook says. Repeating it is harmless.

        An alert that names nothing that is tracked is answered with 422; the others of the same request count.
        """
        alerts = alerts_of(self.document)
        taken = take(hook=self.hook, alerts=alerts, now=timezone.now())
        if taken.unknown:
            return self._unknown(taken)
        return Response(TakenSerializer(taken).data)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            self.hook = self._hook(request, kwargs["slug"], kwargs["hook"])

    def _hook(self, request: Request, slug: str, name: str) -> Hook:
        """Whoever holds its secret may go on. Raises AuthenticationFailed, alike for whatever is wrong."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        signed = request.headers.get(SIGNATURE, "")
        bearer = secret.strip() if scheme.lower() == "bearer" else ""
        hook = Hook.objects.filter(project__slug=slug, name=name, enabled=True).first()
        if hook is None or not genuine(hook=hook, bearer=bearer, signed=signed, body=self.raw, now=timezone.now()):
            raise AuthenticationFailed(
                f"The hook's secret is wanted: Authorization: Bearer SECRET, or {SIGNATURE}: t=…,v1=…. "
                "It was shown when the hook was made."
            )
        return hook

    def get_authenticate_header(self, request: Request) -> str:
        return CHALLENGE

    @cached_property
    def raw(self) -> bytes:
        """The body as it came: that is what is signed."""
        body: bytes = self.request._request.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise TooLarge(f"Alerts hold at most {MAX_BODY:,} bytes a request. Alertmanager: set max_alerts.")
        return body

    @cached_property
    def document(self) -> dict[str, Any]:
        try:
            told = json.loads(self.raw or b"{}")
        except (ValueError, RecursionError):
            raise ParseError("The body is no JSON.") from None
        if not isinstance(told, dict):
            raise ParseError("The body is a JSON object.")
        refuse_unkeepable(told)
        return told

    def _unknown(self, taken: Taken) -> Response:
        errors = [error(each.label, each.message) for each in taken.unknown[:20]]
        done = f" {taken.firing} others count." if taken.firing else ""
        detail = f"{taken.unknown[0].message}{done}"
        body = problem("unknown-target", 422, "An alert names nothing that is tracked here", detail, errors=errors)
        return Response(body, status=422, content_type=MEDIA_TYPE)
