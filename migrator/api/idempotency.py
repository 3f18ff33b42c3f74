"""Calls that may be sent again: under one `Idempotency-Key` a change happens once, however often it is sent.

The project's row is locked while a call is carried out, so the same call sent twice at once is carried out once and
answered twice. What was refused changed nothing and is not remembered. Answers are kept for a day.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.models import Answered
from migrator.access.rights import Actor
from migrator.inventory import versions
from migrator.inventory.models import Project

HEADER: Final = "Idempotency-Key"
LONGEST: Final = 200
KEPT: Final = timedelta(days=1)
PARAMETER: Final = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="Sent again under the same key, the call does nothing more and is answered the same, for a day.",
)


class KeyUsed(APIException):
    """The key belongs to another call."""

    status_code = 422
    default_code = "idempotency-key-used"
    default_detail = "This Idempotency-Key was used with another body or address. Take a new key for a new change."


class Repeatable:
    """For views: `self.once(request, act)` carries a change out, or answers as it did before."""

    project: Project
    actor: Actor
    kept: ClassVar[timedelta] = KEPT

    def once(self, request: Request, act: Callable[[], Response]) -> Response:
        key = request.headers.get(HEADER, "").strip()
        if not key:
            return act()
        if len(key) > LONGEST or not key.isprintable():
            raise ValidationError({HEADER: f"{HEADER} is at most {LONGEST} printable characters."})
        return self._answer(key, digest_of(request), act, timezone.now())

    @transaction.atomic
    def _answer(self, key: str, digest: str, act: Callable[[], Response], now: datetime) -> Response:
        versions.lock(project_id=self.project.pk)
        mine = Answered.objects.filter(project=self.project, caller=self.actor.name[:200])
        mine.filter(at__lt=now - self.kept).delete()
        before = mine.filter(key=key).first()
        if before is not None:
            if before.digest != digest:
                raise KeyUsed
            return Response(before.answer, status=before.status)
        answer = act()
        Answered.objects.create(
            project=self.project, caller=self.actor.name[:200], key=key, digest=digest, status=answer.status_code,
            answer=plain(answer.data), at=now,
        )  # fmt: skip
        return answer


def digest_of(request: Request) -> str:
    """What tells two calls apart: method, address, body."""
    told = json.dumps([request.method, request.path, request.data], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def plain(data: Any) -> Any:
    """An answer as JSON keeps it."""
    return json.loads(json.dumps(data))
