"""How much each piece of evidence says, as logarithms of odds; the first of each row is for all. Fitted, never edited.

``benchmarks/likely_fit.py`` makes the rows anew, in the order of ``evidence.FILE_EVIDENCE`` and ``SYMBOL_EVIDENCE``.
"""

from __future__ import annotations

FILE_FIRST = (-5.597, 1.486, 1.693, 1.810, 1.622, 1.935, 1.436, 5.299, 1.455, 0.286, -0.020, -1.133)
FILE = (-5.439, 1.507, 1.699, 1.722, 1.656, 1.935, 1.391, 4.994, 1.362, 0.237, -0.013, -1.202, 1.586)
SYMBOL = (-5.181, 0.608, 1.251, -0.444, 3.378, 0.104, 0.247, 0.122, 5.088, 0.178, 0.232, -0.029, -0.552)
HUB_SHARE = 0.05
RARE_ENOUGH = 0.2
