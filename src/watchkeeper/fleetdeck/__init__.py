"""The composition root of the fleet: the dispatcher, the engagements and what they need of the other rooms, joined."""
