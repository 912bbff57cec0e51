"""The server's application, on a store with one run that was analysed; and the real server on a port."""

from __future__ import annotations

import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from starlette.testclient import TestClient

from cryohype_app.jobs.book import JobBook
from cryohype_app.jobs.process import kill, reap
from cryohype_app.roots import Roots
from cryohype_app.services import Services
from cryohype_app.store import DataStore
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest

if TYPE_CHECKING:
    from starlette.types import ASGIApp

TOKEN = "a-token-that-nobody-guesses"
HOST = "localhost:8050"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class StandIn(JobBook):
    """A book whose jobs say a word and end: for tests that start hundreds; that trainings really start is tested beside."""

    def submit(self, *given: Any, **how: Any) -> Any:
        """Put a job in that does nothing."""
        kind, title, _, *rest = given
        return super().submit(kind, title, (sys.executable, "-S", "-c", "print('done')"), *rest, **how)


def make_services(store: Path, *roots: Path, book: Callable[[Path], JobBook] = JobBook) -> Services:
    """What the application shares."""
    return Services(DataStore((store,)), book(store), Roots.of([store, *roots]), "cpu")


def make_app(services: Services, host: str = HOST) -> ASGIApp:
    """The application behind its guard."""
    from cryohype_app.server.app import build_app

    return build_app(services, TOKEN, frozenset({host}))


@dataclass
class Api:
    """A script that has the token."""

    client: TestClient
    services: Services
    run: Run

    def __post_init__(self) -> None:
        self.id = read_manifest(self.run).id

    def ask(self, method: str, path: str, **given: Any) -> Any:
        """An answer; ``{run}`` in the path is the run's identity."""
        return self.client.request(method, f"/api/v1{path.replace('{run}', self.id)}", **given)

    def get(self, address: str, **query: Any) -> Any:
        """The JSON that a GET is answered with."""
        answer = self.ask("GET", address, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, status: int, method: str, path: str, **given: Any) -> str:
        """The sentence that a request is refused with."""
        answer = self.ask(method, path, **given)
        assert answer.status_code == status, answer.text
        assert list(answer.json()) == ["detail"]
        return str(answer.json()["detail"])


def _script(services: Services, run: Run) -> Iterator[Api]:
    with TestClient(make_app(services), base_url=f"http://{HOST}", headers=BEARER) as client:
        yield Api(client, services, run)


@pytest.fixture(scope="module")
def quiet() -> Iterator[None]:
    """No compiling in a thread: it meddles with warnings while the next test's application is made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cryohype_app.server.app.warm_up", lambda: None)
        yield


@pytest.fixture
def api(analysed: Run, mixture: Path, quiet: None) -> Iterator[Api]:
    """The API on a store of the test's own."""
    yield from _script(make_services(analysed.path.parent, mixture.parent), analysed)


@pytest.fixture(scope="module")
def shared_run(pristine_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An analysed run that a module's tests share and leave as it is."""
    from tests.app.conftest import write_latents

    path = tmp_path_factory.mktemp("store") / "run"
    shutil.copytree(pristine_run.path, path)
    run = Run(path)
    write_latents(run, 60)
    return run


@pytest.fixture(scope="module")
def shared_api(shared_run: Run, mixture: Path, quiet: None) -> Iterator[Api]:
    """The API on that run: one volume worker for all tests of a module."""
    yield from _script(make_services(shared_run.path.parent, mixture.parent), shared_run)


@pytest.fixture(scope="module")
def served(shared_run: Run, mixture: Path, quiet: None) -> Iterator[str]:
    """Address of the real server on that run, in a thread; its jobs are stand-ins."""
    import uvicorn

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    services, before = make_services(shared_run.path.parent, mixture.parent, book=StandIn), set(psutil.Process().children())
    app = make_app(services, f"127.0.0.1:{port}")
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30)
    end_jobs(services.jobs, before)


def end_jobs(jobs: JobBook, before: set[psutil.Process]) -> None:
    """Nothing that jobs started outlives the tests, and no zombie stays."""
    for job in jobs.jobs():
        kill(job.pid, job.process_created)
    end = time.monotonic() + 30
    while set(psutil.Process().children()) - before and time.monotonic() < end:
        reap()
        time.sleep(0.02)
