"""Two plug-ins for wideload; see README.md in the folder of pyproject.toml."""
