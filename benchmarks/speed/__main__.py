"""Speed of CryoHype beside its rivals on the same images, interleaved in one run: one table.

    .venv/bin/python -m benchmarks.speed -o /tmp/speed --threads 1
    .venv/bin/python -m benchmarks.speed -o /tmp/speed --what train,volume --rounds 9

Rivals are the formulation of the paper written plainly (plain.py) and cryoDRGN, which is left out where its environment is not.
Each contender works in a process of its own that stays warm; in a round each does the same work once, one after the other, and
the ratio of a round compares neighbours in time, which is what counts on a machine that has other work. Whole commands are
started anew each time. results.md and results.json are written into the output folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.quality.__main__ import commit, machine
from benchmarks.speed.case import Prepared, Sizes, prepared
from benchmarks.speed.commands import compared_commands, pairs_of, train_rival
from benchmarks.speed.comparison import Comparison
from benchmarks.speed.parts import DRGN, PLAIN, compared, contenders, parts_of
from benchmarks.speed.table import speed_table
from cryohype_model.errors import ConfigError, CryoHypeError

WARM = ("train", "volume", "encode", "reduce", "loader")
COMMANDS = ("commands", "analyze", "backproject")
RIVALS = {"plain": PLAIN, "cryodrgn": DRGN}
RIG = Path(__file__).resolve().parents[3] / "shared" / "bench" / "cryodrgn" / "micro_cdrgn.py"


def main(words: list[str] | None = None) -> int:
    """Measure; the exit status."""
    args = arguments(words)
    if args.threads:
        os.environ["OMP_NUM_THREADS"] = str(args.threads)  # of the contenders, which are started later
    text = ""
    try:
        for comparisons, notes in measured(args):  # written after each part: the next one may take long
            text = written(args, comparisons, notes)
    except CryoHypeError as error:
        print(error, file=sys.stderr)
        return 2
    print(text)
    return 0


def written(args: argparse.Namespace, comparisons: list[Comparison], notes: list[str]) -> str:
    """The report, which is now in the output folder with its numbers beside it."""
    text = report(args, comparisons, notes)
    (args.output / "results.md").write_text(text)
    rows = [row.record() for row in comparisons]
    content: dict[str, Any] = {"commit": commit(), "machine": machine(), "rows": rows, "notes": notes}
    (args.output / "results.json").write_text(json.dumps(content, indent=1))
    return text


def arguments(words: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    known = (*WARM, *COMMANDS)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="data found there are used again")
    parser.add_argument("--what", default=",".join(known), metavar="A,B", help=f"of {', '.join(known)}; default all")
    parser.add_argument("--box", type=int, default=64, metavar="PX", help="default 64")
    parser.add_argument("--hidden", type=int, default=256, help="width of the INR, default 256")
    parser.add_argument("--layers", type=int, default=5, help="linear layers of the INR, default 5: cryoDRGN's 256×3")
    parser.add_argument("--batch", type=int, default=16, help="images a step, default 16")
    parser.add_argument("--images", type=int, default=512, metavar="N", help="of the data set, default 512")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="that count, after one that warms up; default 5")
    parser.add_argument("--command-rounds", type=int, default=3, metavar="N", help="of whole commands, default 3")
    parser.add_argument("--steps", type=int, default=1, metavar="N", help="of training in a round, default 1")
    parser.add_argument("--maps", type=int, default=1, metavar="N", help="in a round, default 1")
    parser.add_argument("--threads", type=int, metavar="N", help="of each contender (default: as OMP_NUM_THREADS says)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE", help="for ours and plain")
    parser.add_argument("--rivals", default=",".join(RIVALS), metavar="A,B", help=f"default {','.join(RIVALS)}")
    parser.add_argument("--rival-python", type=Path, default=Path("/tmp/rival/bin/python"), help="of cryoDRGN's environment")
    return parser.parse_args(words)


def measured(args: argparse.Namespace) -> Iterator[tuple[list[Comparison], list[str]]]:
    """The rows of the parts so far, and what a reader must know of them; once after each part."""
    what = _chosen(args.what, (*WARM, *COMMANDS), "part")
    rivals = [RIVALS[name] for name in _chosen(args.rivals, tuple(RIVALS), "rival")]
    sizes = Sizes(args.box, args.hidden, args.layers, args.batch, args.images)
    made = prepared(sizes, args.output, args.device, args.overrides)
    notes = [f"Equal for all: {sizes}. Of ours and plain: {', '.join(args.overrides) or 'the encoder of case.py'}."]
    if args.device == "cuda":
        notes.append("Nothing of this benchmark had been measured on a GPU before this run: read its figures with care.")
    if DRGN in rivals and not args.rival_python.is_file():
        rivals.remove(DRGN)
        notes.append(f"{DRGN} is left out: {args.rival_python} does not exist; "
                     "`python -m venv E; E/bin/pip install torch cryodrgn`, and --rival-python E/bin/python.")  # fmt: skip
    rows: list[Comparison] = []
    yield rows, notes
    for part_rows, note in _warm(args, what, rivals, sizes, made):
        rows += part_rows
        notes += [note] if note else []
        yield rows, notes
    if DRGN in rivals:
        for row in _commands(args, what, sizes, made):
            rows.append(row)
            yield rows, notes
        notes += _rig(args, what, made)
        yield rows, notes


def _warm(
    args: argparse.Namespace, what: list[str], rivals: list[str], sizes: Sizes, made: Prepared
) -> Iterator[tuple[list[Comparison], str]]:
    """Parts in warm processes: rows and a sentence of each."""
    names = [name for name in WARM if name in what]
    if not names or not rivals:
        return
    with contenders(made, args.rival_python, rivals) as found:
        for name in names:
            for part in parts_of(name, sizes, args.steps, args.maps, made.folder, _promised(args)):
                if set(part.rivals) & set(rivals):
                    yield compared(part, found, args.rounds, "cpu" if args.device == "cpu" else "wall")


def _commands(args: argparse.Namespace, what: list[str], sizes: Sizes, made: Prepared) -> Iterator[Comparison]:
    """Whole commands beside cryoDRGN's."""
    names = [name for name in COMMANDS if name in what]
    if set(names) - {"backproject"}:
        train_rival(sizes, made, args.rival_python)
    for name in names:
        for pair in pairs_of(name, sizes, made, args.rival_python, _promised(args)):
            yield compared_commands(pair, made, args.command_rounds)


