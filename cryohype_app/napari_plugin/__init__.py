"""CryoHype in napari: maps streamed from a dashboard, run folders, inspection of volumes; no torch and no web server."""
