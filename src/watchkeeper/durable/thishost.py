"""What this process is to others that share its fleet; and whether one of before still exists."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from watchkeeper.model.hosts import Host, HostToken
from watchkeeper.model.ids import Millis

_SLEEPLESS = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def find_this_host(name: str, address: str = "") -> Host:
    """This process as a host called ``name``, with a token that nobody had before."""
    started = Millis(int(psutil.Process().create_time() * 1000))
    return Host(HostToken(f"{name}/{secrets.token_hex(4)}"), name, os.getpid(), started, _boot(), address)


def find_host_name(environ: Mapping[str, str]) -> str:
    """What this machine is called: ``$WATCHKEEPER_HOST``, else its name without the domain."""
    return environ.get("WATCHKEEPER_HOST", "").strip() or socket.gethostname().partition(".")[0]


def is_running(host: Host) -> bool:
    """Whether the process exists; ask only about one of this very start of this machine."""
    try:
        return abs(psutil.Process(host.pid).create_time() * 1000 - host.started) < 1_000
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True  # it cannot be told: then it may be


def sleepless_clock() -> int:
    """Milliseconds that also pass while the machine sleeps: a lease must not outlast a lid that was closed."""
    return time.clock_gettime_ns(_SLEEPLESS) // 1_000_000


def _boot() -> str:
    """This start of this machine, and the space in which its process numbers mean something."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{int(psutil.boot_time())}"
