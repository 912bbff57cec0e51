"""What a refused request is answered: one sentence."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from cryohype_model.errors import CryoHypeError


class Problem(BaseModel):
    """The request cannot be fulfilled."""

    detail: str = Field(description="what, where, which value, and the remedy")


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "It names something that is not there or not possible"},
    401: {"description": "The token is missing or wrong", "content": {"text/plain": {}}},
    403: {"description": "The request comes from another site", "content": {"text/plain": {}}},
}


def answer_problems(app: FastAPI) -> None:
    """Our own errors become answers with their sentence."""

    @app.exception_handler(CryoHypeError)
    async def tell(_: Request, error: CryoHypeError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=400)
