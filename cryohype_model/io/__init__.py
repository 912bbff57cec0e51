"""File formats to :class:`ParticleTable` and volumes; foreign conventions end here."""
