"""The run folder: layout, manifest, metrics log, latents, volumes, selections, store. Never imports torch."""
