"""What a trained network found: reduction, clusters, medoids, paths, activations, and their pictures."""
