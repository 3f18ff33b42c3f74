from django.apps import AppConfig


class RemovalConfig(AppConfig):
    name = "migrator.removal"
