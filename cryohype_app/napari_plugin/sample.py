"""Sample data: maps of the demo run that CryoHype ships, and of what it was trained on."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from cryohype_app.napari_plugin.layers import MapLayer
from cryohype_app.napari_plugin.maps import read_map
from cryohype_app.napari_plugin.notices import tell
from cryohype_app.napari_plugin.reader import LayerData, layers_of
from cryohype_app.napari_plugin.series import file_of, files_of, read_series
from cryohype_model.errors import RunError
from cryohype_model.runs.shipped import archive_path


def antibody() -> list[LayerData]:
    """The true map of one of the six structures that the demo's particles show."""
    with tempfile.TemporaryDirectory() as folder:
        (path,) = _unpack("demo-particles/volumes/*antibody*.mrc", Path(folder))
        return layers_of([replace(_without_file(read_map(file_of(path), tell)), name="antibody")])


def medoids() -> list[LayerData]:
    """Maps of the demo run's clusters, the first one visible."""
    with tempfile.TemporaryDirectory() as folder:
        found = _unpack("demo/volumes/medoids-*", Path(folder))
        series = read_series(found[0].parent)
        return layers_of([_without_file(read_map(file, tell)) for file in files_of(series)])


def _unpack(pattern: str, folder: Path) -> list[Path]:
    """Members of the archive, as files.

    Raises
    ------
    RunError : the archive is missing or damaged.
    """
    archive = archive_path()
    try:
        with zipfile.ZipFile(archive) as opened:
            found = [Path(opened.extract(name, folder)) for name in opened.namelist() if fnmatch(name, pattern)]
        if not found:
            raise ValueError(f"it holds no {pattern}")
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise RunError(
            f"the demo that CryoHype ships, {archive}, is missing or damaged ({error}); install CryoHype again"
        ) from None
    return found


def _without_file(shown: MapLayer) -> MapLayer:
    """The file will be gone."""
    return replace(shown, facts=None)
