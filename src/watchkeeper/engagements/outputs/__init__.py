"""Whether an answer is what its contract asks for, by checks that need no model. Pure."""
