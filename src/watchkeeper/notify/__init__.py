"""Messages to people: urgency to channel, grouping, quiet hours, acknowledgement; one file a channel."""
