"""Where issues come from: trackers behind one port. The built-in one is nothing but the record."""
