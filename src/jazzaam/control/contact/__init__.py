"""Messages from the contact form."""
