"""``spiritsafe import``: repositories of a model hub, and folders that hold one, as versions with their lineage."""
