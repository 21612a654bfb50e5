"""Whether everything is there that a deliverable is made of, and what to ask whom where it is not. Pure: no model."""
