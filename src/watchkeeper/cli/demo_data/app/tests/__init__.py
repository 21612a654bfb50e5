"""Tests of the content engine."""
