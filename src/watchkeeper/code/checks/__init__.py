"""Static checks over a whole tree. One module a check."""
