"""Columns whose values `core.tally` knows."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from django.db import models

_decode: Callable[[str], dict[int, int]] = msgspec.json.Decoder(dict[int, int], strict=False).decode


class HistogramField(models.JSONField):
    """A latency histogram: bucket to count. In the column the buckets are strings, as JSON has it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(default=dict, **{name: value for name, value in options.items() if name != "default"})

    def from_db_value(self, value: str | None, _expression: object, _connection: object) -> dict[int, int] | None:
        return None if value is None else read_histogram(value)


def read_histogram(column: str) -> dict[int, int]:
    """A histogram from the text of its column."""
    return {} if column == "{}" else _decode(column)


def write_histogram(histogram: Mapping[int, int]) -> str:
    """A histogram as the text of its column."""
    return msgspec.json.encode(histogram).decode() if histogram else "{}"
