"""The ledger as a chain: every link, its head, and whether it all fits."""

from dataclasses import asdict

from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.api.base import ProjectView
from migrator.api.filters import LinkFilter
from migrator.api.schema import described, listed
from migrator.api.serializers.chain import CheckSerializer, LinkSerializer
from migrator.inventory.models import Project
from migrator.ledger.models import Entry
from migrator.rollout.chain import anchor, check


@listed(LinkSerializer)
class Links(ProjectView, generics.ListAPIView[Entry]):
    """Every change of a project, newest first: flips, policies, approvals, freezes, ramps and the rest."""

    queryset = Entry.objects.select_related("unit")
    serializer_class = LinkSerializer
    filterset_class = LinkFilter
    page_order = ("-number",)


class CheckLedger(ProjectView):
    """Is the ledger as it was written?"""

    queryset = Project.objects.all()
    serializer_class = CheckSerializer

    @described(answers={200: CheckSerializer})
    def get(self, request: Request, slug: str) -> Response:
        """Hash every link and every flip again. `anchor` is the present head: keep it where nobody can edit it."""
        found = check(project=self.project)
        told = asdict(found) | {"sound": found.sound, "sentence": found.sentence}
        return Response(CheckSerializer(told | {"anchor": anchor(project=self.project)}).data)
