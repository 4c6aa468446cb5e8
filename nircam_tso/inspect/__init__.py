"""Looking at a product: its statistics, its systematics, and pictures of it."""
