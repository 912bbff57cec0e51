"""Speed of CryoHype beside its rivals on the same images, interleaved in one run; see ``python -m benchmarks.speed --help``."""
