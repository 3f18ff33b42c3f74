"""The door of the importers: bytes in, units out."""

from migrator.inventory.importers.documents import decode, is_sdl, parse
from migrator.inventory.importers.graphql import read_graphql
from migrator.inventory.importers.openapi import read_openapi
from migrator.inventory.importers.spec import Spec, SpecError

DEFAULT_DEPTH = 3
MAX_DEPTH = 10


def read_spec(data: bytes, *, filename: str, depth: int = DEFAULT_DEPTH, base_path: str | None = None) -> Spec:
    """Read an OpenAPI document (2 or 3.x, JSON or YAML) or a GraphQL schema (SDL).

    `depth` is how many names deep the fields of REST answers are tracked, 0 for none: `$.articles[*].slug` is
    two deep. `base_path` stands before every path; None takes it from the document (`servers`, `basePath`),
    because a gateway at the legacy's address sees it in every request.

    Raises SpecError with one line that names the file and the place.
    """
    if not 0 <= depth <= MAX_DEPTH:
        raise SpecError(f"{filename}: a depth is from 0 to {MAX_DEPTH}, not {depth}.")
    text = decode(data, filename=filename)
    if is_sdl(text):
        return read_graphql(text, filename=filename)
    return read_openapi(parse(text, filename=filename), filename=filename, depth=depth, base_path=base_path)
