"""MovieLens: ratings, joined with the data of movies and users. Ratings of ``positive_from`` or more have label 1.

=========================  ==============================  ===========================================
layout                     ratings                         movies and users
=========================  ==============================  ===========================================
100k                       ``u.data`` (tabs)               ``u.item`` (``|``, Latin-1), ``u.user`` (``|``)
1M                         ``ratings.dat`` (``::``)        ``movies.dat``, ``users.dat`` (``::``)
20M, 25M, latest           ``ratings.csv``                 ``movies.csv``
one file                   CSV whose header has user_id, movie_id, rating, timestamp, genres ...
=========================  ==============================  ===========================================

Genres are multi-valued. Movies and users are small and held in memory; ratings are streamed.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from wideload.datasets.readers import delimited
from wideload.datasets.readers.contract import Block, Reader
from wideload.datasets.readers.layout import InputField, Label, Layout
from wideload.datasets.readers.sources import files
from wideload.datasets.text.blocks import Position
from wideload.errors import DataError
from wideload.options import Options

_GENRES_100K = (
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
_NO_GENRE = "(no genres listed)"
_RATING = ("user_id", "movie_id", "rating", "timestamp")


class MovieLensOptions(Options):
    """Options.

    Attributes:
        positive_from: lowest rating that counts as positive.
    """

    positive_from: float = Field(default=4.0, ge=0.5, le=5)


@dataclass(frozen=True, slots=True)
class _Release:
    """One published layout: its files and their delimiters."""

    ratings: str
    delimiter: str
    header: bool
    movies: str
    users: str | None


_RELEASES = (
    _Release("u.data", "\t", False, "u.item", "u.user"),
    _Release("ratings.dat", "::", False, "movies.dat", "users.dat"),
    _Release("ratings.csv", ",", True, "movies.csv", None),
)


class MovieLens(Reader):
    name: ClassVar[str] = "movielens"
    summary: ClassVar[str] = "MovieLens 100k, 1M, 20M and later folders, or one joined CSV; genres multi-valued"
    Options: ClassVar[type[Options]] = MovieLensOptions

    @functools.cached_property
    def _release(self) -> _Release | None:
        """The layout of a folder; None for a single joined file."""
        folder = Path(self.path)
        if not folder.is_dir():
            return next((release for release in _RELEASES if release.ratings == folder.name), None)
        found = next((release for release in _RELEASES if (folder / release.ratings).is_file()), None)
        if found is None:
            names = ", ".join(release.ratings for release in _RELEASES)
            raise DataError(f"{folder} holds none of {names}: give a MovieLens folder, or one joined CSV file.")
        return found

    def sources(self) -> tuple[str, ...]:
        if self._release is None:
            return files(self.path)
        return files(str(self._folder / self._release.ratings))

    @property
    def _folder(self) -> Path:
        return Path(self.path) if Path(self.path).is_dir() else Path(self.path).parent

    @functools.cached_property
    def layout(self) -> Layout:
        return self._ratings.model_copy(update={"field": (*self._ratings.field, *self._joined)})

    def reading(self, layout: Layout) -> Self:
        other = super().reading(layout)
        joined = {field.name for field in self._joined}
        own = tuple(field for field in layout.field if field.name not in joined)
        vars(other)["_ratings"] = layout.model_copy(update={"field": own})
        return other

    @functools.cached_property
    def _ratings(self) -> Layout:
        """The columns of the ratings file itself."""
        assert isinstance(self.options, MovieLensOptions)  # for the type checker
        release = self._release
        return Layout(
            delimiter="," if release is None else release.delimiter,
            header=release is None or release.header,
            columns=None if release is None else _RATING,
            label=Label(column="rating", at_least=self.options.positive_from),
            time="timestamp",
            field=(
                InputField(name="user_id", kind="id"),
                InputField(name="movie_id", kind="id"),
                *(() if release is not None else self._in_one_file()),
            ),
        )

    def _in_one_file(self) -> tuple[InputField, ...]:
        header = delimited.names_in_header(self.path, ",")
        known = {
            "genres": InputField(name="genres", kind="text", separator="|"),
            **{name: InputField(name=name, kind="text") for name in ("gender", "age", "occupation", "zip")},
        }
        return tuple(field for name, field in known.items() if name in header)

    @property
    def _joined(self) -> tuple[InputField, ...]:
        if self._release is None:
            return ()
        users = ("gender", "age", "occupation", "zip") if self._release.users else ()
        genres = InputField(name="genres", kind="text", separator="|")
        return (genres, *(InputField(name=name, kind="text") for name in users))

    def blocks(self, source: str, start: Position) -> Iterator[Block]:
        for block in delimited.read(source, self._ratings, start):
            yield Block(self._with_joined(block.table), block.rejects, block.after, block.blank)

    def _with_joined(self, table: pa.Table) -> pa.Table:
        if self._release is None:
            return table
        names = table.column_names
        movies = self._movies
        columns = {name: table[name] for name in names if not name.startswith("\0")}
        columns["genres"] = movies["genres"].take(pc.index_in(table["movie_id"], value_set=movies["id"]))
        if self._release.users:
            users = self._users
            rows = pc.index_in(table["user_id"], value_set=users["id"])
            columns |= {name: users[name].take(rows) for name in ("gender", "age", "occupation", "zip")}
        return pa.table(columns | {name: table[name] for name in names if name.startswith("\0")})

    @functools.cached_property
    def _movies(self) -> dict[str, Any]:
        """The ids and genres of all movies."""
        assert self._release is not None
        ids, genres = [], []
        for number, row in _rows(self._folder / self._release.movies, self._release):
            if number == 1 and self._release.header:
                continue
            ids.append(_integer(row[0], self._folder / self._release.movies, number))
            genres.append(_genres(row))
        return {"id": pa.array(ids, pa.int64()), "genres": pa.array(genres, pa.list_(pa.string()))}

    @functools.cached_property
    def _users(self) -> dict[str, Any]:
        assert self._release is not None
        path = self._folder / str(self._release.users)
        columns: dict[str, list[Any]] = {name: [] for name in ("id", "gender", "age", "occupation", "zip")}
        order = ("id", "age", "gender", "occupation", "zip") if path.name == "u.user" else tuple(columns)
        for number, row in _rows(path, self._release):
            for name, value in zip(order, row, strict=False):
                columns[name].append(_integer(value, path, number) if name == "id" else value.strip())
        return {name: pa.array(values, pa.int64() if name == "id" else pa.string()) for name, values in columns.items()}


def _rows(path: Path, release: _Release) -> Iterator[tuple[int, list[str]]]:
    """Yields the lines of a small file, split into cells, with their numbers.

    Raises:
        DataError: the file does not exist or cannot be read.
    """
    delimiter = "|" if release.ratings == "u.data" else release.delimiter
    try:
        with path.open(encoding="latin-1" if delimiter != "," else "utf-8", newline="") as file:
            if delimiter == ",":
                yield from enumerate(csv.reader(file), 1)
            else:
                lines = (line.rstrip("\r\n") for line in file)
                yield from ((number, line.split(delimiter)) for number, line in enumerate(lines, 1) if line)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}") from None


def _integer(text: str, path: Path, line: int) -> int:
    try:
        return int(text)
    except ValueError:
        raise DataError(f"{path}:{line}: {text!r} is not an id.") from None


def _genres(row: list[str]) -> list[str]:
    """Returns the genres of a movie: names separated by bars, or the 19 flags of the 100k release."""
    if len(row) >= 5 + len(_GENRES_100K):
        return [name for name, flag in zip(_GENRES_100K, row[5:], strict=False) if flag == "1"]
    return [name for name in row[-1].split("|") if name and name != _NO_GENRE]
