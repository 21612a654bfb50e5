"""One sealed run of one agent: its inputs, its life, its work, its end."""
