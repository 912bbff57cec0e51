"""The `cryohype` command: one module a subcommand, imported only when it is the one asked for."""

from __future__ import annotations

import argparse
import errno
import importlib
import sys
from collections.abc import Sequence

from cryohype_model import __version__
from cryohype_model.errors import CryoHypeError
from cryohype_model.housekeeping import begin_process

# name: what it does (the module cryohype_model.cli.<name>_command holds add_arguments and run)
COMMANDS = {
    "import": "read particles from any program's files, check them, write one RELION table",
    "simulate": "make particle images of known structures",
    "backproject": "reconstruct all or selected particles: half maps, FSC",
    "train": "train the hypernetwork on particles",
    "analyze": "latents of every particle, PCA, UMAP, clusters, medoid volumes, figures",
    "extend": "add particles to an analysed run: a new run, nothing that was there moves",
    "embed": "a UMAP of the particles of a stored selection alone",
    "volumes": "make maps for particles, clusters or selections",
    "evaluate": "compare maps with the truth: FSC-AUC, resolution, vIoU, Chamfer, classification",
    "export": "write selected particles back to their original .star or .cs file",
    "runs": "list, show or check runs",
    "config": "new, explain or schema of the configuration",
    "demo": "simulate, train, analyse and evaluate a small mixture, and write a report",
}


def _overview() -> argparse.ArgumentParser:
    """The parser behind `cryohype --help`: names and one line each, nothing imported."""
    width = max(map(len, COMMANDS))
    listing = "\n".join(f"  {name:<{width}}  {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="cryohype",
        description="A structure for every cryo-EM particle image.",
        epilog=f"commands:\n{listing}\n\n`cryohype COMMAND --help` tells the options of one.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cryohype {__version__}")
    parser.add_argument("command", choices=list(COMMANDS), metavar="COMMAND", help="one of the commands below")
    return parser


def command_parser(name: str) -> argparse.ArgumentParser:
    """The full parser of one subcommand, also read by the docs.

    Parameters
    ----------
    name : a key of ``COMMANDS``.
    """
    module = importlib.import_module(f"cryohype_model.cli.{name}_command")
    parser = argparse.ArgumentParser(
        prog=f"cryohype {name}", description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    module.add_arguments(parser)
    parser.set_defaults(run=module.run)
    return parser


def _disk_is_full(error: OSError) -> bool:
    """Also as numpy says it: without a number, as so many bytes requested and fewer written."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT} or (error.errno is None and str(error).endswith(" written"))


def _part() -> None:
    """Leave the other processes that a command met, however it ended."""
    if processes := sys.modules.get("cryohype_model.inference.processes"):  # else it met none
        processes.leave()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; errors of the input end with one sentence on standard error and exit code 2."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words:
        _overview().print_help()
        return 0
    name = _overview().parse_args(words[:1]).command
    parser = command_parser(name)
    args = parser.parse_args(words[1:])
    try:
        return int(args.run(args) or 0)
    except CryoHypeError as error:
        print(f"cryohype {name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"cryohype {name}: stopped", file=sys.stderr)
        return 130
    except OSError as error:
        if _disk_is_full(error):
            print(f"cryohype {name}: the disk is full ({error.filename or error}); free space and run again", file=sys.stderr)
            return 2
        raise
    finally:
        _part()


def command() -> int:
    """:func:`main` as a process of its own."""
    begin_process()
    return main()
