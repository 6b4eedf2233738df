"""HTTP in general: the application, its envelope, and how failures are told. No feature lives here."""
