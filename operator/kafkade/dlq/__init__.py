"""Dead letters: read their headers and contents, keep policies, put records back exactly once."""
