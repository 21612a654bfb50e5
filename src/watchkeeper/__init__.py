"""Watchkeeper: sees the changes of parallel agents collide while they are typed."""
