"""The one reading of everything for people: pages, messages and briefs show it, and act through it."""
