"""The SLURM lanes, against stand-ins that run the scripts on this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cryohype_app.jobs.book import JobBook
from cryohype_app.jobs.job import Job
from cryohype_app.jobs.slurm import DEFAULT_TEMPLATE
from cryohype_model.errors import ConfigError, RunError

Python = Callable[..., tuple[str, ...]]
Reach = Callable[..., Job]

_COMMON = """#!/bin/bash
cd "{state}"
begin() {{
    eval "out=$(sed -n 's/^#SBATCH --output=//p' $1.script)"
    CUDA_VISIBLE_DEVICES=7 SLURM_NTASKS=1 setsid bash $1.script > "$out" 2>&1 < /dev/null &
    echo $! > $1.pid
}}
alive() {{ [[ -f $1.pid && $(ps -o stat= -p $(cat $1.pid)) =~ ^[^Z] ]]; }}
"""
_SBATCH = """
[[ -f refusal ]] && {{ cat refusal >&2; exit 1; }}
[[ -f answer ]] && {{ cat answer; exit; }}
[[ $1 == --parsable && $# == 2 ]] || exit 64
number=$(( 101 + $(ls *.script 2>/dev/null | wc -l) ))
cp "$2" $number.script
[[ -f hold ]] || begin $number
echo "$number;cluster"
"""
_SQUEUE = """
[[ -f down ]] && {{ echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1; }}
echo "$@" >> squeue.calls
[[ "$1 $2 $3 $4" == "-h -o %i %T -j" ]] || exit 64
numbers=${{5//,/ }}
found=
for number in $numbers; do
    if [[ -f $number.script && ! -f $number.pid && ! -f hold ]]; then begin $number; fi
    if [[ ! -f $number.script ]]; then continue
    elif [[ ! -f $number.pid ]]; then echo "$number PENDING"; found=1
    elif alive $number; then echo "$number RUNNING"; found=1; fi
done
[[ -n $found || $numbers == *" "* ]] || {{ echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1; }}
"""
_SCANCEL = """
echo "$@" >> scancel.calls
[[ -f refusal ]] && {{ cat refusal >&2; exit 1; }}
number=${{@: -1}}
if [[ "$1 $2" == "--signal=TERM --batch" ]]; then
    alive $number || {{ echo "scancel: error: Kill job error on job id $number" >&2; exit 1; }}
    kill -TERM $(cat $number.pid)
elif [[ $# == 1 ]]; then
    [[ -f $number.pid ]] && kill -KILL -- -$(cat $number.pid)
    rm $number.script
fi
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, book: JobBook) -> Iterator[Path]:
    """The state of the stand-ins: their files, and those by which a test tells them what to do. A lane ``gpu`` is there."""
    state, programs, lanes = tmp_path / "state", tmp_path / "bin", tmp_path / "store" / ".cryohype" / "lanes"
    for folder in (state, programs, lanes):
        folder.mkdir(parents=True)
    for name, text in {"sbatch": _SBATCH, "squeue": _SQUEUE, "scancel": _SCANCEL}.items():
        (programs / name).write_text((_COMMON + text).format(state=state))
        (programs / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (lanes / "gpu.sh").write_text(DEFAULT_TEMPLATE)
    yield state
    for file in state.glob("*.pid"):
        _kill_all(int(file.read_text()))


def _kill_all(group: int) -> None:
    try:
        os.killpg(group, 9)
    except ProcessLookupError:
        return


def _submit(book: JobBook, command: tuple[str, ...], title: str = "Job", device: str = "cuda:0") -> Job:
    return book.submit("train", title, command, run=Path("/runs/a"), lane="gpu", device=device)


def test_a_job_runs_in_slurm(book: JobBook, state: Path, python: Python, reach: Reach) -> None:
    code = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'], 'SLURM_NTASKS' in os.environ)"
    job = _submit(book, python(code), "My run; rm -rf $HOME", device="cuda:0,cuda:3")
    assert (job.status, job.scheduler_id, job.pid) == ("queued", "101", None)
    job = reach(book, job, "finished")
    assert job.exit_code == 0
    assert book.log_tail(job.id) == "7 False\n", "SLURM chooses the GPUs; Fabric starts its processes itself"
    lines = (state / "101.script").read_text().splitlines()
    assert lines[0] == "#!/bin/bash"
    assert "#SBATCH --job-name=cryohype-My-run-rm--rf-HOME" in lines
    assert "#SBATCH --gres=gpu:2" in lines
    assert "#SBATCH --signal=B:TERM@120" in lines
    assert book.lanes() == ("local", "gpu")


def test_a_waiting_job_tells_the_state_of_slurm(book: JobBook, state: Path, sleeper: tuple[str, ...], ready: Reach) -> None:
    (state / "hold").touch()
    jobs = [_submit(book, sleeper) for _ in range(2)]
    book.tick()
    assert {(book.get(job.id).status, book.get(job.id).message) for job in jobs} == {("queued", "PENDING")}
    assert (state / "squeue.calls").read_text() == "-h -o %i %T -j 101,102\n", "one question for all"
    (state / "hold").unlink()
    for job in jobs:
        running = ready(book, job)
        assert running.message == "" and running.started is not None, "one job a device is not SLURM's rule"


def test_slurm_is_not_asked_at_every_tick(book: JobBook, state: Path, sleeper: tuple[str, ...], tmp_path: Path) -> None:
    (state / "hold").touch()
    _submit(book, sleeper)
    patient = JobBook(tmp_path / "store", squeue_seconds=60)
    for _ in range(3):
        patient.tick()
    assert len((state / "squeue.calls").read_text().splitlines()) == 1


def test_a_waiting_job_is_taken_out(book: JobBook, state: Path, sleeper: tuple[str, ...]) -> None:
    (state / "hold").touch()
    job = _submit(book, sleeper)
    assert book.stop(job.id).status == "stopped"
    assert (state / "scancel.calls").read_text() == "101\n" and not (state / "101.script").exists()


def test_a_running_job_is_asked_first_and_then_cancelled(
    book: JobBook, state: Path, sleeper: tuple[str, ...], stubborn: tuple[str, ...], ready: Reach, reach: Reach, tmp_path: Path
) -> None:
    listens, ignores = (_submit(book, command) for command in (sleeper, stubborn))
    for job in (listens, ignores):
        ready(book, job)
        assert book.stop(job.id).status == "stopping"
    assert reach(book, listens, "stopped").exit_code == 143
    book.tick()
    assert book.get(ignores.id).status == "stopping"
    book.stop(ignores.id)
    hasty = JobBook(tmp_path / "store", grace_seconds=0, squeue_seconds=0)
    assert reach(hasty, ignores, "stopped").message == "Killed at the second request."
    assert (state / "scancel.calls").read_text() == "--signal=TERM --batch 101\n--signal=TERM --batch 102\n102\n"


def test_a_refusing_scancel_changes_nothing(book: JobBook, state: Path, sleeper: tuple[str, ...], ready: Reach) -> None:
    job = ready(book, _submit(book, sleeper))
    (state / "refusal").write_text("scancel: error: Access/permission denied\n")
    with pytest.raises(RunError, match="Access/permission denied"):
        book.stop(job.id)
    assert book.get(job.id) == job


def test_a_refusing_sbatch_is_quoted_and_leaves_nothing(book: JobBook, state: Path, python: Python) -> None:
    (state / "refusal").write_text("sbatch: error: Batch job submission failed:\n Invalid partition name specified\n")
    with pytest.raises(RunError, match=r"SLURM refused: sbatch: error: .* failed: Invalid partition name"):
        _submit(book, python(""))
    assert book.jobs() == () and list(book._shelf.root.glob("*/")) == []


@pytest.mark.parametrize("answer", ["", "Submitted batch job 12\n", "12 13\n"])
def test_an_unknown_answer_of_sbatch(book: JobBook, state: Path, python: Python, answer: str) -> None:
    (state / "answer").write_text(answer)
    with pytest.raises(RunError, match="instead of a job number"):
        _submit(book, python(""))


def test_no_slurm_here(book: JobBook, state: Path, python: Python, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(state))
    with pytest.raises(RunError, match="there is no sbatch on this machine"):
        _submit(book, python(""))


def test_a_job_that_slurm_lost(book: JobBook, state: Path, sleeper: tuple[str, ...], ready: Reach, tmp_path: Path) -> None:
    job = ready(book, _submit(book, sleeper))
    _kill_all(int((state / "101.pid").read_text()))
    for _ in range(3):
        book.tick()
    assert book.get(job.id) == job, "exit.json may lag behind"
    hasty = JobBook(tmp_path / "store", grace_seconds=0, squeue_seconds=0)
    hasty.tick()
    lost = hasty.get(job.id)
    assert lost.status == "failed" and "does not know this job any more" in lost.message and "--resume /runs/a" in lost.message


def test_an_unreachable_scheduler_is_told_and_nothing_is_lost(
    book: JobBook, state: Path, sleeper: tuple[str, ...], ready: Reach, tmp_path: Path
) -> None:
    job = ready(book, _submit(book, sleeper))
    hasty = JobBook(tmp_path / "store", grace_seconds=0, squeue_seconds=0)
    (state / "down").touch()
    hasty.tick()
    assert hasty.get(job.id) == job
    assert hasty.problems() == ("SLURM refused: slurm_load_jobs error: Unable to contact slurm controller",)
    (state / "down").unlink()
    hasty.tick()
    assert (hasty.get(job.id), hasty.problems()) == (job, ())


@pytest.mark.parametrize("text", ["#!/bin/bash\necho {gpus}\n", "#!/bin/bash\n# {command}\n"])
def test_a_template_without_a_command(book: JobBook, state: Path, python: Python, tmp_path: Path, text: str) -> None:
    (tmp_path / "store" / ".cryohype" / "lanes" / "gpu.sh").write_text(text)
    with pytest.raises(ConfigError, match=r"gpu\.sh lacks \{command\}"):
        _submit(book, python(""))
    assert book.jobs() == ()


@pytest.mark.parametrize("lane", ["cpu", "../lanes/gpu", ".hidden"])
def test_an_unknown_lane(book: JobBook, state: Path, python: Python, lane: str) -> None:
    with pytest.raises(ConfigError, match="choose one of local, gpu"):
        book.submit("check", "No", python(""), lane=lane)
    assert book.jobs() == ()
