"""How well a lead is doing."""
