"""All of ``make bench``, one after the other: cold and warm start, then save to event beside its rival.

    python benchmarks/bench.py [--quick]

``--quick`` leaves out the fleet of 100 worktrees, which needs 10 GB of disk.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    worktrees = "10,30" if "--quick" in arguments else "10,30,100"
    programs = [["cold_start.py"], ["save_to_event.py", "--worktrees", worktrees]]
    codes = []
    for program, *options in programs:
        print(f"== {program} {' '.join(options)}", flush=True)
        codes.append(subprocess.run([sys.executable, str(HERE / program), *options], check=False).returncode)
    print("next: git diff benchmarks/results")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
