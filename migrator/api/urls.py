"""Every address of the REST API, below /api/."""

from django.contrib.auth.decorators import login_required
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import AllowAny

from migrator.api.views import chain, dataplanes, evidence, flips, imports, mismatches, planning, projects, rules, units
from migrator.api.views.documents import Docs, Nowhere

in_project = [
    path("", projects.OneProject.as_view()),
    path("services/", projects.Services.as_view()),
    path("services/<int:pk>/", projects.OneService.as_view()),
    path("teams/", projects.Teams.as_view()),
    path("deploys/", projects.Deploys.as_view()),
    path("import/", imports.Import.as_view()),
    path("units/", units.Units.as_view()),
    path("rollback/", flips.RollBackProject.as_view()),
    path("flips/", flips.Ledger.as_view()),
    path("ledger/", chain.Links.as_view()),
    path("ledger/check/", chain.CheckLedger.as_view()),
    path("rules/", rules.Rules.as_view()),
    path("rules/preview/", rules.RulePreview.as_view()),
    path("mismatches/", mismatches.Mismatches.as_view()),
    path("mismatches/kindred/", mismatches.Kindred.as_view()),
    path("mismatches/export/", mismatches.Export.as_view()),
    path("burndown/", planning.Burndown.as_view()),
    path("data-planes/", dataplanes.DataPlanes.as_view()),
    path("observed/", dataplanes.Observed.as_view()),
    path("observed/<int:pk>/track/", dataplanes.TrackObserved.as_view()),
    path("observed/<int:pk>/dismiss/", dataplanes.DismissObserved.as_view()),
]

of_unit = [
    path("", units.OneUnit.as_view()),
    path("flip/", flips.FlipUnit.as_view()),
    path("rollback/", flips.RollBackUnit.as_view()),
    path("evidence/", evidence.UnitEvidence.as_view()),
    path("series/", evidence.UnitSeries.as_view()),
    path("mismatches/", evidence.UnitMismatches.as_view()),
]

of_group = [
    path("", mismatches.OneGroup.as_view()),
    path("settle/", mismatches.SettleGroup.as_view()),
    path("suggestions/", mismatches.SuggestForGroup.as_view()),
]

v1: list[URLPattern | URLResolver] = [
    path("projects/", projects.Projects.as_view()),
    path("projects/<slug:slug>/", include(in_project)),
    path("units/<int:pk>/", include(of_unit)),
    path("rules/<int:pk>/", rules.OneRule.as_view()),
    path("groups/<int:pk>/", include(of_group)),
]

urlpatterns = [
    path("v1/", include(v1)),
    # The schema is the same everywhere and tells nothing of anybody's project: programs may read it first.
    path("schema/", SpectacularAPIView.as_view(permission_classes=[AllowAny]), name="api-schema"),
    # People without a session are sent to sign in; the page itself then reads the schema with it.
    path("docs/", login_required(Docs.as_view()), name="api-docs"),
    re_path("", Nowhere.as_view()),
]
