"""Findings -> one HTML file."""
