"""Who calls: a program with a bearer token, or a person with a session."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.authentication import SessionAuthentication as DjangoSession
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from migrator.access.models import Scope, Token
from migrator.access.rights import name_of
from migrator.access.tokens import find_token, note_use

SCHEME = "Bearer"


@dataclass(frozen=True, slots=True)
class Program:
    """Whoever holds a token. Stands where Django expects a user."""

    token: Token
    is_authenticated: bool = True
    is_active: bool = True
    is_superuser: bool = False
    pk: None = None

    def get_username(self) -> str:
        return name_of(self.token)


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer mig_…`. A token that is wrong is refused, also where a session would do."""

    closed_to: ClassVar[frozenset[str]] = frozenset({Scope.INGEST})

    def authenticate(self, request: Request) -> tuple[Program, Token] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != SCHEME.lower().encode():
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("Write the header like this: Authorization: Bearer TOKEN.")
        token = find_token(secret=parts[1].decode("latin-1"), now=timezone.now())
        if token is None:
            raise AuthenticationFailed("This token is unknown, expired or revoked. Make one with `create_token`.")
        if token.scope in self.closed_to:
            raise PermissionDenied("A token of scope ingest opens /dataplane/, /ofrep/ and scans, not the REST API.")
        note_use(token=token, now=timezone.now())
        return Program(token), token

    def authenticate_header(self, request: Request) -> str:
        return f'{SCHEME} realm="migrator"'


class ReportingAuthentication(TokenAuthentication):
    """For what programs report of themselves: tokens of the scope ingest are welcome."""

    closed_to = frozenset()


class SessionAuthentication(DjangoSession):
    """The session of the pages. Writes need the CSRF token, as in every form."""

    def authenticate_header(self, request: Request) -> Any:
        return f'{SCHEME} realm="migrator"'
