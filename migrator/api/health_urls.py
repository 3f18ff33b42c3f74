"""What orchestrators and Prometheus ask."""

from django.urls import path

from migrator.api import health

urlpatterns = [
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("metrics", health.Metrics.as_view()),
]
