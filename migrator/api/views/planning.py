"""Is it going to end in time?"""

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.api.base import ProjectView
from migrator.api.schema import described
from migrator.api.serializers.planning import BurndownQuerySerializer, BurndownSerializer, by_traffic, by_units
from migrator.core.stages import Stage
from migrator.inventory.models import Project
from migrator.planning.queries import deadline_of, prospect, traffic


class Burndown(ProjectView):
    """Done against scope, over time."""

    queryset = Project.objects.all()
    serializer_class = BurndownSerializer

    @described(answers={200: BurndownSerializer}, parameters=(BurndownQuerySerializer,))
    def get(self, request: Request, slug: str) -> Response:
        """Daily scope and count per stage, or the candidate's share of the traffic, until today."""
        query = BurndownQuerySerializer(data=request.query_params, context={"project": self.project})
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        asked = {"project": self.project, "now": timezone.now(), "units": query.of_units(), "days": wanted["days"]}
        if wanted["by"] == "traffic":
            answer = by_traffic(traffic(**asked), deadline_of(project=self.project, phase=wanted["phase"]))
        else:
            found = prospect(**asked, measure=query.measure, done_stage=Stage(wanted["done"]))
            answer = by_units(found, days=wanted["days"])
        return Response(BurndownSerializer(answer).data)
