"""List the runs of a folder, show one, or check that one is whole."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryohype_model.cli.output import add_json_option, console, print_json

if TYPE_CHECKING:
    from cryohype_model.runs.manifest import Manifest
    from cryohype_model.runs.store import FoundRun


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`cryohype runs (list [STORE] | show RUN | check RUN) [--json]`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="all runs of a folder, newest first")
    listing.add_argument("store", nargs="?", type=Path, default=Path(), help="folder that holds the runs (default: here)")
    showing = actions.add_parser("show", help="what one run is, how it was made, how it stands")
    checking = actions.add_parser("check", help="read a run's files; exit code 1 when something is wrong")
    for action in (showing, checking):
        action.add_argument("run_folder", type=Path, metavar="RUN", help="the run's folder")
    for action in (listing, showing, checking):
        add_json_option(action)


def run(args: argparse.Namespace) -> int:
    """List, show or check."""
    if args.action == "list":
        return _list(args.store, args.json)
    if args.action == "show":
        return _show(args.run_folder, args.json)
    return _check(args.run_folder, args.json)


def _list(store: Path, as_json: bool) -> int:
    from rich.markup import escape
    from rich.table import Table

    from cryohype_model.runs.store import RunStore

    found = RunStore(store).list_runs()
    table = Table("run", "status", "epochs", "particles", "box", "Å/px", "created", title=escape(f"{len(found)} runs in {store}"))
    for item in found:
        table.add_row(*map(escape, _row(item, store)))
    console.print(table)
    if as_json:
        print_json({"runs": [_listed(item) for item in found]})
    return 0


def _row(item: FoundRun, store: Path) -> list[str]:
    name = str(item.run.path.relative_to(store))
    manifest = item.manifest
    if manifest is None:
        return [name, f"broken: {item.problem}"]
    pixel = "" if manifest.pixel_size_angstrom is None else f"{manifest.pixel_size_angstrom:.3f}"
    created = f"{manifest.created:%Y-%m-%d %H:%M}"
    return [
        name,
        manifest.status,
        str(manifest.epochs_done),
        f"{manifest.particles:,}",
        str(manifest.box_px or ""),
        pixel,
        created,
    ]


def _listed(item: FoundRun) -> dict[str, Any]:
    facts = item.manifest.model_dump(mode="json") if item.manifest else {"problem": item.problem}
    return {"path": str(item.run.path), **facts}


def _show(folder: Path, as_json: bool) -> int:
    from cryohype_model.runs.layout import complete_folders
    from cryohype_model.runs.manifest import read_manifest
    from cryohype_model.runs.run import open_run
    from cryohype_model.runs.selections import list_selections
    from cryohype_model.runs.volumes import list_volume_series

    run_handle = open_run(folder)
    manifest = read_manifest(run_handle)
    found = {
        "checkpoints": sorted(path.stem for path in run_handle.checkpoints.glob("*.ckpt")),
        "latents": [path.name for path in complete_folders(run_handle.latents)],
        "volumes": list_volume_series(run_handle),
        "selections": list_selections(run_handle),
        "evaluation": [path.name for path in complete_folders(run_handle.evaluation)],
    }
    _print_facts(folder, manifest, found)
    if as_json:
        print_json({"path": str(run_handle.path), **manifest.model_dump(mode="json"), "artefacts": found})
    return 0


def _print_facts(folder: Path, manifest: Manifest, found: Mapping[str, list[str]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(str(folder)), show_header=False)
    facts = manifest.model_dump(mode="json") | {"command": " ".join(manifest.command)}
    facts["versions"] = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    for name, value in facts.items():
        if value not in (None, ""):
            table.add_row(name, escape(str(value)))
    for name, items in found.items():
        table.add_row(name, escape(", ".join(items)) or "none")
    console.print(table)


def _check(folder: Path, as_json: bool) -> int:
    from cryohype_model.runs.run import open_run
    from cryohype_model.runs.store import check_run

    problems = check_run(open_run(folder))
    for problem in problems:
        console.print(f"✗ {problem}", markup=False, highlight=False, soft_wrap=True)
    if not problems:
        console.print(f"{folder} is whole", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        print_json({"path": str(folder), "problems": problems})
    return 1 if problems else 0
