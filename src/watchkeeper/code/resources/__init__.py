"""The table of extractors: every module of this package that has an ``EXTRACTOR`` is a row.

Adding a kind of resource, or another way to touch one, is adding one file here.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from watchkeeper.code.resources.extractor import Extractor
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.resources import NotAnalysed, ResourceReading

_MOST_BYTES = 2_000_000


@cache
def extractors() -> tuple[Extractor, ...]:
    """All extractors, in the order of their modules' names."""
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    return tuple(module.EXTRACTOR for module in modules if hasattr(module, "EXTRACTOR"))


def read_resources(path: str, source: bytes, tree: SourceTree) -> ResourceReading:
    """Everything outside the code that one file touches. Never raises, whatever the bytes.

    What a file larger than two megabytes touches is not analysed.
    """
    wanting = [extractor for extractor in extractors() if extractor.wants(path)]
    if len(source) > _MOST_BYTES:
        reason = f"{path} is larger than {_MOST_BYTES // 1_000_000} MB"
        return ResourceReading(not_analysed=tuple(NotAnalysed(each.kind, 0, reason) for each in wanting))
    readings = [extractor.extract(path, source, tree) for extractor in wanting]
    return ResourceReading(
        accesses=tuple(access for reading in readings for access in reading.accesses),
        not_analysed=tuple(each for reading in readings for each in reading.not_analysed),
    )
