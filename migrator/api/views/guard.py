"""The guard's pulse."""

from rest_framework.request import Request
from rest_framework.response import Response

from migrator.api.base import ProjectView
from migrator.api.schema import described
from migrator.api.serializers.ramps import GuardSerializer
from migrator.inventory.models import Project
from migrator.rollout import guard


class Guard(ProjectView):
    """Whoever looks after the units."""

    queryset = Project.objects.all()
    serializer_class = GuardSerializer

    @described(answers={200: GuardSerializer})
    def get(self, request: Request, slug: str) -> Response:
        """When the guard looked last, by the database's clock. It is one guard for all projects."""
        return Response(GuardSerializer(guard.pulse()).data)
