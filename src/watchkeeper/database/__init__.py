"""The database watch: what stands still in a running database, and which changes made it."""
