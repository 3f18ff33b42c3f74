from django.apps import AppConfig


class ObservationsConfig(AppConfig):
    name = "migrator.observations"
