"""CryoHype run browser: what is in a run folder, without a server; its saved maps become layers."""
