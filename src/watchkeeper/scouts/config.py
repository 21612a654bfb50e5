"""What ``.scout.toml`` says of a project: where it begins, how it is tested, what it is to be, what to leave out."""

from __future__ import annotations

import msgspec

SCOUT_FILE = ".scout.toml"


class DimensionConfig(msgspec.Struct, frozen=True):
    """How one dimension is looked along here. ``cadence_hours`` is how often; ``most`` how many issues of a run."""

    enabled: bool = True
    cadence_hours: float = 24.0
    most: int = 3
    agent: str = ""  # the agent of fleet.toml that looks too; "": checks alone
    checks: tuple[str, ...] = ()  # (): those that the dimension names


class Production(msgspec.Struct, frozen=True):
    """Where errors of production are told, as Sentry tells them. ``token`` names the variable that holds the secret."""

    url: str = ""
    organization: str = ""
    project: str = ""
    token: str = "SENTRY_AUTH_TOKEN"  # noqa: S105 the name of a variable


class ScoutConfig(msgspec.Struct, frozen=True):
    """A whole ``.scout.toml``; what it does not say is found in the project when the file is made."""

    entry_points: tuple[str, ...] = ()
    test: str = ""
    vision: str = ""  # the document that says what the product is to be
    ignore: tuple[str, ...] = ()  # globs of paths that nobody looks at: generated, vendored
    coverage: str = ""  # a report of coverage.py as JSON, or lcov; "": tests are not measured
    measure: str = ""  # a shell line that runs the tests and leaves that report; "": it is in the repository
    most: int = 5  # issues that one run files at most
    refuter: str = ""  # the agent of fleet.toml that tries what code cannot decide; "": nobody, and it is not filed
    tools: tuple[str, ...] = ()  # further programs that have to be there: semgrep, jscpd
    dimensions: dict[str, DimensionConfig] = {}
    production: Production = Production()

    def of(self, dimension: str) -> DimensionConfig:
        """What is said of a dimension, or the usual."""
        return self.dimensions.get(dimension, DimensionConfig())
