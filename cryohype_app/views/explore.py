"""Explore: latent space, selection, volume and metrics on one screen."""

from __future__ import annotations

import panel as pn

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
from cryohype_app.views.tabs import tabs_of
from cryohype_app.views.volume import VolumeView
from cryohype_model.errors import CryoHypeError


def explore_page(services: Services, frame: Frame) -> None:
    """The page of one run, named by ``?run=``; without one, the newest that was analysed."""
    run_id = argument("run") or _newest_analysed(services)
    frame.keep_run(run_id)
    try:
        latent = services.data.frame(run_id, argument("checkpoint") or None)
        run = services.data.run(run_id)
    except CryoHypeError as error:
        frame.show_problem(sentence(error))
        return
    state = AppState(run_id=run_id, checkpoint=latent.space.checkpoint)
    worker = services.worker(run_id, latent.space.checkpoint)
    picture = LatentView(latent, state, frame.tell, frame.dark)
    embedding = EmbeddingView(services, state, picture.show_space, frame.tell)
    chosen = SelectionView(run, latent, state, frame.tell, embedding.start)
    napari = Napari(services, frame.tell)
    volume = VolumeView(worker, run, state, napari, frame.tell, frame.dark)
    metrics = MetricsView(worker, latent, state, frame.tell)
    pn.state.onload(volume.warm)  # it would take the cores from the browser that builds the page
    volume.on_whole(metrics.measure)

    def clusters() -> ClustersView:
        made = ClustersView(run, latent, state, picture.choose_cluster, frame.tell, frame.dark)
        frame.on_theme(made.set_theme)
        return made

    tabs = tabs_of({
        "Selections": lambda: pn.Column(embedding, chosen, sizing_mode="stretch_width", margin=0),
        "Particles": lambda: ParticlesView(services, worker, state, frame.tell),
        "Clusters": clusters,
        "Path": lambda: PathView(worker, run, latent, state, volume.viewer, volume.generate, napari, frame.tell),
    })  # fmt: skip
    frame.on_theme(picture.set_theme)
    frame.on_theme(volume.set_theme)
    title = f"Latent space · {run.path.name} · {len(latent):,} particles"
    left = pn.Column(panel(title, picture, grow=3), panel("", tabs, grow=2), sizing_mode="stretch_both", margin=0)
    right = pn.Column(panel("Structure", volume, grow=3), panel("Metrics", metrics, grow=2), sizing_mode="stretch_both", margin=0)
    both = pn.Row(left, right, sizing_mode="stretch_both", margin=4, styles={"height": "calc(100vh - 58px)"})
    frame.show(both, napari.dialog)


def _newest_analysed(services: Services) -> str:
    for found in services.data.runs():
        if found.manifest is not None and services.data.latents(found.manifest.id):
            return found.manifest.id
    return ""
