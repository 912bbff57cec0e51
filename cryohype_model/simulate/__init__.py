"""Particle images with known truth: atomic models, procedural complexes or maps, made into densities and projected."""
