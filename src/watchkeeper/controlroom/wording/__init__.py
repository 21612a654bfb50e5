"""What is recorded, put into words: one clause an event, the same on a terminal and on a page. Pure."""
