"""Messages to leads, planned and sent."""
