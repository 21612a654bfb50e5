"""The API's description, made of its operations and of the types that they take and give. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from watchkeeper.web.api.operations import Operation, Parameter
from watchkeeper.web.api.views import ApiError

VERSION = "1"
PREFIX = "/api/v1"
_REF = "#/components/schemas/{name}"
_ERRORS = {
    "400": "What was given cannot be worked with.",
    "401": "No token, or one that is not valid.",
    "403": "Who may only look cannot act, or the request was not ours.",
    "404": "There is no such thing, or not any more.",
    "413": "The body is too large.",
    "415": "The body is no JSON.",
    "429": "Too many requests; `Retry-After` says how long to wait.",
    "500": "It could not be done; the slug says why.",
}


def describe(operations: Iterable[Operation]) -> dict[str, Any]:
    """An OpenAPI 3.1 document. Equal operations give equal documents."""
    every = tuple(operations)
    types = [*dict.fromkeys([*(each.answer for each in every), *(each.body for each in every if each.body), ApiError])]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    by_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in every:
        paths.setdefault(PREFIX + each.path, {})[each.method.lower()] = _operation(each, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Watchkeeper",
            "version": VERSION,
            "description": "What the fleet did, and what can be done about it. Times are milliseconds since 1970.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.about,
        "parameters": [
            *(_path_parameter(name) for name in re.findall(r"\{(\w+)\}", operation.path)),
            *(_query_parameter(each) for each in operation.parameters),
        ],
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {"schema": schemas[operation.answer]}}},
            **{
                status: {"description": about, "content": {"application/json": {"schema": schemas[ApiError]}}}
                for status, about in _ERRORS.items()
            },
        },
    }
    if operation.etag:
        described["parameters"].append(
            {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}}
        )
        described["responses"]["200"]["headers"] = {"ETag": {"schema": {"type": "string"}}}
        described["responses"]["304"] = {"description": "As it was."}
    if operation.body is not None:
        content = {"application/json": {"schema": schemas[operation.body]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": 400, "pattern": "^[A-Za-z0-9][A-Za-z0-9_.:@+-]*$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.kind, "default": parameter.default}
    if parameter.kind == "integer":
        schema |= {"minimum": 0, "maximum": parameter.most}
    elif parameter.choices:
        schema |= {"enum": list(parameter.choices)}
    elif parameter.kind == "string":
        schema |= {"maxLength": parameter.most}
    return {
        "name": parameter.name,
        "in": "query",
        "required": False,
        "description": parameter.about,
        "schema": schema,
    }
