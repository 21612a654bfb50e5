"""How much each piece of evidence says: fitted by ``benchmarks/likely_fit.py``. Logarithms of odds; the first is for all."""

from __future__ import annotations

FILE_FIRST = (-4.0, 3.0, 1.5, 1.5, 1.0, 0.5, 1.5, 2.0, 1.0, 0.3, 0.0, 0.3)
FILE = (*FILE_FIRST, 2.0)
SYMBOL = (-3.0, 0.7, 2.0, 1.0, 1.0, 1.0, 1.0, 0.3, 3.0, 0.3, 0.3, 0.0, 0.0)

HUB_SHARE = 0.05
RARE_ENOUGH = 0.3
