"""Finished changes go to the target branch, which is always a tree that was tested."""
