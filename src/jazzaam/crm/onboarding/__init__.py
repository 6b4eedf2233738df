"""A company's first steps: its profile, and a form for each platform."""
