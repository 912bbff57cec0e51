"""One thin viewer a page: widgets, and what happens when they are used."""
