"""What others may use of a project, as far as names and places tell."""

from __future__ import annotations

import re

from watchkeeper.code.footprint import is_test_path
from watchkeeper.model.ids import SymbolKey

_ASIDE = re.compile(
    r"(^|/)(docs?|examples?|benchmarks?|bench|scripts?|tools?|extra|ci|migrations|alembic|samples?|\.[\w-]+)/"
    r"|(^|/)(setup|conf|noxfile|manage|tasks|conftest)\.py$|\.config\.[cm]?[jt]s$"
)


def is_public(key: SymbolKey) -> bool:
    """Whether somebody outside may use the symbol: no part of its name begins with an underscore.

    A folder or module with an underscore is private too, but for ``__init__`` and ``__main__``; so are tests, examples
    and scripts.
    """
    if is_aside(key.path):
        return False
    steps = [*key.path.rpartition(".")[0].split("/"), *key.qualname.split(".")]
    return not any(
        step.startswith(("_", "#")) and not (step.startswith("__") and step.endswith("__")) for step in steps
    )


def is_aside(path: str) -> bool:
    """Whether the file stands beside what the project offers: tests, examples, documentation, scripts of its own."""
    return is_test_path(path) or _ASIDE.search(path) is not None
