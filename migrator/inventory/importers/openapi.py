"""OpenAPI 2 (Swagger) and 3.x: every operation as an endpoint, every field of its answers under it.

`x-migrator-label` marks an operation, all operations of a path, or a field's schema as migrating.
`x-migrator-runbook` and `x-migrator-irreversible` tell on-call of an operation, or of all of a path; only writes are
irreversible.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

from migrator.core.routing import SAFE_METHODS
from migrator.core.stages import Operation
from migrator.inventory.importers.answers import LABEL, Answers, Schema
from migrator.inventory.importers.declarations import IRREVERSIBLE, RUNBOOK, Declared, declared
from migrator.inventory.importers.references import References, Unresolvable
from migrator.inventory.importers.spec import Findings, Format, Spec, SpecError, UnitSpec, label_of, one_line, shape_of

METHODS: Final = ("get", "head", "options", "post", "put", "patch", "delete", "trace", "query")
_SERVER_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_KEPT_IN_PATHS: Final = "/{}%:@!$&'()*+,;=~"


def read_openapi(document: Any, *, filename: str, depth: int, base_path: str | None) -> Spec:
    """Read a parsed document. Arguments as for `read_spec`. Raises SpecError."""
    version = _version(document, filename=filename)
    findings = Findings(filename)
    references = References(document, findings)
    reader = _Reader(
        document=document,
        depth=depth,
        base_path=base_path,
        findings=findings,
        references=references,
        answers=Answers(references),
        is_swagger=version.startswith("2"),
    )
    paths, operations = reader.read()
    info = document.get("info")
    return Spec(
        title=one_line(info.get("title")) if isinstance(info, dict) else "",
        format=Format.OPENAPI,
        units=tuple(findings.units.values()),
        counts={"paths": paths, "operations": operations, "fields": len(findings.units) - operations},
        warnings=findings.shown_warnings(),
    )


def _version(document: Any, *, filename: str) -> str:
    """The version a document declares: 2.0 or 3.x. Raises SpecError in words for everything else."""
    if not isinstance(document, dict):
        raise SpecError(f"{filename}: neither an OpenAPI document nor a GraphQL schema.")
    if "__schema" in document or "__schema" in (document.get("data") or ()):
        raise SpecError(f"{filename}: a GraphQL introspection result. Import the schema as SDL instead.")
    version = str(document.get("openapi") or document.get("swagger") or "")
    if not version:
        raise SpecError(f"{filename}: neither `openapi` nor `swagger` at the top: not an OpenAPI document.")
    if not re.match(r"2(\.0)?$|3\.\d", version):
        raise SpecError(f"{filename}: OpenAPI {version[:20]} is not known; 2.0 and 3.x are read.")
    if not isinstance(document.get("paths", {}), dict):
        raise SpecError(f"{filename}: `paths` is no mapping of paths.")
    return version


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Walks the paths of one document and adds what it finds to `findings`."""

    document: dict[str, Any]
    depth: int
    base_path: str | None
    findings: Findings
    references: References
    answers: Answers
    is_swagger: bool
    shapes: dict[str, str] = field(default_factory=dict)
    """Shape -> key of the endpoint that has it."""

    def read(self) -> tuple[int, int]:
        """Add all units. Returns how many paths and operations there are."""
        paths = operations = 0
        for path, node in self.document.get("paths", {}).items():
            if path.startswith("x-"):
                continue
            item, paths = self._item(path, node), paths + 1
            for method, operation in self._operations(path, item):
                base = self._base_path(item, operation)
                label = label_of(operation.get(LABEL)) or label_of(item.get(LABEL))
                key = f"{method} {self._template(base, path)}"
                operations += self._add_operation(key, operation, label, self._declared(key, item, operation))
        if not operations:
            self.findings.warn("the document has no operations")
        return paths, operations

    def _declared(self, key: str, item: dict[str, Any], operation: dict[str, Any]) -> Declared:
        """What is said of an operation. Said of a path, `irreversible` is meant of its writes."""
        kind = _operation_of(key)
        owners = (operation, item) if kind is Operation.WRITE else (operation,)
        return declared(
            key=key,
            operation=kind,
            runbooks=(operation.get(RUNBOOK), item.get(RUNBOOK)),
            irreversibles=(owner.get(IRREVERSIBLE) for owner in owners),
            findings=self.findings,
        )

    def _item(self, path: str, node: Any) -> dict[str, Any]:
        """A path's operations. Raises SpecError where they are elsewhere: endpoints are never lost silently."""
        try:
            item = self.references.follow(node)
        except Unresolvable as error:
            raise SpecError(f"{self.findings.filename}: path {path}: {error}.") from None
        if item is None:
            return {}
        if not isinstance(item, dict):
            raise SpecError(f"{self.findings.filename}: path {path} is no mapping of methods.")
        return item

    def _operations(self, path: str, item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Methods in capitals with their operations, those that OpenAPI 3.2 lets a document add included."""
        additional = item.get("additionalOperations", {})
        if not isinstance(additional, dict):
            self.findings.warn(f"path {path}: additionalOperations is no mapping of methods and was left out")
            additional = {}
        named = [(method, item[method]) for method in METHODS if method in item]
        for method, operation in (*named, *additional.items()):
            if isinstance(operation, dict):
                yield method.upper(), operation
            else:
                self.findings.warn(f"path {path}: {method} is no mapping, so that operation was left out")

    def _base_path(self, *owners: dict[str, Any]) -> str:
        """What stands before a path: chosen by the caller, or the path of the nearest server declared."""
        if self.base_path is not None:
            return _normal_base(self.base_path)
        if self.is_swagger:
            return _normal_base(self.document.get("basePath"))
        for owner in (*reversed(owners), self.document):
            if isinstance(servers := owner.get("servers"), list) and servers:
                return self._path_of(servers)
        return ""

    def _path_of(self, servers: list[Any]) -> str:
        paths = list(dict.fromkeys(_server_path(server) for server in servers))
        if len(paths) > 1:
            others = ", ".join(path or "/" for path in paths[1:4])
            self.findings.warn(
                f"servers have different base paths: {paths[0] or '/'} was taken, not {others}; "
                "--base-path chooses another"
            )
        return paths[0]

    def _template(self, base: str, path: str) -> str:
        """The path of requests as a gateway sees them: base path, no query, no characters that never travel."""
        bare = re.split(r"[?#]", path, maxsplit=1)[0]
        if bare != path:
            self.findings.warn(f"path {path}: what follows ? or # is no part of a path and was cut")
        return quote(base + (bare if bare.startswith("/") else f"/{bare}"), safe=_KEPT_IN_PATHS)

    def _add_operation(self, key: str, operation: dict[str, Any], label: str, said: Declared) -> bool:
        """Add an endpoint and the fields of its answers. Returns whether it is a new one."""
        before = len(self.findings.units)
        method, kind = key.partition(" ")[0], _operation_of(key)
        text = one_line(operation.get("summary")) or one_line(operation.get("description"))
        self.findings.add(
            UnitSpec(key=key, kind="endpoint", operation=kind, description=text, label=label, **said._asdict())
        )
        if len(self.findings.units) == before:
            return False
        twin = self.shapes.setdefault(shape_of(key), key)
        if twin != key:
            self.findings.warn(f"{key} and {twin} match the same requests: only one of them will see traffic")
        schemas = list(self._answer_schemas(key, operation)) if self.depth and method != "HEAD" else []
        for path, told in self.answers.fields(schemas, depth=self.depth, place=key):
            self.findings.add(
                UnitSpec(
                    key=f"{key} {path}",
                    kind="field",
                    operation=kind,
                    parent_key=key,
                    description=told.description,
                    label=told.label,
                )
            )
        return True

    def _answer_schemas(self, key: str, operation: dict[str, Any]) -> Iterator[Schema]:
        """Schemas of the successful JSON answers; `default` counts where no success is named: else it is the error."""
        responses = operation.get("responses")
        named = {str(code).upper(): answer for code, answer in responses.items()} if isinstance(responses, dict) else {}
        successes = [answer for code, answer in named.items() if re.fullmatch(r"2(\d\d|XX)", code)]
        for answer in successes or [named.get("DEFAULT")]:
            resolved = self.references.follow_or_warn(answer, place=key)
            if isinstance(resolved, dict):
                yield from self._schemas_of(resolved, operation)

    def _schemas_of(self, answer: dict[str, Any], operation: dict[str, Any]) -> Iterator[Schema]:
        if self.is_swagger:
            produces = operation.get("produces", self.document.get("produces"))
            speaks_json = not isinstance(produces, list) or not produces or any(map(_is_json, produces))
            if speaks_json and isinstance(schema := answer.get("schema"), dict):
                yield schema
            return
        content = answer.get("content")
        for media_type, body in content.items() if isinstance(content, dict) else ():
            if _is_json(media_type) and isinstance(body, dict) and isinstance(schema := body.get("schema"), dict):
                yield schema


def _operation_of(key: str) -> Operation:
    return Operation.READ if key.partition(" ")[0] in SAFE_METHODS else Operation.WRITE


def _is_json(media_type: object) -> bool:
    bare = str(media_type).partition(";")[0].strip().lower()
    return bare in ("application/json", "text/json", "*/*", "application/*") or bare.endswith("+json")


def _server_path(server: Any) -> str:
    """The path of a server's address, its variables filled with their defaults."""
    if not isinstance(server, dict):
        return ""
    variables = server.get("variables")

    def default(match: re.Match[str]) -> str:
        variable = variables.get(match[1]) if isinstance(variables, dict) else None
        return str(variable.get("default", match[0])) if isinstance(variable, dict) else match[0]

    url = _SERVER_VARIABLE.sub(default, str(server.get("url") or ""))
    try:
        return _normal_base(urlsplit(url).path)
    except ValueError:
        # A host that is no address, such as `http://[host]/api`: its path cannot be known.
        return ""


def _normal_base(path: object) -> str:
    """`/api/`, `api` and `/api` are one base path; `/` and nothing are none."""
    bare = path.strip().strip("/") if isinstance(path, str) else ""
    return f"/{bare}" if bare else ""
