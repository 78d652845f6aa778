"""What the nox sessions are made of: the environment, what it needs of the machine, and a machine that has only that.

Runs under the Python that runs nox, before anything of the project is installed: the standard library and nox alone.
"""
