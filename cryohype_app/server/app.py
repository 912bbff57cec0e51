"""The one application: API, pages and static files behind the guard, on one port."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

os.environ.setdefault("BOKEH_RESOURCES", "server")  # read when bokeh is imported: nothing comes from other hosts

import panel as pn
import panel_material_ui  # noqa: F401  # before the applications are added: its bundles are then served
from fastapi import FastAPI
from panel.io.fastapi import add_applications
from starlette.types import ASGIApp

from cryohype_app import __version__
from cryohype_app.background import on_document
from cryohype_app.server import fixes
from cryohype_app.server.api import api_router
from cryohype_app.server.api.feed import Feed
from cryohype_app.server.api.limit import BodyLimit
from cryohype_app.server.api.problem import answer_problems
from cryohype_app.server.assets import PackedFiles, add_early
from cryohype_app.server.docs import add_docs
from cryohype_app.server.guard import Guard
from cryohype_app.server.stream import endpoint
from cryohype_app.server.warm import warm_up
from cryohype_app.services import Services
from cryohype_app.store import sentence
from cryohype_app.views.compare.page import compare_page
from cryohype_app.views.demo import offer_demo
from cryohype_app.views.explore import explore_page
from cryohype_app.views.export import export_page
from cryohype_app.views.monitor import monitor_page
from cryohype_app.views.page import Frame
from cryohype_app.views.runs import runs_page
from cryohype_app.views.train import train_page

log = logging.getLogger(__name__)
ANSWERED_S = 0.02  # until the frame of a page is on its way
Page = Callable[[Services, Frame], None]
PAGES: dict[str, tuple[str, Page]] = {
    "/": ("Runs", runs_page),
    "/train": ("Train", train_page),
    "/monitor": ("Monitor", monitor_page),
    "/explore": ("Explore", explore_page),
    "/compare": ("Compare", compare_page),
    "/export": ("Export", export_page),
}


def build_app(services: Services, token: str, hosts: frozenset[str], secure: bool = False) -> ASGIApp:
    """The application that uvicorn serves.

    Parameters
    ----------
    hosts : what the Host header may say, such as ``localhost:*``. secure : whether the cookie is sent over TLS only.
    """
    fixes.apply()
    pn.extension(notifications=True)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with services.running():
            warm_up()
            yield

    app = FastAPI(
        title="CryoHype", version=__version__, summary="Runs, volumes and jobs of a CryoHype server", lifespan=lifespan,
        docs_url=None, redoc_url=None,
    )  # fmt: skip
    feed = Feed(services)
    services.watchers.append(feed.look)
    app.include_router(api_router(services, feed))
    app.include_router(endpoint.router(services, feed))
    answer_problems(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(PackedFiles)
    add_docs(app)
    add_early(app)
    schema = list(app.routes)
    pages = {path: _made_with(title, fill, services) for path, (title, fill) in PAGES.items()}
    titles = {path: f"CryoHype · {title}" for path, (title, _) in PAGES.items()}
    add_applications(pages, app=app, title=titles, websocket_origin=sorted(hosts) or ["*"])
    for route in app.routes:
        if route not in schema and hasattr(route, "include_in_schema"):
            route.include_in_schema = False  # pages are no part of the API
    app.openapi()  # made once and kept; here, because FastAPI silences warnings meanwhile, and that is not for several threads
    return Guard(app, token, hosts, secure)


def _made_with(title: str, fill: Page, services: Services) -> Callable[[], Any]:
    """A function without arguments: Panel takes a partial for a value to show.

    The browser is answered with the frame alone: while it loads its scripts, which takes longer, the page is filled, and then
    it asks for all of it.
    """

    def make() -> Any:
        frame, document = Frame(title), pn.state.curdoc

        def filled() -> None:
            try:
                fill(services, frame)
                offer_demo(frame.page, services)
            except Exception as error:  # whatever a page fails of, it is told in a sentence and kept in the log
                log.exception("a page could not be made")
                frame.show_problem(sentence(error), "error")

        asyncio.get_running_loop().call_later(ANSWERED_S, on_document, document, filled)
        return frame.page

    return make