def _rig(args: argparse.Namespace, what: list[str], made: Prepared) -> list[str]:
    """What the shared rig says of cryoDRGN on the same data: a check of our way to run it."""
    if "train" not in what or args.layers != 5 or args.device != "cpu":  # it knows 256×3 only
        return []
    if not RIG.is_file():
        return [f"The check of cryoDRGN's figures by the shared rig is left out: {RIG} is not there."]
    command = [args.rival_python, RIG, made.data.folder, str(args.hidden), str(args.rounds), str(args.batch)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return [f"The check of cryoDRGN's figures by the shared rig failed: {done.stderr.strip().splitlines()[-1]}"]
    return [
        "The shared rig micro_cdrgn.py on the same data, after the rest: " + "; ".join(map(str.strip, done.stdout.splitlines()))
    ]


def _promised(args: argparse.Namespace) -> bool:
    """Whether issue 6 names targets for these sizes."""
    return (args.box, args.hidden, args.device) == (64, 256, "cpu")


def _chosen(text: str, known: tuple[str, ...], kind: str) -> list[str]:
    """Names of a list with commas."""
    names = text.split(",")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"there is no {kind} {unknown[0]!r}; give of {', '.join(known)}")
    return names


def report(args: argparse.Namespace, comparisons: list[Comparison], notes: list[str]) -> str:
    """The table with what it needs to be understood."""
    threads = os.environ.get("OMP_NUM_THREADS", "as many as cores")
    missed = [f"{row.what} against {row.rival}" for row in comparisons if row.missed]
    parts = [
        "# Speed",
        f"`{' '.join(['python -m benchmarks.speed', *sys.argv[1:]])}`, commit {commit()}, {machine()}, "
        f"threads of each contender: {threads}; load average at the end {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.",
        f"{args.rounds} rounds ({args.command_rounds} of whole commands) after one that warms up. Figures are medians; a ratio "
        "is the median over the rounds of the rival's time over ours, with lowest and highest. "
        "The arithmetic limit is the rate of matrix products of the INR's (or encoder's) sizes in the same rounds, by processor "
        "time on a CPU, times the counted operations of ours.",
        speed_table(comparisons),
        f"**Missed**: {'; '.join(missed)}." if missed else "",
        "\n".join(f"- {note}" for note in notes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


if __name__ == "__main__":
    sys.exit(main())
