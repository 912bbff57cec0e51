"""The report of an export: one HTML file that needs nothing else."""
