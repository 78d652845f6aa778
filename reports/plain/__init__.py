"""Findings -> Markdown and the terminal."""
