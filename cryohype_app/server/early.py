"""The large modules of the pages' components: the browser loads and compiles them while the server still fills the page."""

from __future__ import annotations

import hashlib
import json

import panel as pn
import panel_material_ui as pmui
from fastapi import FastAPI
from fastapi.responses import Response

from cryohype_app.components.viewer3d import VolumeViewer

ADDRESS = "/early.js"
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


def add_early(app: FastAPI) -> None:
    """Serve the script that asks for them, and have every page run it.

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
