"""From particles and networks to maps: back-projection, latents, volumes."""
