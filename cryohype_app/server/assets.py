"""What all pages are made of: packed on the way to the browser, and its large modules loaded while the server fills the page."""

from __future__ import annotations

import hashlib
import json

import panel as pn
import panel_material_ui as pmui
from fastapi import FastAPI
from fastapi.responses import Response
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from cryohype_app.components.viewer3d import VolumeViewer

ADDRESS = "/early.js"
FILES = ("/static/", "/components/", "/docs/")
PACKED = 4  # of zlib: five million bytes in 0.2 s, and 5 % more of them than its best
LARGE = (pmui.Page, VolumeViewer)
KEPT = {"Cache-Control": "max-age=31536000, immutable"}  # or it would wait for the server, which fills the page

SCRIPT = """{
  const shim = importShim, full = (address) => new URL(address, document.baseURI).href
  const large = new Set(ADDRESSES.map(full))
  const load = (address, ...others) => (large.has(full(address)) ? import(full(address)) : shim(address, ...others))
  window.importShim = Object.assign(load, shim)
  for (const address of large) import(address).catch(console.warn)
}
"""


class PackedFiles:
    """ASGI application around another: its files are compressed for browsers that can unpack them; a tunnel does not do it.

    Answers with data are not: a page holds a secret, and maps do not get smaller.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.packing = app, GZipMiddleware(app, compresslevel=PACKED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        is_file = scope["type"] == "http" and scope["path"].startswith(FILES)
        await (self.packing if is_file else self.app)(scope, receive, send)


def add_early(app: FastAPI) -> None:
    """Serve the script that asks for the large modules, and have every page run it.

    They import nothing by a bare name, so the browser itself loads them: it compiles them outside of the page's thread and keeps
    what it compiled. Panel's shim would search and rewrite two million characters, each time.
    """
    addresses = json.dumps([component._render_esm(server=True) for component in LARGE])
    script = SCRIPT.replace("ADDRESSES", addresses)

    @app.get(ADDRESS, include_in_schema=False)
    def early() -> Response:
        """A script."""
        return Response(script, media_type="text/javascript", headers=KEPT)

    version = hashlib.sha256(script.encode()).hexdigest()[:16]
    pn.config.js_files = pn.config.js_files | {"early": f"{ADDRESS}?v={version}"}
