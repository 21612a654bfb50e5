"""What goes on for people beside the fleet: surveys what landed, closes days, and tells them."""
