"""The outside world: a Protocol for each kind of service, and a module for each way to reach it."""
