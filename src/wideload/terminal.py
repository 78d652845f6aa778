"""Tables in a terminal, by rich: cells fold where it is narrow. In a pipe or a file a row is a line, however long.

Text is shown as it is: nothing in a cell is read as markup.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

UNBOUNDED = 100_000


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[str] = (), faint: Collection[int] = ()
) -> Table:
    """A table without rules. Columns named in ``numbers`` are flush right, rows at the places ``faint`` dimmed."""
    from rich.table import Table
    from rich.text import Text

    whole = Table(box=None, pad_edge=False, header_style="dim")
    for title in head:
        whole.add_column(Text(title), justify="right" if title in numbers else "left")
    for place, row in enumerate(rows):
        whole.add_row(*map(Text, row), style="dim" if place in faint else None)
    return whole


def words(sentence: str, style: str = "") -> Text:
    """A line of text among tables."""
    from rich.text import Text

    return Text(sentence, style=style)


def show(*parts: Table | Text) -> None:
    """Prints to stdout."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        console.print(*parts, sep="\n")
    else:
        click.echo(plain(*parts))


def plain(*parts: Table | Text, width: int = UNBOUNDED) -> str:
    """What :func:`show` prints where colours mean nothing, without blanks at the ends of lines."""
    from rich.console import Console

    console: Console = Console(width=width, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(*parts, sep="\n")
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
