"""Small specs, and what is asked of every one of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from migrator.inventory.importers.reading import read_spec
from migrator.inventory.importers.spec import Spec, SpecError

DATA = Path(__file__).parents[3] / "shared/data"


def public(name: str) -> bytes:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no public spec at {path}")
    return path.read_bytes()


def read(text: str | bytes | dict[str, Any], filename: str = "spec.yaml", **options: Any) -> Spec:
    if isinstance(text, dict):
        text = json.dumps(text)
    return read_spec(text.encode() if isinstance(text, str) else text, filename=filename, **options)


def keys(spec: Spec, kind: str | None = None) -> list[str]:
    return [unit.key for unit in spec.units if kind in (None, unit.kind)]


def answering(schema: Any, **document: Any) -> dict[str, Any]:
    """A document with one operation that answers with this schema."""
    answer = {"description": "", "content": {"application/json": {"schema": schema}}}
    return {"openapi": "3.0.3", "paths": {"/x": {"get": {"responses": {"200": answer}}}}} | document


def fields(document: Any, **options: Any) -> list[str]:
    return [key.removeprefix("GET /x ") for key in keys(read(document, **options), "field")]


def refusal(text: str | bytes | dict[str, Any], filename: str = "spec.yaml", **options: Any) -> str:
    with pytest.raises(SpecError) as error:
        read(text, filename, **options)
    assert "\n" not in str(error.value)
    return str(error.value)
