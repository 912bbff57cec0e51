"""Volume inspection: the level, slices, filters, measures and comparisons of maps that are layers of napari."""
