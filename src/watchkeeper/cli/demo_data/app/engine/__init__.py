"""The content engine: articles, their stages, and what is published."""
