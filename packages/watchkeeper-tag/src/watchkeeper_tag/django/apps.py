"""What Django finds when ``watchkeeper_tag.django`` is among the installed applications."""

from __future__ import annotations

from django.apps import AppConfig


class TagConfig(AppConfig):
    """Tags everything from the start."""

    name = "watchkeeper_tag.django"
    label = "watchkeeper_tag"
    verbose_name = "Watchkeeper's tags"

    def ready(self) -> None:
        """Called by Django once, when all models are known."""
        from watchkeeper_tag.django import install

        install()
