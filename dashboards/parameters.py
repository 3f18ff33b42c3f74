"""What a reader typed or an address says, made safe to ask the database with."""

from django.http import QueryDict


def text(parameters: QueryDict, name: str) -> str:
    """A parameter without the blanks around it, and without NUL, which PostgreSQL refuses in any text."""
    return parameters.get(name, "").replace("\x00", "").strip()


def key(parameters: QueryDict, name: str) -> int | None:
    """A parameter as a row's number; None where it is no such number."""
    told = text(parameters, name)
    return int(told) if told.isdecimal() and told.isascii() and len(told) < 19 else None
