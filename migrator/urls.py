"""Every address of pages and REST. Data planes are answered in `migrator.asgi`, before Django."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("migrator.api.urls")),
    path("", include("migrator.api.health_urls")),
    path("", include("dashboards.urls")),
]
