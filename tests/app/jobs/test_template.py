"""What is filled into a script template stays what it is."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryohype_app.jobs.template import DEFAULT_TEMPLATE, fill_template
from cryohype_model.errors import ConfigError


@given(
    name=st.text(max_size=30), folder=st.text("a b'\"$`;&{}()*?[]!#\\~", min_size=1, max_size=12).filter(lambda s: "\\" not in s)
)
def test_nothing_that_is_filled_in_reaches_the_shell(name: str, folder: str) -> None:
    words = ("/usr/bin/python", "-m", "runner", f"/store/{folder}/{{log}}")
    lines = fill_template(DEFAULT_TEMPLATE, name, Path(f"/store/{folder}/{{gpus}}"), 1, words).splitlines()
    assert len(lines) == len(DEFAULT_TEMPLATE.splitlines())
    assert shlex.split(lines[-1]) == ["exec", *words]
    option, _, value = next(line for line in lines if "--output" in line).partition("=")
    assert (option, shlex.split(value)) == ("#SBATCH --output", [str(Path(f"/store/{folder}/{{gpus}}"))])
    job_name = next(line for line in lines if "--job-name" in line).partition("=")[2]
    assert job_name and all(letter.isalnum() or letter in "._-" for letter in job_name) and job_name.isascii()


@pytest.mark.parametrize("folder", ["100%", "a\nb", "a\\b"])
def test_a_log_path_that_slurm_would_misread(folder: str) -> None:
    with pytest.raises(ConfigError, match="cannot write the log"):
        fill_template(DEFAULT_TEMPLATE, "x", Path(f"/{folder}/log.txt"), 1, ("ls",))


def test_other_braces_of_a_template_stay(tmp_path: Path) -> None:
    script = fill_template("echo ${SLURM_JOB_ID} {x} {{gpus}}\n{command}\n", "x", tmp_path / "log", 3, ("ls",))
    assert script == "echo ${SLURM_JOB_ID} {x} {3}\nexec ls\n"
