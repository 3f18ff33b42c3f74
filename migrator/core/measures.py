"""Bounds of what travels: decoding refuses what lies outside of them, naming the field."""

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Share = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Milliseconds = Annotated[int, msgspec.Meta(gt=0, le=86_400_000)]
Identity = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Name = Annotated[str, msgspec.Meta(max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=2_000)]
