"""The fleet of companies' databases, looked after."""
