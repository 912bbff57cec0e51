"""Explore: latent space, selection, volume and metrics on one screen."""

from __future__ import annotations

from typing import Any

import panel_material_ui as pmui

from cryohype_app.services import Services
from cryohype_app.state import AppState
from cryohype_app.store import sentence
from cryohype_app.views.clusters import ClustersView
from cryohype_app.views.embedding import EmbeddingView
from cryohype_app.views.latent import LatentView
from cryohype_app.views.metrics import MetricsView
from cryohype_app.views.napari import Napari
from cryohype_app.views.page import Frame, argument, panel
from cryohype_app.views.particles import ParticlesView
from cryohype_app.views.path import PathView
from cryohype_app.views.selection import SelectionView
from cryohype_app.views.volume import VolumeView
from cryohype_model.errors import CryoHypeError


def explore_page(services: Services) -> Any:
    """The page of one run, named by ``?run=``; without one, the newest that was analysed."""
    run_id = argument("run") or _newest_analysed(services)
    frame = Frame("Explore", run_id)
    try:
        latent = services.data.frame(run_id, argument("checkpoint") or None)
        run = services.data.run(run_id)
    except CryoHypeError as error:
        frame.page.main = [pmui.Alert(object=sentence(error), severity="info", margin=20)]
        return frame.page
    state = AppState(run_id=run_id, checkpoint=latent.space.checkpoint)
    worker = services.worker(run_id, latent.space.checkpoint)
    picture = LatentView(latent, state, frame.tell, frame.dark)
    embedding = EmbeddingView(services, state, picture.show_space, frame.tell)
    chosen = SelectionView(run, latent, state, frame.tell, embedding.start)
    napari = Napari(services, frame.tell)
    volume = VolumeView(worker, run.path.name, state, napari, frame.tell, frame.dark)
    metrics = MetricsView(worker, latent, state, frame.tell)
    volume.warm()
    volume.on_whole(metrics.measure)
    particles = ParticlesView(services, worker, state, frame.tell)
    clusters = ClustersView(run, latent, state, picture.choose_cluster, frame.tell, frame.dark)
    path = PathView(worker, run, latent, state, volume.viewer, volume.generate, napari, frame.tell)
    parts = [
        ("Selections", pmui.Column(embedding, chosen, sizing_mode="stretch_width", margin=0)),
        ("Particles", particles),
        ("Clusters", clusters),
        ("Path", path),
    ]
    tabs = pmui.Tabs(*parts, sizing_mode="stretch_both", margin=0)
    tabs.param.watch(lambda event: _opened(event.new, particles, clusters), "active")
    frame.on_theme(picture.set_theme)
    frame.on_theme(volume.set_theme)
    frame.on_theme(clusters.set_theme)
    title = f"Latent space · {run.path.name} · {len(latent):,} particles"
    left = pmui.Column(panel(title, picture, grow=3), panel("", tabs, grow=2), sizing_mode="stretch_both", margin=0)
    right = pmui.Column(
        panel("Structure", volume, grow=3), panel("Metrics", metrics, grow=2), sizing_mode="stretch_both", margin=0
    )
    both = pmui.Row(left, right, sizing_mode="stretch_both", margin=4, styles={"height": "calc(100vh - 58px)"})
    frame.page.main = [both, napari.dialog]
    return frame.page


def _opened(active: int, particles: ParticlesView, clusters: ClustersView) -> None:
    particles.open(active == 1)
    clusters.open(active == 2)


def _newest_analysed(services: Services) -> str:
    for found in services.data.runs():
        if found.manifest is not None and services.data.latents(found.manifest.id):
            return found.manifest.id
    return ""
