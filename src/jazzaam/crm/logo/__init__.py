"""A company's picture, as its forms and mails show it."""
