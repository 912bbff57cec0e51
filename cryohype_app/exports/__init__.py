"""What leaves a run: maps, particles, a ChimeraX script and a report, made as one folder or one .zip."""
