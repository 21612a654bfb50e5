"""Composition root of attribution: joins what runs in a database with the hub, the deployed code, and the record.

Nothing here is asked on the watch's own thread: git blocks, and an index of a large project takes seconds, which a
process of its own spends.
"""
