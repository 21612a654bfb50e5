"""Does prevention pay? A day of scripted agents over a real repository, played with and without being told."""
