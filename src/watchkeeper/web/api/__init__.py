"""The same facts and acts as the pages, for programs: JSON under ``/api/v1``, described by OpenAPI."""

from watchkeeper.web.api.routes import api_routes

__all__ = ["api_routes"]
