"""What a soak measures while it runs, and what it makes of it: ``bench/soak.py`` has the load."""
