"""What the process ends with, so that scripts can tell outcomes apart."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    NOTHING = 0  # done, and nothing was found
    FOUND = 1  # done, and something was found: a conflict, a failed check
    USAGE = 2  # the command line, or the configuration, cannot be understood
    NO_REPOSITORY = 3  # not in a repository, or not configured
    UNREACHABLE = 4  # the daemon cannot be reached
    INTERNAL = 5  # Watchkeeper, git or the machine failed
    INTERRUPTED = 130  # Ctrl-C
