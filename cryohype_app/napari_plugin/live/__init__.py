"""The connection to a dashboard: what it streams becomes layers."""
