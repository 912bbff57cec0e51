"""Reconstruction quality of CryoHype and its rivals on the same images; see ``python -m benchmarks.quality --help``."""
