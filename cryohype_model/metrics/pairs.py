"""Which map is compared with which truth: by name, by order, by a CSV file, or by label."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryohype_model.errors import InputFileError, MetricError

MAP_SUFFIXES = (".mrc", ".map", ".ccp4", ".mrc.gz", ".map.gz", ".mrc.bz2", ".map.bz2")


@dataclass(frozen=True)
class MapPair:
    """A map and the truth that it should show."""

    name: str
    map_path: Path
    truth_path: Path


def natural_order(path: Path) -> list[tuple[int, int | str]]:
    """Sort key that puts vol_2 before vol_10."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"([0-9]+)", path.name) if part]


def stem(path: Path) -> str:
    """The file's name without the suffix of a map, however it is compressed."""
    suffix = max((s for s in MAP_SUFFIXES if path.name.lower().endswith(s)), key=len, default="")
    return path.name[: len(path.name) - len(suffix)]


def list_maps(folder: Path) -> list[Path]:
    """The maps of a folder in natural order.

    Raises
    ------
    InputFileError : no such folder, or no map in it.
    """
    if not folder.is_dir():
        raise InputFileError(f"{folder} is not a folder; give the folder that holds the maps")
    maps = [p for p in folder.iterdir() if p.name.lower().endswith(MAP_SUFFIXES) and not p.name.startswith(".") and p.is_file()]
    if not maps:
        raise InputFileError(
            f"{folder} holds no map ({', '.join(MAP_SUFFIXES[:3])}, or compressed); give the folder that holds the maps"
        )
    return sorted(maps, key=natural_order)


def pair_folders(maps: Sequence[Path], truths: Sequence[Path]) -> tuple[list[MapPair], str]:
    """Pair by equal names where the names of both sides are the same set, else by natural order.

    Parameters
    ----------
    maps, truths : paths as :func:`list_maps` returns them.

    Returns
    -------
    The pairs in the order of the truths, and a sentence that says how they were made.

    Raises
    ------
    MetricError : the counts differ, with the names that only one side has.
    """
    map_of = {stem(path): path for path in maps}
    truth_of = {stem(path): path for path in truths}
    if len(maps) != len(truths):
        missing = sorted(set(truth_of) - set(map_of))[:3] if len(maps) < len(truths) else sorted(set(map_of) - set(truth_of))[:3]
        raise MetricError(
            f"{len(maps)} maps in {maps[0].parent} cannot be paired with {len(truths)} truths in {truths[0].parent} "
            f"(only on one side: {', '.join(missing) or 'none by name'}); name the pairs in a CSV file with --pairs"
        )
    if set(map_of) == set(truth_of) and len(map_of) == len(maps):
        return [
            MapPair(stem(truth), map_of[stem(truth)], truth) for truth in truths
        ], "maps paired with truths by equal file name"
    pairs = [MapPair(stem(truth), path, truth) for path, truth in zip(maps, truths, strict=True)]
    return pairs, "maps paired with truths by natural sort order of the file names"


def read_pairs(path: Path, map_folder: Path, truth_folder: Path) -> list[MapPair]:
    """Pairs from a CSV file with the columns ``map``, ``truth`` and optionally ``name``.

    Parameters
    ----------
    path : the CSV file.
    map_folder, truth_folder : where relative names in the columns are looked for.

    Raises
    ------
    InputFileError : the file or a file that it names is missing, or a column is.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), reader.fieldnames or []
    except (OSError, UnicodeDecodeError) as error:
        raise InputFileError(f"{path} cannot be read as CSV ({error}); give a text file with the columns map,truth") from error
    if not {"map", "truth"} <= set(columns) or not rows:
        raise InputFileError(
            f"{path} needs the columns map,truth and at least one row; it has {', '.join(columns) or 'no columns'}"
        )
    pairs = []
    for line, row in enumerate(rows, start=2):
        if not row["map"] or not row["truth"]:
            raise InputFileError(f"{path} line {line} lacks a map or a truth; fill in both columns")
        map_path, truth_path = map_folder / row["map"], truth_folder / row["truth"]
        for named in (map_path, truth_path):
            if not named.is_file():
                raise InputFileError(f"{path} line {line} names {named}, which does not exist; correct the line")
        pairs.append(MapPair(row.get("name") or stem(truth_path), map_path, truth_path))
    return pairs


def truth_folder(particles: Path) -> Path | None:
    """The simulated data set that a particle file (or its folder) is of: where truth.json lies; None for any other."""
    return next((folder for folder in (particles, particles.parent) if (folder / "truth.json").is_file()), None)


def labelled_truths(folder: Path) -> dict[int, tuple[str, Path]]:
    """Name and true map of each label: from truth.json in the folder or its parent, else natural order = label order.

    Parameters
    ----------
    folder : the simulated data set, or its folder of true maps.

    Raises
    ------
    InputFileError : truth.json is damaged or names a map that does not exist, or there is no map.
    """
    for index in (folder / "truth.json", folder.parent / "truth.json"):
        if index.is_file():
            return _read_truth_index(index)
    return {label: (stem(path), path) for label, path in enumerate(list_maps(folder))}


def _read_truth_index(index: Path) -> dict[int, tuple[str, Path]]:
    """The structures of a truth.json that ``cryohype simulate`` wrote."""
    try:
        structures = json.loads(index.read_text(encoding="utf-8"))["structures"]
        truths = {int(entry["label"]): (str(entry["name"]), index.parent / str(entry["map"])) for entry in structures}
    except (ValueError, KeyError, TypeError) as error:
        raise InputFileError(
            f"{index} is damaged ({error!r}); simulate the data set again or remove it to pair by order"
        ) from error
    for _, path in truths.values():
        if not path.is_file():
            raise InputFileError(f"{index} names {path}, which does not exist; restore the map or correct the file")
    return truths


def pair_labels(labelled_maps: Sequence[tuple[int, Path]], truths: dict[int, tuple[str, Path]]) -> list[MapPair]:
    """Pair maps of known labels with the truths of these labels; a label that comes again is numbered in its name.

    Parameters
    ----------
    labelled_maps : (label, map) of each generated map.
    truths : as :func:`labelled_truths` returns them.

    Raises
    ------
    MetricError : a label has no truth.
    """
    pairs: list[MapPair] = []
    seen: dict[int, int] = {}
    for label, path in labelled_maps:
        if label not in truths:
            raise MetricError(
                f"label {label} has no true map (labels with one: {min(truths)} to {max(truths)}); "
                "give the truth of this data set"
            )
        name, truth_path = truths[label]
        seen[label] = seen.get(label, 0) + 1
        pairs.append(MapPair(name if seen[label] == 1 else f"{name} #{seen[label]}", path, truth_path))
    return pairs
