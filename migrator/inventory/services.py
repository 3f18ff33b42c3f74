"""Verbs that write the inventory. Stage and shares are not written here: see rollout.services."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import F

from migrator.core.policy import Policy
from migrator.core.routing import SAFE_METHODS, endpoint_of, field_path
from migrator.core.stages import Operation
from migrator.core.wire import Manners, Side
from migrator.inventory import versions
from migrator.inventory.models import Deploy, Kind, ObservedEndpoint, Project, Service, Source, Team, Unit
from migrator.inventory.runbooks import flaw


class Invalid(ValueError):
    """Input that cannot be taken. `field` names it, the message says the remedy."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def create_project(
    *,
    slug: str,
    name: str,
    now: datetime,
    legacy_name: str = "legacy",
    candidate_name: str = "candidate",
    deadline: Any = None,
    simulated: bool = False,
    manners: Mapping[str, Any] | None = None,
    policy: Mapping[str, Any] | None = None,
) -> Project:
    """Start a migration programme. Raises Invalid where the slug is taken or a setting is not known."""
    settings = {"manners": checked("manners", manners, Manners), "policy": checked("policy", policy, Policy)}
    try:
        with transaction.atomic():
            return Project.objects.create(
                slug=slug,
                name=name,
                legacy_name=legacy_name,
                candidate_name=candidate_name,
                deadline=deadline,
                simulated=simulated,
                created_at=now,
                **settings,
            )
    except IntegrityError:
        raise Invalid("slug", f"A project {slug} exists already. Choose another slug.") from None


def checked(field: str, value: Mapping[str, Any] | None, shape: type[Manners] | type[Policy]) -> dict[str, Any]:
    """Settings as plain JSON, validated against the dataclass that reads them. Raises Invalid."""
    try:
        unknown = set(value or {}) - {field.name for field in fields(shape)}
        if unknown:
            raise Invalid(field, f"Unknown setting {sorted(unknown)[0]!r} in {field}.")
        msgspec.convert(dict(value or {}), shape)
    except msgspec.ValidationError as error:
        raise Invalid(field, f"{field}: {error}") from None
    return dict(value or {})


@transaction.atomic
def change_settings(*, project: Project, **changes: Any) -> Project:
    """Change name, names of the sides, deadline, manners or policy; data planes hear of it. Raises Invalid."""
    for field, shape in (("manners", Manners), ("policy", Policy)):
        if field in changes:
            changes[field] = checked(field, changes[field], shape)
    if "policy" in changes:
        changes["policy_version"] = F("policy_version") + 1
    Project.objects.filter(pk=project.pk).update(**changes)
    versions.advance(project_id=project.pk)
    return Project.objects.get(pk=project.pk)


@transaction.atomic
def save_service(*, project: Project, name: str, **fields: Any) -> Service:
    """Create a service or change its addresses and timeouts. Raises Invalid naming the field."""
    for side in ("legacy_url", "candidate_url"):
        if fields.get(side):
            check_address(side, fields[side])
    fields = _with_runbook(fields)
    service, _ = Service.objects.update_or_create(project=project, name=name, defaults=fields)
    versions.advance(project_id=project.pk)
    return service


def create_team(*, project: Project, name: str) -> Team:
    """Name the people who move units. Raises Invalid where the name is taken."""
    try:
        with transaction.atomic():
            return Team.objects.create(project=project, name=name)
    except IntegrityError:
        raise Invalid("name", f"{project} has a team {name} already.") from None


