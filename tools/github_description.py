"""Cuts out of GitHub's published OpenAPI description what the tests' GitHub is checked against.

    npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
    python tools/github_description.py package

writes ``tests/githubapi/description.json`` and the description's licence beside it. Kept are the operations below, all
that they refer to, and one example of each thing; explanations are left out.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

OPERATIONS = {
    "/repos/{owner}/{repo}": ["get"],
    "/repos/{owner}/{repo}/issues": ["get", "post"],
    "/repos/{owner}/{repo}/issues/{issue_number}": ["get", "patch"],
    "/repos/{owner}/{repo}/issues/{issue_number}/comments": ["get", "post"],
    "/repos/{owner}/{repo}/issues/{issue_number}/dependencies/blocked_by": ["get"],
}
EXAMPLES = ("full-repository-default-response", "issue", "issue-comment")
FOLDER = Path(__file__).parents[1] / "tests" / "githubapi"
EXPLAINS = {"description", "example", "externalDocs", "summary", "tags", "x-github", "x-octokit"}


def main() -> None:
    """Read the unpacked package that is named, and write the slice."""
    package = Path(sys.argv[1])
    whole = json.loads((package / "generated" / "api.github.com.json").read_bytes())
    version = json.loads((package / "package.json").read_bytes())["version"]
    paths = {path: {method: whole["paths"][path][method] for method in OPERATIONS[path]} for path in OPERATIONS}
    components = gathered(whole, paths)
    examples = {name: whole["components"]["examples"][name]["value"] for name in EXAMPLES}
    slice_ = {
        "openapi": whole["openapi"],
        "info": {"title": f"A part of @octokit/openapi {version}", "version": version, "license": {"name": "MIT"}},
        "paths": stripped(paths),
        "components": stripped(components),
    }
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps({**slice_, "x-examples": examples}, indent=1, sort_keys=True)
    (FOLDER / "description.json").write_text(text + "\n")
    shutil.copyfile(package / "LICENSE", FOLDER / "LICENSE")


def gathered(whole: dict[str, Any], value: object) -> dict[str, dict[str, Any]]:
    """The components that ``value`` refers to, and those that they refer to."""
    found: dict[str, dict[str, Any]] = {}
    waiting = [value]
    while waiting:
        for reference in references(waiting.pop()):
            _, kind, name = reference.removeprefix("#/").split("/")
            if name not in found.setdefault(kind, {}) and kind != "examples":
                found[kind][name] = whole["components"][kind][name]
                waiting.append(found[kind][name])
    found.pop("examples", None)
    return found


def references(value: object) -> list[str]:
    """All references in a part of the description, but for those of what is left out."""
    if isinstance(value, list):
        return [each for item in value for each in references(item)]
    if not isinstance(value, dict):
        return []
    here = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return here + [each for key, item in value.items() if key != "examples" for each in references(item)]


def stripped(value: Any, *, names: bool = False) -> Any:
    """``value`` without explanations; ``names``: its keys are names of things, and none of them explains."""
    if isinstance(value, list):
        return [stripped(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: stripped(each, names=key == "properties" and not names)
        for key, each in value.items()
        if names or (key not in EXPLAINS and key != "examples")
    }


if __name__ == "__main__":
    main()
