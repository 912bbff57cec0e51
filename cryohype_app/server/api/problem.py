"""What a refused request is answered: one sentence."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from cryohype_app.launch import RunBusyError
from cryohype_app.store import sentence
from cryohype_app.worker.errors import Superseded, VolumeGone, WorkerError
from cryohype_model.errors import CryoHypeError


class NotThereError(CryoHypeError):
    """What the address names does not exist."""


class ConflictError(CryoHypeError):
    """It cannot be done now."""


class Problem(BaseModel):
    """The request cannot be fulfilled."""

    detail: str = Field(description="what, where, which value, and the remedy")


# the first that fits counts
STATUS: dict[type[CryoHypeError], int] = {
    NotThereError: 404, VolumeGone: 404, RunBusyError: 409, ConflictError: 409, Superseded: 409, WorkerError: 503,
    CryoHypeError: 400,
}  # fmt: skip
MEANING = {
    400: "It is not possible; the sentence says why",
    401: "The token is missing or wrong",
    403: "The request comes from another site",
    404: "It names something that is not there",
    409: "It is not possible now, such as while a run is written to",
    422: "It does not have the form that is documented here",
    503: "The process that makes volumes failed; the next request starts it anew",
}
Answers = dict[int | str, dict[str, Any]]


def refusals(*statuses: int) -> Answers:
    """For the documentation of a route: these statuses, answered with a :class:`Problem`."""
    return {status: {"model": Problem, "description": MEANING[status]} for status in statuses}


REFUSALS = refusals(400, 401, 403)  # of every route


def answer_problems(app: FastAPI) -> None:
    """Whatever goes wrong becomes an answer with its sentence."""

    @app.exception_handler(CryoHypeError)
    async def tell(_: Request, error: CryoHypeError) -> JSONResponse:
        return _answer(next(status for kind, status in STATUS.items() if isinstance(error, kind)), str(error))

    @app.exception_handler(RequestValidationError)
    async def tell_form(_: Request, error: RequestValidationError) -> JSONResponse:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        return _answer(422, f"{where}: {problem['msg'].removeprefix('Value error, ')}; /docs tells what is expected")

    @app.exception_handler(HTTPException)
    async def tell_http(request: Request, error: HTTPException) -> JSONResponse:
        path, headers = request.url.path, dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = _allowed(app, path) or headers.get("Allow", "GET")
            return _answer(405, f"{request.method} is not possible at {path}; possible is {headers['Allow']}", headers)
        is_plain = error.status_code == 404 and error.detail == "Not Found"
        return _answer(error.status_code, f"there is nothing at {path}; see /docs" if is_plain else error.detail, headers)

    @app.exception_handler(Exception)
    async def tell_unforeseen(_: Request, error: Exception) -> JSONResponse:
        return _answer(500, sentence(error))  # starlette then raises it again, and the server logs it


def _allowed(app: FastAPI, path: str) -> str:
    """Every method of a path of the API; of two routes with one path, starlette names the first one's only."""
    paths = app.openapi()["paths"]
    fitting = [path] if path in paths else [template for template in paths if compile_path(template)[0].fullmatch(path)]
    return ", ".join(sorted({method.upper() for template in fitting for method in paths[template]}))


def _answer(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": printable(detail)}, status_code=status, headers=headers)


def printable(text: str) -> str:
    """A text that JSON can carry: names of files, and what a request says, need not be Unicode."""
    return text.encode("utf-8", "replace").decode()
