"""What is recorded, put into words: one clause an event, the same on a terminal, on a page and in a message. Pure."""
