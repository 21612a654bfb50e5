"""Extractors: what of the world outside the code one file touches. One module a kind."""
