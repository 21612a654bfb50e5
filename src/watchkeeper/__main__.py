"""``python -m watchkeeper``, and the commands ``watchkeeper`` and ``wk``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from watchkeeper.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
