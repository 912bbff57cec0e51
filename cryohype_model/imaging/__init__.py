"""Image formation as pure functions on torch tensors: grids, transforms, rotations, CTF, shifts, projection."""
