"""GraphQL schemas (SDL): every root field as an endpoint, every other field of an object or interface as a field.

The text's own definitions are read, extensions included. No executable schema is built from them: subgraphs
use directives and types that only their gateway knows, and they are imported all the same.

A field that carries `@override(from: …, label: …)` or `@migrator(label: …)` is marked as migrating by that label.
`@migrator(runbook: "…", irreversible: true)` says of it what on-call must know.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from graphql import (
    BooleanValueNode,
    ConstDirectiveNode,
    DefinitionNode,
    FieldDefinitionNode,
    GraphQLSyntaxError,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    InterfaceTypeExtensionNode,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    ObjectTypeExtensionNode,
    OperationType,
    SchemaDefinitionNode,
    SchemaExtensionNode,
    StringValueNode,
    TypeDefinitionNode,
    TypeNode,
    parse,
    specified_scalar_types,
)

from migrator.core.stages import Operation
from migrator.inventory.importers.declarations import Declared, declared
from migrator.inventory.importers.spec import Findings, Format, Spec, SpecError, UnitSpec, label_of, one_line

ObjectNode = ObjectTypeDefinitionNode | ObjectTypeExtensionNode
InterfaceNode = InterfaceTypeDefinitionNode | InterfaceTypeExtensionNode

DEFAULT_ROOTS: Final[dict[str, OperationType]] = {
    "Query": OperationType.QUERY,
    "Mutation": OperationType.MUTATION,
    "Subscription": OperationType.SUBSCRIPTION,
}
OURS: Final = "migrator"
LABELS: Final = frozenset({"override", OURS})
"""Directives whose argument `label` marks a field as migrating."""
ALWAYS_THERE: Final = frozenset({"String", "Boolean"})
"""Types that every schema has, because introspection answers with them."""


def read_graphql(text: str, *, filename: str) -> Spec:
    """Read a schema. Raises SpecError naming line and column."""
    try:
        definitions = parse(text, no_location=True).definitions
    except GraphQLSyntaxError as error:
        place = f":{error.locations[0].line}:{error.locations[0].column}" if error.locations else ""
        reason = error.message.removeprefix("Syntax Error: ").rstrip(".")
        raise SpecError(f"{filename}{place}: not a GraphQL schema: {reason}.") from None
    findings, roots, counts = Findings(filename), _roots(definitions), Counter[str]()
    for node in definitions:
        if isinstance(node, ObjectNode):
            root = roots.get(node.name.value)
            _add_fields(node, root, findings)
            counts["fields"] += len(node.fields or ())
            counts[root.value if root else "other"] += len(node.fields or ())
        elif isinstance(node, InterfaceNode):
            _add_fields(node, None, findings)
            counts["interface_fields"] += len(node.fields or ())
    if not findings.units:
        findings.warn("the schema has no fields")
    return Spec(
        title="",
        format=Format.GRAPHQL,
        units=tuple(findings.units.values()),
        counts={
            "types": len(_type_names(definitions)),
            "object_types": len({node.name.value for node in definitions if isinstance(node, ObjectNode)}),
            "fields": counts["fields"],
            "interface_fields": counts["interface_fields"],
            "queries": counts["query"],
            "mutations": counts["mutation"],
            "subscriptions": counts["subscription"],
        },
        warnings=findings.shown_warnings(),
    )


def _roots(definitions: Collection[DefinitionNode]) -> dict[str, OperationType]:
    """Root type name -> what its fields are. A schema that is not declared has the customary ones."""
    named = [
        root
        for node in definitions
        if isinstance(node, SchemaDefinitionNode | SchemaExtensionNode)
        for root in node.operation_types or ()
    ]
    declared = any(isinstance(node, SchemaDefinitionNode) for node in definitions)
    # Should one type serve as several roots, its fields count as mutations: a write is the careful guess.
    named.sort(key=lambda root: root.operation is OperationType.MUTATION)
    return ({} if declared else DEFAULT_ROOTS) | {root.type.name.value: root.operation for root in named}


def _add_fields(node: ObjectNode | InterfaceNode, root: OperationType | None, findings: Findings) -> None:
    operation = Operation.WRITE if root is OperationType.MUTATION else Operation.READ
    for field in node.fields or ():
        key = f"{node.name.value}.{field.name.value}"
        findings.add(
            UnitSpec(
                key=key,
                kind="endpoint" if root else "field",
                operation=operation,
                description=one_line(field.description.value if field.description else None),
                label=_label(field.directives or ()),
                **_declared(key, operation, field.directives or (), findings)._asdict(),
            )
        )


def _declared(key: str, operation: Operation, directives: Iterable[ConstDirectiveNode], findings: Findings) -> Declared:
    """What `@migrator` says of a field."""
    said = {
        argument.name.value: argument.value.value
        for directive in directives
        if directive.name.value == OURS
        for argument in directive.arguments or ()
        if isinstance(argument.value, StringValueNode | BooleanValueNode)
    }
    return declared(
        key=key,
        operation=operation,
        runbooks=(said.get("runbook"),),
        irreversibles=(said.get("irreversible"),),
        findings=findings,
    )


def _label(directives: Iterable[ConstDirectiveNode]) -> str:
    """What marks a field as migrating, as it is written: `@override(label: "percent(5)")`."""
    for directive in directives:
        for argument in directive.arguments or () if directive.name.value in LABELS else ():
            if argument.name.value == "label" and isinstance(argument.value, StringValueNode):
                return label_of(f'@{directive.name.value}(label: "{argument.value.value}")')
    return ""


def _type_names(definitions: Iterable[DefinitionNode]) -> set[str]:
    """Every type a schema has: those it defines, and the built-in scalars it uses."""
    names = set(ALWAYS_THERE)
    for node in definitions:
        if isinstance(node, TypeDefinitionNode):
            names.add(node.name.value)
        names.update(name for name in _names_used(node) if name in specified_scalar_types)
    return names


def _names_used(node: DefinitionNode) -> Iterator[str]:
    if isinstance(node, ObjectNode | InterfaceNode | InputObjectTypeDefinitionNode):
        for field in node.fields or ():
            yield _named(field.type)
            if isinstance(field, FieldDefinitionNode):
                yield from (_named(argument.type) for argument in field.arguments or ())


def _named(node: TypeNode) -> str:
    while isinstance(node, ListTypeNode | NonNullTypeNode):
        node = node.type
    return node.name.value if isinstance(node, NamedTypeNode) else ""
