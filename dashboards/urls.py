"""Every page's address. The state of a page is in its query string."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from dashboards.views import (
    burndown,
    data_planes,
    flips,
    home,
    inventory,
    ledger,
    mismatches,
    oncall,
    palette,
    project,
    rollbacks,
    rules,
    settling,
    theme,
    units,
)

urlpatterns = [
    path("", home.page, name="home"),
    path("sign-in", LoginView.as_view(template_name="dashboards/sign_in.html"), name="sign-in"),
    path("sign-out", LogoutView.as_view(), name="sign-out"),
    path("theme", login_not_required(theme.choose), name="theme"),
    path("palette", palette.entries, name="palette"),
    path("oncall", oncall.everywhere, name="oncall-everywhere"),
    path("p/<slug:slug>/", project.page, name="project"),
    path("p/<slug:slug>/inventory", inventory.page, name="inventory"),
    path("p/<slug:slug>/inventory/observed/<int:observed_id>", inventory.decide, name="observed"),
    path("p/<slug:slug>/units/<int:unit_id>", units.page, name="unit"),
    path("p/<slug:slug>/units/<int:unit_id>/flip", flips.submit, name="flip"),
    path("p/<slug:slug>/units/<int:unit_id>/rollback", rollbacks.unit, name="rollback-unit"),
    path("p/<slug:slug>/services/<int:service_id>/rollback", rollbacks.service, name="rollback-service"),
    path("p/<slug:slug>/rollback", rollbacks.everything, name="rollback-project"),
    path("p/<slug:slug>/burndown", burndown.page, name="burndown"),
    path("p/<slug:slug>/oncall", oncall.page, name="oncall"),
    path("p/<slug:slug>/mismatches", mismatches.page, name="mismatches"),
    path("p/<slug:slug>/mismatches.<slug:form>", mismatches.export, name="mismatches-export"),
    path("p/<slug:slug>/mismatches/<int:group_id>", mismatches.group, name="mismatch"),
    path("p/<slug:slug>/mismatches/<int:group_id>/settle", settling.settle, name="settle"),
    path("p/<slug:slug>/mismatches/<int:group_id>/rules", settling.make_rules, name="settle-by-rules"),
    path("p/<slug:slug>/mismatches/<int:group_id>/reopen", settling.reopen, name="reopen"),
    path("p/<slug:slug>/mismatches/<int:group_id>/assign", settling.assign, name="assign"),
    path("p/<slug:slug>/mismatches/<int:group_id>/notes", settling.comment, name="comment"),
    path("p/<slug:slug>/rules", rules.page, name="rules"),
    path("p/<slug:slug>/rules/<int:rule_id>/revoke", rules.revoke, name="revoke-rule"),
    path("p/<slug:slug>/data-planes", data_planes.page, name="data-planes"),
    path("p/<slug:slug>/ledger", ledger.page, name="ledger"),
    path("p/<slug:slug>/ledger.<slug:form>", ledger.export, name="ledger-export"),
    path("p/<slug:slug>/ledger/check", ledger.verify, name="ledger-check"),
    path("p/<slug:slug>/ledger/anchor", ledger.keep, name="ledger-anchor"),
]
