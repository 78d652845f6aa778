"""Converts sources to shards: in constant memory, resumable, with the same bytes however often it was interrupted.

::

    reader.blocks --parse--> Block --split--> one ShardWriter per split    for every chunk of about a million rows
                                              .state.json                  after each chunk: where a killed run resumes
    fit                                       vocabularies, means, cardinalities
    manifest.json                             last; .state.json is removed

A chunk ends at the end of a block, and blocks depend on the files alone; therefore so do the shards.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from wideload import files
from wideload.datasets.prepare import checks, dates, fit, fitted, splitting
from wideload.datasets.prepare.folder import STATE, exclusive, sweep
from wideload.datasets.prepare.parts import Part, parts_of
from wideload.datasets.prepare.request import Progress, Report, Request
from wideload.datasets.prepare.splitting import SPLITS, Cut, TimeSample, equal_to
from wideload.datasets.prepare.state import State
from wideload.datasets.prepared.manifest import MANIFEST, Manifest, Provenance, parse
from wideload.datasets.prepared.read_ahead import ahead
from wideload.datasets.prepared.shard import ShardWriter
from wideload.datasets.readers.contract import ROW, SPLIT, TIME, Block
from wideload.datasets.readers.convert import join
from wideload.datasets.rejects import SIDE_FILE, Reject, Rejects
from wideload.datasets.text.blocks import Position
from wideload.errors import DataError, UsageError
from wideload.hashing import fingerprint

__all__ = ["Progress", "Request", "prepare"]

_AHEAD = 2


def prepare(request: Request, path: str, out: Path, report: Report = lambda _: None) -> Manifest:
    """Reads the sources at ``path`` and writes a prepared data set to the folder ``out``.

    Returns at once when ``out`` already holds the result, and resumes where an interrupted run stopped.

    Raises:
        UsageError: an option is unknown, ``out`` holds something else, or another process is writing to it.
        DataError: a source cannot be read, or a row is bad and the policy is ``error``.
    """
    parts = parts_of(request, path)
    out.mkdir(parents=True, exist_ok=True)
    with exclusive(out):
        run = _Run(request, parts, out, report)
        done = run.finished()
        return done if done is not None else run.run()


class _Run:
    def __init__(self, request: Request, parts: tuple[Part, ...], out: Path, report: Report) -> None:
        self._request, self._parts, self._out, self._report = request, parts, out, report
        self._layout = parts[0].reader.layout
        self._sizes = [part.bytes for part in parts]
        self._state = State()
        self._rejects = Rejects(request.bad_rows)
        self._by = self._rule()

    def _rule(self) -> str:
        """Returns the rule to split by, with ``auto`` resolved.

        Raises:
            UsageError: the source lacks what the rule needs.
        """
        rule, layout = self._request.split, self._layout
        given = layout.split is not None or any(part.split for part in self._parts)
        checks.compatible(self._request)
        checks.keys(rule.key, layout)
        if self._request.official:
            return "given"
        if (rule.by == "given" and not given) or (layout.time is None and (rule.by == "time" or rule.dated)):
            asked = "time" if rule.dated else rule.by
            raise UsageError(f"{self._request.reader} data has no {asked} to split by; use --split hash or none.")
        if rule.by != "auto":
            return rule.by
        if rule.dated:
            return "time"
        if self._request.fitted_on is not None and not rule.key:
            return "given" if given else "none"
        return "given" if given else "hash" if layout.time is None or rule.key else "time"

    @property
    def _identity(self) -> str:
        """16 hex digits over the request and the names and sizes of the sources."""
        official = [part.split for part in self._parts] if self._request.official else []
        content = [
            self._request.identity,
            self._layout.identity,
            [[Path(part.source).name, size] for part, size in zip(self._parts, self._sizes, strict=True)],
            *([official] if official else []),
            *([joined] if (joined := join.sizes(self._layout, self._parts[0].source)) else []),
        ]
        return fingerprint(content, separators=(", ", ": "))

    def finished(self) -> Manifest | None:
        """Returns the manifest when this request is already done; otherwise restores the state of an interrupted run.

        Raises:
            UsageError: the folder holds other data.
        """
        if (self._out / MANIFEST).exists():
            manifest = parse((self._out / MANIFEST).read_bytes(), str(self._out / MANIFEST))
            self._check(manifest.provenance.request)
            return manifest
        state = self._out / STATE
        if state.exists():
            stored = json.loads(state.read_text())
            self._check(stored["request"])
            self._state = State.restored(stored["state"])
            self._rejects = Rejects.restored(self._request.bad_rows, stored["rejects"])
        elif any(file.suffix == ".parquet" for file in self._out.iterdir()):
            raise UsageError(f"{self._out} already holds Parquet files. Choose another folder with --out.")
        return None

    def _check(self, request: str) -> None:
        if request != self._identity:
            raise UsageError(
                f"{self._out} holds data prepared from other sources or with other options. Choose another folder "
                "with --out, or delete it."
            )

    def _save(self) -> None:
        stored = {"request": self._identity, "state": self._state.stored(), "rejects": self._rejects.state()}
        files.write(self._out / STATE, json.dumps(stored))

    def run(self) -> Manifest:
        sweep(self._out)
        if self._by == "time" and self._state.cuts is None:
            self._state.cuts = self._cuts()
            self._save()
        with closing(self._blocks()) as blocks:
            while self._chunk(blocks):
                self._save()
        return self._finish()

    def _cuts(self) -> list[Cut]:
        """Reads only the times, to find where the splits begin; once more where many rows have one of these times."""
        if self._request.split.dated:
            with closing(self._times()) as blocks:
                return dates.cuts(self._request.split, blocks)
        sample = TimeSample()
        for times in self._times():
            sample.add(times)
        return sample.cuts(self._request.split, lambda time: sum(equal_to(times, time) for times in self._times()))

    def _times(self) -> Generator[Any, None, None]:
        rows = 0
        for part in self._parts:
            for block in part.reader.blocks(part.source, Position()):
                rows += block.table.num_rows
                self._report(Progress("reading times", rows, block.after.offset, sum(self._sizes)))
                yield block.table[TIME].combine_chunks()

    def _blocks(self) -> Generator[tuple[int, Block], None, None]:
        """Yields blocks from the state's position, with the number of their source; a background thread parses them."""
        first, start = self._state.source, self._state.position

        def parsed() -> Iterator[tuple[int, Block]]:
            for number in range(first, len(self._parts)):
                position, part = start if number == first else Position(), self._parts[number]
                for block in part.reader.blocks(part.source, position):
                    yield number, block

        return ahead(parsed, _AHEAD)

    def _chunk(self, blocks: Iterator[tuple[int, Block]]) -> bool:
        """Writes one shard per split; returns False when there was nothing left to read."""
        state, begin = self._state, self._state.rows_in
        with ExitStack() as stack:
            writers: dict[str, ShardWriter] = {}
            for number, block in blocks:
                state.source, state.position = number, block.after
                self._take(number, block, writers, stack)
                if state.rows_in - begin >= self._request.rows_per_shard:
                    break
            else:
                if not writers and state.rows_in == begin:
                    return False
            for split, writer in writers.items():
                state.splits[split].append(writer.close())
        state.chunk += 1
        return True

    def _take(self, number: int, block: Block, writers: dict[str, ShardWriter], stack: ExitStack) -> None:
        """Distributes a block over the splits and counts each of its rows."""
        state = self._state
        chosen = self._chosen(number, block.table)
        self._rejects.add(block.rejects)
        if chosen.size and chosen.min() < 0:
            self._rejects.add(_unknown(self._parts[number].source, block.table.filter(pa.array(chosen < 0))))
        state.add(block)
        stored = block.table.select(self._layout.stored.names)
        for index, split in enumerate(SPLITS):
            mask = chosen == index
            if mask.any():
                if split not in writers:
                    path = self._out / f"{split}-{state.chunk:05d}.parquet"
                    writer = ShardWriter(path, self._layout.stored, self._request.rows_per_group)
                    writers[split] = stack.enter_context(writer)
                writers[split].write(stored if mask.all() else stored.filter(pa.array(mask)))
                state.rows_out += int(mask.sum())
        self._report(
            Progress("reading", state.rows_in, sum(self._sizes[:number]) + block.after.offset, sum(self._sizes))
        )

    def _chosen(self, number: int, table: pa.Table) -> splitting.Chosen:
        rows = table.num_rows
        if self._by == "given" and SPLIT in table.column_names and not self._request.official:
            return splitting.by_name(table[SPLIT].combine_chunks())
        if self._by == "given":
            return splitting.constant(self._parts[number].split or "train", rows)
        if self._by == "time":
            assert self._state.cuts is not None
            return splitting.by_time(table[TIME].combine_chunks(), self._state.cuts)
        if self._by == "hash":
            keys = [table[key].combine_chunks() for key in self._request.split.key]
            return splitting.by_hash(keys, self._state.rows_out, rows, self._request.split)
        return splitting.constant("train" if self._request.fitted_on is None else "test", rows)

    def _finish(self) -> Manifest:
        state = self._state
        splits = {split: tuple(entries) for split, entries in state.splits.items() if entries}
        self._refuse_empty()
        fields = []
        for one in self._layout.field:
            self._report(Progress(f"fitting {one.name}", state.rows_in, sum(self._sizes), sum(self._sizes)))
            if self._request.fitted_on is not None:
                fields.append(fitted.field(Path(self._request.fitted_on), self._out, one.entry))
            else:
                fields.append(fit.fit(self._out, splits, one.entry, self._request.vocabulary_limit))
        if self._rejects.kept:
            lines = "".join(reject.as_json() + "\n" for reject in self._rejects.kept)
            files.write(self._out / SIDE_FILE, lines)
        notes = (*self._join_notes(), *fit.notes(self._out, splits))
        provenance = self._provenance().model_copy(update={"notes": notes})
        manifest = Manifest(label="label", fields=tuple(fields), splits=splits, provenance=provenance)
        manifest.save(self._out)
        (self._out / STATE).unlink(missing_ok=True)
        return manifest

    def _join_notes(self) -> Iterator[str]:
        """What should be known of joined files."""
        for found in join.lookups(self._layout, self._parts[0].source):
            if found.note:
                yield found.note
            rows = self._state.unmatched.get(found.join.file, 0)
            if rows:
                yield f"{rows:,} rows have a {found.join.on} that {found.join.file} does not have"

    def _refuse_empty(self) -> None:
        """Refuses a result that lacks a split, and removes what was written."""
        state = self._state
        rows = {split: sum(entry.rows for entry in state.splits[split]) for split in SPLITS}
        try:
            checks.splits(rows, self._request, self._by, state.rows_in, self._rejects.rows)
        except DataError:
            for entry in (entry for entries in state.splits.values() for entry in entries):
                (self._out / entry.file).unlink(missing_ok=True)
            (self._out / STATE).unlink(missing_ok=True)
            raise

    def _provenance(self) -> Provenance:
        state = self._state
        return Provenance(
            reader=self._request.reader,
            request=self._identity,
            split=self._by,
            options={name: value for name, value in self._request.options.items() if name != "layout"},
            layout=self._layout.kept,
            sources=tuple(Path(part.source).name for part in self._parts),
            rows_in=state.rows_in,
            rows_out=state.rows_out,
            rejected=self._rejects.rows,
            dropped=state.dropped,
            blank_lines=state.blank,
            reasons=dict(sorted(self._rejects.reasons.items())),
        )


def _unknown(source: str, rows: pa.Table) -> Iterator[Reject]:
    """Yields the rows whose split has an unknown name."""
    for line, name in zip(rows[ROW].to_pylist(), rows[SPLIT].to_pylist(), strict=True):
        yield Reject(source, line, "the split is none of train, validation, test", name or "")
