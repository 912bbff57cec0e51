"""Training: particles to networks, in a loop one can read in a sitting."""
