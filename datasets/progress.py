"""Progress of reading, on stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click


@contextmanager
def shown(quiet: bool) -> Iterator[Any]:
    """Shows progress on stderr: a bar with rate and time left on a terminal, otherwise one line every ten seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield (lambda *_: None) if quiet else _Lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task, begin = bar.add_task("reading", rate=""), time.monotonic()

        def show(stage: str, rows: int, done: int, total: int) -> None:
            rate = rows / max(time.monotonic() - begin, 1e-9)
            known = total if total >= done else None
            bar.update(task, description=stage, completed=done, total=known, rate=f"{rows:,} rows, {rate:,.0f}/s")

        yield show


class _Lines:
    """Shows progress without a terminal: one line every ten seconds."""

    EVERY = 10.0

    def __init__(self) -> None:
        self._begin = self._last = time.monotonic()

    def __call__(self, stage: str, rows: int, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last >= self.EVERY:
            self._last = now
            share = f" ({done / total:.0%})" if total >= done > 0 else ""
            click.echo(f"{stage}: {rows:,} rows{share}, {rows / (now - self._begin):,.0f}/s", err=True)
