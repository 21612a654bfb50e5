"""The review: what the fleet did while nobody looked, each sentence with its evidence; decisions, days, numbers."""
