from django.apps import AppConfig


class DataplaneConfig(AppConfig):
    name = "migrator.dataplane"
