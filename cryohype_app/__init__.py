"""CryoHype's dashboard: look at runs, start jobs, ask for volumes. No numerical code, and no torch in the web process."""

from cryohype_model import __version__

__all__ = ["__version__"]
