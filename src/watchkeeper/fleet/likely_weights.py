"""How much each piece of evidence says, as logarithms of odds; the first of each row is for all. Fitted, never edited.

``benchmarks/likely_fit.py`` makes the rows anew, in the order of ``evidence.FILE_EVIDENCE`` and ``SYMBOL_EVIDENCE``.
"""

from __future__ import annotations

FILE_FIRST = (-4.0, 3.0, 1.5, 1.5, 1.0, 0.5, 1.5, 2.0, 1.0, 0.3, 0.0, 0.3)
FILE = (*FILE_FIRST, 2.0)
SYMBOL = (-3.0, 0.7, 2.0, 1.0, 1.0, 1.0, 1.0, 0.3, 3.0, 0.3, 0.3, 0.0, 0.0)

HUB_SHARE = 0.05
RARE_ENOUGH = 0.3
