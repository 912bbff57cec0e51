"""Export: choose what leaves a run and in which form, see what will be written, make it, fetch it."""

from cryohype_app.views.export.view import export_page

__all__ = ["export_page"]