def check_address(field: str, url: str) -> None:
    """An address is http://host[:port], without a path of its own. Raises Invalid."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise Invalid(field, f"{url!r} is no address. Write it like http://comments.internal:8080.")
    if parts.path.strip("/") or parts.query or parts.username:
        raise Invalid(field, "An address has no path, query or password: paths are forwarded as they come.")


@transaction.atomic
def create_unit(
    *,
    project: Project,
    service: Service,
    key: str,
    kind: str,
    now: datetime,
    operation: str | None = None,
    parent: Unit | None = None,
    team: Team | None = None,
    source: str = Source.HAND,
    sister: bool = False,
    cohort: str | None = None,
    description: str = "",
    runbook: str = "",
    irreversible: bool = False,
) -> Unit:
    """Track one endpoint or field, in the backlog. Raises Invalid naming the field."""
    check_key(key=key, kind=kind)
    parent = parent or find_parent(project=project, key=key, kind=kind)
    operation = operation or default_operation(key=key, parent=parent)
    check_irreversible(key=key, operation=operation, irreversible=irreversible)
    version = versions.advance(project_id=project.pk)
    try:
        with transaction.atomic():
            unit = Unit.objects.create(
                project=project,
                service=service,
                key=key,
                kind=kind,
                operation=operation,
                parent=parent,
                team=team,
                source=source,
                sister=sister,
                cohort=cohort,
                description=description,
                irreversible=irreversible,
                added_at=now,
                table_version=version,
                **_with_runbook({"runbook": runbook}),
            )
    except IntegrityError:
        raise Invalid("key", f"{key} is tracked already.") from None
    ObservedEndpoint.objects.filter(project=project, key=key).delete()
    return unit


def check_key(*, key: str, kind: str) -> None:
    """Keys look like `GET /users/{id}`, `GET /users/{id} $.name`, `Query.user` or `User.name`. Raises Invalid."""
    if kind not in Kind.values:
        raise Invalid("kind", f"kind is endpoint or field, not {kind!r}.")
    parts = key.split(" ")
    dotted = len(parts) == 1 and key.count(".") == 1 and all(part.isidentifier() for part in key.split("."))
    if dotted:
        return
    if kind == Kind.ENDPOINT and endpoint_of(key) is not None and parts[0].isupper():
        return
    if kind == Kind.FIELD and field_path(key) and endpoint_of(key.rpartition(" ")[0]) is not None:
        return
    example = "GET /users/{id} or Query.user" if kind == Kind.ENDPOINT else "GET /users/{id} $.name or User.name"
    raise Invalid(
        "key", f"{key!r} is no key of {'an' if kind == Kind.ENDPOINT else 'a'} {kind}. Write it like {example}."
    )


def find_parent(*, project: Project, key: str, kind: str) -> Unit | None:
    """The endpoint whose answer carries a field of this key, where it is tracked."""
    if kind != Kind.FIELD or not field_path(key):
        return None
    return Unit.objects.filter(project=project, key=key.rpartition(" ")[0]).first()


def default_operation(*, key: str, parent: Unit | None) -> str:
    if parent is not None:
        return parent.operation
    endpoint = endpoint_of(key)
    is_write = endpoint[0] not in SAFE_METHODS if endpoint else key.startswith("Mutation.")
    return Operation.WRITE if is_write else Operation.READ


def check_irreversible(*, key: str, operation: str, irreversible: bool, field: str = "irreversible") -> None:
    """Only a write does what cannot be taken back. Raises Invalid."""
    if irreversible and operation != Operation.WRITE:
        raise Invalid(field, f"{key} reads: only a write can be irreversible.")


def _with_runbook(fields: dict[str, Any]) -> dict[str, Any]:
    """The same, with a runbook as it is kept. Raises Invalid where it names none that may be shown."""
    if "runbook" not in fields:
        return fields
    runbook = fields["runbook"].strip()
    if told := flaw(runbook):
        raise Invalid("runbook", told)
    return fields | {"runbook": runbook}


SETTABLE: Final = frozenset({
    "team", "service", "operation", "sister", "cohort", "description", "parent", "risk", "aliases", "label", "runbook",
    "irreversible",
})  # fmt: skip
FOR_PEOPLE: Final = frozenset({"runbook", "irreversible"})
"""Nothing to data planes: they need not hear of a change of these."""


@transaction.atomic
def change_unit(*, unit: Unit, **changes: Any) -> Unit:
    """Change who owns a unit, how it is routed and what is declared of it; never where it stands. Raises Invalid."""
    for field in set(changes) - SETTABLE:
        raise Invalid(field, f"{field} is not changed here. Stage and percentages change by a flip.")
    check_irreversible(
        key=unit.key,
        operation=changes.get("operation", unit.operation),
        irreversible=changes.get("irreversible", unit.irreversible),
        field="irreversible" if changes.get("irreversible") else "operation",
    )
    changes = _with_runbook(changes)
    if set(changes) - FOR_PEOPLE:
        changes["table_version"] = versions.advance(project_id=unit.project_id)
    Unit.objects.filter(pk=unit.pk).update(**changes)
    return Unit.objects.get(pk=unit.pk)


@transaction.atomic
def record_deploy(*, service: Service, side: str, build: str, now: datetime) -> Deploy:
    """One side runs another build: what was observed before says nothing about it, so evidence starts afresh."""
    if side not in list(Side):
        raise Invalid("side", "side is legacy or candidate.")
    version = versions.advance(project_id=service.project_id)
    service.units.tracked().update(evidence_epoch=F("evidence_epoch") + 1, evidence_since=now, table_version=version)
    return Deploy.objects.create(service=service, side=side, build=build, at=now)


def dismiss_observed(*, observed: ObservedEndpoint, now: datetime) -> None:
    """Stop offering an endpoint that nobody wants to track."""
    ObservedEndpoint.objects.filter(pk=observed.pk).update(dismissed_at=now)


def track_observed(*, observed: ObservedEndpoint, service: Service, now: datetime) -> Unit:
    """Take an endpoint that traffic showed into the backlog. Raises Invalid."""
    return create_unit(
        project=observed.project,
        service=service,
        key=observed.key,
        kind=Kind.ENDPOINT,
        now=now,
        source=Source.TRAFFIC,
    )
