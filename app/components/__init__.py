"""The pieces that need JavaScript; each has a native fallback, chosen by ?plain=1."""
