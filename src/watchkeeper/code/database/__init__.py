"""What code does with a database: which rows it locks, over which connection, in which order."""
