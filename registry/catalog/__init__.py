"""Models, datasets, their versions, files and lineage."""
