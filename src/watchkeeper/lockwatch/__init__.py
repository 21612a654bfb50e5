"""Composition root of the database watch: joins what is seen in a database with record, hub and code."""

from watchkeeper.lockwatch.watching import Recording, WatchOptions, make_watcher, open_recording

__all__ = ["Recording", "WatchOptions", "make_watcher", "open_recording"]
