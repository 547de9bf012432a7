"""From the files of other tools to kafkade's resources: a module for each format, pure, and nothing dropped without a word."""
