"""CryoHype: a structure for every cryo-EM particle image (arXiv 2512.06332)."""

__version__ = "0.1.0"
