"""Pure functions: data in, pictures out."""
