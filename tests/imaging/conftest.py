"""Property tests are timed by pytest-timeout, not by hypothesis: the first call of a torch function is slow."""

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
