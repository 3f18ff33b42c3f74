"""JSON bodies, read strictly: what the database could not keep is refused here, with its place."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.parsers import BaseParser

MAX_BODY: Final = 1_048_576
SURROGATES: Final = ("\ud800", "\udfff")


class TooLarge(APIException):
    status_code = 413
    default_detail = f"A JSON body holds at most {MAX_BODY:,} bytes."
    default_code = "too_large"


class StrictJSON(BaseParser):
    """One JSON object of at most a megabyte, without NaN, infinities, NUL characters or lone surrogates."""

    media_type = "application/json"
    most: ClassVar[int] = MAX_BODY

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        body = stream.read(self.most + 1)
        if len(body) > self.most:
            raise TooLarge(f"A JSON body holds at most {self.most:,} bytes here.")
        try:
            document = json.loads(body or b"{}")
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is no JSON: {error}.") from None
        if not isinstance(document, dict):
            raise ParseError("The body is a JSON object, such as {}.")
        refuse_unkeepable(document)
        return document


class LargeStrictJSON(StrictJSON):
    """The same for what whole repositories amount to."""

    most = 16 * MAX_BODY


def refuse_unkeepable(document: dict[str, Any]) -> None:
    """Raise ValidationError naming every place whose value is no JSON or cannot be stored."""
    wrong = {place or "body": message for place, value in leaves(document) if (message := unkeepable(value))}
    if wrong:
        raise ValidationError(wrong)


def unkeepable(value: Any) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN and infinities are no numbers in JSON. Write a finite number."
    if isinstance(value, str) and any(c == "\0" or SURROGATES[0] <= c <= SURROGATES[1] for c in value):
        return "This text holds a NUL character or half a surrogate pair. Leave it out."
    return None


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every scalar with its place, names of members included: `manners.value_paths.0`."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield place, name
            # The name itself may be what cannot be sent back.
            told = name.encode("utf-8", "backslashreplace").decode()
            yield from leaves(inner, f"{place}.{told}" if place else told)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{place}.{index}" if place else str(index))
    else:
        yield place, value
