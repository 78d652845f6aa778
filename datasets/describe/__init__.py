"""Describes what is in a prepared folder, as data and as HTML."""
