"""Checks questions and answers against a part of an OpenAPI 3.0 description."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, FormatChecker

_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or dt.datetime.fromisoformat(value).tzinfo is not None


class Operation(NamedTuple):
    """One thing that can be asked, and the values in its path."""

    method: str
    path: str
    said: Mapping[str, Any]
    values: Mapping[str, str]


class Description:
    """What the file at ``path`` describes."""

    def __init__(self, path: Path) -> None:
        self._whole = json.loads(path.read_bytes())
        self._schemas = {"components": {"schemas": _as_json_schema(self._whole["components"]["schemas"])}}

    def example(self, name: str) -> dict[str, Any]:
        """A copy of a published example."""
        found: dict[str, Any] = json.loads(json.dumps(self._whole["x-examples"][name]))
        return found

    def find(self, method: str, path: str) -> Operation | None:
        """The operation that a question means; None where the description has none."""
        for template, methods in self._whole["paths"].items():
            match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template), path)
            if match and method.lower() in methods:
                return Operation(method, template, methods[method.lower()], match.groupdict())
        return None

    def faults_of_question(self, operation: Operation, query: Mapping[str, str], body: object) -> Iterator[str]:
        """What is wrong with a question."""
        known = {each["name"]: each for each in map(self._resolved, operation.said.get("parameters", []))}
        for name, text in query.items():
            if name not in known or known[name]["in"] != "query":
                yield f"{operation.path}: there is no parameter {name}"
                continue
            schema = known[name]["schema"]
            value: object = int(text) if schema.get("type") == "integer" and text.isdecimal() else text
            if schema.get("type") == "boolean" and text in ("true", "false"):
                value = text == "true"
            yield from self._faults(value, schema, f"{operation.path}: {name}")
        wanted = operation.said.get("requestBody")
        if wanted is None:
            if body is not None:
                yield f"{operation.method} {operation.path} takes no body"
            return
        if body is None and wanted.get("required"):
            yield f"{operation.method} {operation.path} needs a body"
        if body is not None:
            schema = wanted["content"]["application/json"]["schema"]
            yield from self._faults(body, schema, f"{operation.method} {operation.path}: body")
            if isinstance(body, dict) and (unknown := set(body) - self._properties(schema, set(body))):
                yield f"{operation.method} {operation.path}: there is no {sorted(unknown)}"

    def faults_of_answer(self, operation: Operation, status: int, body: object) -> Iterator[str]:
        """What is wrong with an answer."""
        responses = operation.said["responses"]
        said = responses.get(str(status)) or responses.get(f"{status // 100}XX")
        if said is None:
            yield f"{operation.method} {operation.path} never answers {status}"
            return
        content = self._resolved(said).get("content", {})
        if "application/json" in content:
            schema = content["application/json"]["schema"]
            yield from self._faults(body, schema, f"{operation.method} {operation.path}: {status}")

    def _resolved(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in value:
            return value
        found = self._whole
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return self._resolved(found)

    def _properties(self, schema: Mapping[str, Any], otherwise: set[str]) -> set[str]:
        """What an object may have; ``otherwise`` where the description does not say."""
        found = self._resolved(schema)
        if "properties" in found:
            return set(found["properties"])
        kinds = found.get("anyOf", found.get("oneOf", []))
        return set().union(*(self._properties(each, otherwise) for each in kinds)) if kinds else otherwise

    def _faults(self, value: object, schema: object, where: str) -> Iterator[str]:
        whole = {**_as_json_schema(schema), **self._schemas}
        for error in Draft202012Validator(whole, format_checker=_FORMATS).iter_errors(value):
            yield f"{where}: {error.json_path}: {error.message[:300]}"


def _as_json_schema(value: Any) -> Any:
    """OpenAPI 3.0 says ``nullable`` where JSON Schema says that null is one of the types."""
    if isinstance(value, list):
        return [_as_json_schema(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: _as_json_schema(each) for key, each in value.items() if key != "nullable"}
    return {"anyOf": [found, {"type": "null"}]} if value.get("nullable") is True else found
