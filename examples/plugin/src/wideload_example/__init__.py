"""Two plugins for wideload; see the README beside pyproject.toml."""
