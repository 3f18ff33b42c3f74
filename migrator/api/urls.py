"""Every address of the REST API, below /api/."""

from django.contrib.auth.decorators import login_required
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import AllowAny

from migrator.api.views import (
    alerts,
    approvals,
    chain,
    channels,
    dataplanes,
    evidence,
    flips,
    freezes,
    guard,
    imports,
    mismatches,
    planning,
    planning_ahead,
    planning_scope,
    planning_work,
    policies,
    projects,
    ramps,
    remarks,
    removal,
    rules,
    units,
)
from migrator.api.views.documents import Docs, Nowhere

in_project = [
    path("", projects.OneProject.as_view()),
    path("services/", projects.Services.as_view()),
    path("services/<int:pk>/", projects.OneService.as_view()),
    path("teams/", projects.Teams.as_view()),
    path("deploys/", projects.Deploys.as_view()),
    path("import/", imports.Import.as_view()),
    path("units/", units.Units.as_view()),
    path("flip/", flips.FlipMany.as_view()),
    path("rollback/", flips.RollBackProject.as_view()),
    path("flips/", flips.Ledger.as_view()),
    path("approvals/", approvals.Approvals.as_view()),
    path("freezes/", freezes.Freezes.as_view()),
    path("hand-over/", remarks.HandOvers.as_view()),
    path("ledger/", chain.Links.as_view()),
    path("ledger/check/", chain.CheckLedger.as_view()),
    path("ramps/", ramps.Ramps.as_view()),
    path("guard/", guard.Guard.as_view()),
    path("rules/", rules.Rules.as_view()),
    path("rules/preview/", rules.RulePreview.as_view()),
    path("policy/", policies.ProjectPolicy.as_view()),
    path("policies/", policies.Layers.as_view()),
    path("channels/", channels.Channels.as_view()),
    path("messages/", channels.Messages.as_view()),
    path("hooks/", channels.Hooks.as_view()),
    path("alerts/<slug:hook>/", alerts.Alerts.as_view()),
    path("mismatches/", mismatches.Mismatches.as_view()),
    path("mismatches/kindred/", mismatches.Kindred.as_view()),
    path("mismatches/export/", mismatches.Export.as_view()),
    path("burndown/", planning.Burndown.as_view()),
    path("pins/", planning_ahead.Pins.as_view()),
    path("outlook/", planning_ahead.PlanOutlook.as_view()),
    path("what-if/", planning_ahead.WhatIf.as_view()),
    path("forecasts/", planning_ahead.Forecasts.as_view()),
    path("phases/", planning_scope.Phases.as_view()),
    path("milestones/", planning_scope.Milestones.as_view()),
    path("baselines/", planning_scope.Baselines.as_view()),
    path("capacity/", planning_work.Capacities.as_view()),
    path("dependencies/", planning_work.Dependencies.as_view()),
    path("effort/", planning_work.Efforts.as_view()),
    path("removal/", removal.Removals.as_view()),
    path("repositories/", removal.Repositories.as_view()),
    path("scans/", removal.Scans.as_view()),
    path("scans/wanted/", removal.WantedUnits.as_view()),
    path("data-planes/", dataplanes.DataPlanes.as_view()),
    path("observed/", dataplanes.Observed.as_view()),
    path("observed/<int:pk>/track/", dataplanes.TrackObserved.as_view()),
    path("observed/<int:pk>/dismiss/", dataplanes.DismissObserved.as_view()),
]

of_unit = [
    path("", units.OneUnit.as_view()),
    path("flip/", flips.FlipUnit.as_view()),
    path("rollback/", flips.RollBackUnit.as_view()),
    path("approvals/", approvals.AskForUnit.as_view()),
    path("comments/", remarks.Comments.as_view()),
    path("evidence/", evidence.UnitEvidence.as_view()),
    path("policy/", policies.UnitPolicy.as_view()),
    path("waivers/", policies.UnitWaivers.as_view()),
    path("series/", evidence.UnitSeries.as_view()),
    path("mismatches/", evidence.UnitMismatches.as_view()),
    path("tear-down/", removal.TearDown.as_view()),
]

of_group = [
    path("", mismatches.OneGroup.as_view()),
    path("settle/", mismatches.SettleGroup.as_view()),
    path("suggestions/", mismatches.SuggestForGroup.as_view()),
]

of_ramp = [
    path("pause/", ramps.PauseRamp.as_view()),
    path("resume/", ramps.ResumeRamp.as_view()),
    path("skip-wait/", ramps.SkipWaitOfRamp.as_view()),
    path("stop/", ramps.StopRamp.as_view()),
]

v1: list[URLPattern | URLResolver] = [
    path("projects/", projects.Projects.as_view()),
    path("projects/<slug:slug>/", include(in_project)),
    path("units/<int:pk>/", include(of_unit)),
    path("phases/<int:pk>/", planning_scope.OnePhase.as_view()),
    path("phases/<int:pk>/units/", planning_scope.PhaseUnits.as_view()),
    path("milestones/<int:pk>/", planning_scope.OneMilestone.as_view()),
    path("dependencies/<int:pk>/", planning_work.OneDependency.as_view()),
    path("rules/<int:pk>/", rules.OneRule.as_view()),
    path("policies/<int:pk>/", policies.OneLayer.as_view()),
    path("waivers/<int:pk>/revoke/", policies.RevokeWaiver.as_view()),
    path("groups/<int:pk>/", include(of_group)),
    path("ramps/<int:pk>/", include(of_ramp)),
    path("approvals/<int:pk>/approve/", approvals.Approve.as_view()),
    path("approvals/<int:pk>/refuse/", approvals.Refuse.as_view()),
    path("approvals/<int:pk>/withdraw/", approvals.Withdraw.as_view()),
    path("freezes/<int:pk>/lift/", freezes.LiftFreeze.as_view()),
    path("channels/<int:pk>/", channels.OneChannel.as_view()),
    path("channels/<int:pk>/test/", channels.TryChannel.as_view()),
    path("hooks/<int:pk>/", channels.OneHook.as_view()),
]

urlpatterns = [
    path("v1/", include(v1)),
    # The schema is the same everywhere and tells nothing of anybody's project: programs may read it first.
    path("schema/", SpectacularAPIView.as_view(permission_classes=[AllowAny]), name="api-schema"),
    # People without a session are sent to sign in; the page itself then reads the schema with it.
    path("docs/", login_required(Docs.as_view()), name="api-docs"),
    re_path("", Nowhere.as_view()),
]
