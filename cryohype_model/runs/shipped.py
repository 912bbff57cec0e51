"""Where the small trained run lies that CryoHype ships."""

from __future__ import annotations

from pathlib import Path

import cryohype_model


def archive_path() -> Path:
    """The file that the package ships: in an installation inside of it, in a checkout beside it."""
    package = Path(cryohype_model.__file__).parent
    places = [folder / "assets" / "demo-run.zip" for folder in (package, package.parent)]
    return next((place for place in places if place.is_file()), places[0])
