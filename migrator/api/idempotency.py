"""Calls that may be sent again: under one `Idempotency-Key` a change happens once, however often it is sent.

The project's row is locked while a call is carried out, so the same call sent twice at once is carried out once and
answered twice. What was refused changed nothing and is not remembered. Answers are kept for a day.

A rollback is carried out whatever its key says: it does nothing where nothing is left to do, and a key that somebody
used for something else, or a client that repeats itself, must not keep a unit where it harms.
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
ROLLBACK_PARAMETER: Final = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description=(
        "Sent again under the same key with nothing left to take down, the call is answered as before, for a day."
        " No key keeps a rollback from being carried out: neither one that another call used, nor one that is none."
    ),
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
        key = key_of(request)
        if not key:
            return act()
        if not is_key(key):
            raise ValidationError({HEADER: f"{HEADER} is at most {LONGEST} printable characters."})
        return self._answer(key, digest_of(request), act, timezone.now())

    @transaction.atomic
    def _answer(self, key: str, digest: str, act: Callable[[], Response], now: datetime) -> Response:
        before = self._before(key, now)
        if before is not None:
            if before.digest != digest:
                raise KeyUsed
            return Response(before.answer, status=before.status)
        return self._remembered(act(), key, digest, now)

    def whatever_the_key(self, request: Request, roll_back: Callable[[], Response]) -> Response:
        """For rollbacks, whose answers say how many units were `rolled_back`."""
        key = key_of(request)
        return self._down(key, digest_of(request), roll_back, timezone.now()) if is_key(key) else roll_back()

    @transaction.atomic
    def _down(self, key: str, digest: str, roll_back: Callable[[], Response], now: datetime) -> Response:
        before = self._before(key, now)
        answer = roll_back()
        if before is not None and before.digest == digest and not answer.data["rolled_back"]:
            return Response(before.answer, status=before.status)
        return self._remembered(answer, key, digest, now)

    def _before(self, key: str, now: datetime) -> Answered | None:
        """What this caller was answered under the key, with the project locked: the same call waits here."""
        versions.lock(project_id=self.project.pk)
        mine = Answered.objects.filter(project=self.project, caller=self.actor.name[:200])
        mine.filter(at__lt=now - self.kept).delete()
        return mine.filter(key=key).first()

    def _remembered(self, answer: Response, key: str, digest: str, now: datetime) -> Response:
        told = {"digest": digest, "status": answer.status_code, "answer": plain(answer.data), "at": now}
        Answered.objects.update_or_create(
            project=self.project, caller=self.actor.name[:200], key=key, defaults=told
        )  # fmt: skip
        return answer


def key_of(request: Request) -> str:
    return str(request.headers.get(HEADER, "")).strip()


def is_key(key: str) -> bool:
    return 0 < len(key) <= LONGEST and key.isprintable()


def digest_of(request: Request) -> str:
    """What tells two calls apart: method, address, body."""
    told = json.dumps([request.method, request.path, request.data], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def plain(data: Any) -> Any:
    """An answer as JSON keeps it."""
    return json.loads(json.dumps(data))
