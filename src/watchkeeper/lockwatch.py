"""Composition root of the database watch: joins what is seen in a database with record, hub and code."""
