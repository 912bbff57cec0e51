"""Where everything that tests need is there, a skipped test is a failed one (CRYOHYPE_REQUIRE_ALL, set by .ci/run)."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

REQUIRE_ALL = bool(os.environ.get("CRYOHYPE_REQUIRE_ALL"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real and odd files, ../shared/data beside the repository; CRYOHYPE_SHARED names another ``shared``."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("CRYOHYPE_SHARED", default)) / "data"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: set CRYOHYPE_SHARED to the folder that holds data/MANIFEST.tsv")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip becomes a failure; what needs a GPU may still skip, as may an expected failure."""
    report = yield
    if REQUIRE_ALL and report.skipped and item.get_closest_marker("gpu") is None and not hasattr(report, "wasxfail"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that skips itself while it is collected."""
    report = yield
    if REQUIRE_ALL and report.skipped:
        _fail(report)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"skipped although CRYOHYPE_REQUIRE_ALL is set: {reason}"
