"""The pages: each asks a cluster for what it shows, and gives its title and content."""
