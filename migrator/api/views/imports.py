"""Specs come in as files."""

from typing import Any, ClassVar

from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.rights import Right
from migrator.api.base import ProjectView
from migrator.api.fields import StrictSerializer
from migrator.api.schema import described
from migrator.inventory.importers.documents import MAX_BYTES
from migrator.inventory.importers.reading import DEFAULT_DEPTH, MAX_DEPTH, read_spec
from migrator.inventory.importers.spec import Spec, SpecError
from migrator.inventory.imports import service_for_import
from migrator.inventory.models import Project
from migrator.inventory.services import Invalid
from migrator.ledger.scoping import import_specs

SHOWN = 100
LISTED = ("added", "changed", "back", "gone", "contested", "kept")
"""What the answer names by key."""


class ImportRequestSerializer(StrictSerializer):
    """A spec: OpenAPI 2 or 3.x as JSON or YAML, or a GraphQL schema."""

    file = serializers.FileField(allow_empty_file=True, max_length=200)
    service = serializers.CharField(max_length=100, required=False, help_text="Needed where there are several.")
    dry_run = serializers.BooleanField(default=False, help_text="Say what would happen, change nothing.")
    depth = serializers.IntegerField(
        default=DEFAULT_DEPTH, min_value=0, max_value=MAX_DEPTH, help_text="How deep fields of answers are tracked."
    )


class ImportAnswerSerializer(serializers.Serializer[Any]):
    """Counts of units, and the first hundred keys of each kind."""

    added = serializers.IntegerField()
    changed = serializers.IntegerField()
    gone = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    contested = serializers.IntegerField(help_text="Owned by another service, and left with it.")
    kept = serializers.IntegerField(help_text="Gone from the spec, but the candidate answers their callers.")
    back = serializers.IntegerField(help_text="Of the changed, those that are in scope again after they were gone.")
    renamed = serializers.IntegerField(help_text="Of the changed, those whose parameters have other names.")
    keys = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    warnings = serializers.ListField(child=serializers.CharField())
    dry_run = serializers.BooleanField()


class Import(ProjectView):
    """Bring a spec into the inventory."""

    queryset = Project.objects.all()
    serializer_class = ImportAnswerSerializer
    parser_classes = (MultiPartParser,)
    rights: ClassVar = {"POST": Right.EDIT}

    @described(request={"multipart/form-data": ImportRequestSerializer}, answers={200: ImportAnswerSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Units that are tracked already keep their stage, percentages and evidence."""
        body = ImportRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        dry_run = wanted["dry_run"]
        done = import_specs(
            actor=self.actor,
            file=(wanted["file"].name or "")[:100],
            project=self.project,
            service=service_for_import(project=self.project, name=wanted.get("service"), dry_run=dry_run),
            specs=[spec_in(wanted["file"], depth=wanted["depth"])],
            now=timezone.now(),
            dry_run=dry_run,
        )
        keys = {name: list(getattr(done, name)[:SHOWN]) for name in LISTED}
        answer = done.counts() | {"keys": keys, "warnings": list(done.warnings[:SHOWN]), "dry_run": dry_run}
        return Response(ImportAnswerSerializer(answer).data)


def spec_in(file: "UploadedFile[Any]", *, depth: int) -> Spec:
    """An uploaded file, read. Raises Invalid with the line and what is wrong there."""
    name = file.name or "the file"
    try:
        # One byte more than is allowed: enough to know that it is too large, and no more in memory.
        return read_spec(file.read(MAX_BYTES + 1), filename=name, depth=depth)
    except SpecError as error:
        raise Invalid("file", str(error)) from None
