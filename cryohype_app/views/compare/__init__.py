"""Compare: two maps side by side, above each other and subtracted, with numbers; and the two runs that they are of."""
