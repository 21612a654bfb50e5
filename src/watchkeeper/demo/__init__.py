"""``watchkeeper demo``'s second part: a fleet of two agents on a scripted model, in a folder of its own."""
