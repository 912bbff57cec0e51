"""The reader of maps, of several at once, and of folders that hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryohype_app.napari_plugin.folders import Group, groups_of, is_ours
from cryohype_app.napari_plugin.layers import MapLayer, face, has_map, layer_tuple
from cryohype_app.napari_plugin.maps import Tell, is_map_file, read_map, read_stack, stem_of
from cryohype_app.napari_plugin.notices import tell, tell_problem
from cryohype_app.napari_plugin.series import file_of
from cryohype_model.errors import CryoHypeError, InputFileError

LayerData = tuple[Any, ...]
NOTHING: list[LayerData] = [(None,)]  # napari's word for: read, and there is no layer


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """npe2's reader of a path, or of several that are to be stacked; None where it is nothing of ours."""
    paths = [Path(word) for word in ([path] if isinstance(path, str) else path)]
    try:
        ours = all(is_ours(one) if one.is_dir() else is_map_file(one) for one in paths)
    except (CryoHypeError, OSError):
        return None
    return read if ours else None


def read(path: str | list[str]) -> list[LayerData]:
    """The layers of a path; what cannot be read is told, and napari goes on."""
    paths = [Path(word).absolute() for word in ([path] if isinstance(path, str) else path)]
    try:
        shown = _layers(paths, tell)
    except (CryoHypeError, OSError, MemoryError) as error:
        tell_problem(_told(error, paths[0]), paths[0])
        return NOTHING
    return layers_of(shown)


def layers_of(shown: Sequence[MapLayer]) -> list[LayerData]:
    """What napari adds, the first one last: on top of its list, chosen, and alone visible.

    With the first map of all the view turns to three dimensions.
    """
    from napari import current_viewer

    viewer = current_viewer()
    if viewer is not None and not has_map(viewer):
        face(viewer)
    return [layer_tuple(one, visible=number == 0) for number, one in enumerate(shown)][::-1]


def read_groups(groups: Iterable[Group], tell: Tell) -> list[MapLayer]:
    """The layers of what was found; what cannot be read hides nothing else.

    Raises
    ------
    CryoHypeError : none can be read.
    """
    shown, problems = [], []
    for group in groups:
        try:
            shown.append(read_group(group, tell))
        except CryoHypeError as error:
            problems.append(error)
    if problems and not shown:
        raise problems[0]
    if problems:
        tell(f"{problems[0]}{f' (and {len(problems) - 1} more maps)' if len(problems) > 1 else ''}")
    return shown


def read_group(group: Group, tell: Tell) -> MapLayer:
    """One layer."""
    if len(group.files) > 1:
        return read_stack(group.files, group.name, tell)
    return replace(read_map(group.files[0], tell), name=group.name)


def _layers(paths: list[Path], tell: Tell) -> list[MapLayer]:
    if len(paths) > 1:
        return [read_stack([file_of(path) for path in paths], f"{stem_of(paths[0])} … {stem_of(paths[-1])}", tell)]
    if paths[0].is_dir():
        return read_groups(groups_of(paths[0], tell), tell)
    return [read_map(file_of(paths[0]), tell)]


def _told(error: Exception, path: Path) -> Exception:
    if isinstance(error, MemoryError):
        return InputFileError(f"{path} does not fit into memory; crop or bin the map first, or close other programs")
    if isinstance(error, OSError) and not isinstance(error, CryoHypeError):
        return InputFileError(f"{path} cannot be read ({error.strerror or error}); check that it is there and may be read")
    return error
