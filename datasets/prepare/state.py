"""The progress of ``prepare``, saved in ``.state.json`` after every chunk so that it can resume."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from wideload.datasets.prepare.splitting import SPLITS, Cut
from wideload.datasets.prepared.manifest import ShardEntry
from wideload.datasets.readers.contract import Block
from wideload.datasets.text.blocks import Position


@dataclass(slots=True)
class State:
    """What is finished so far.

    Attributes:
        source, position: where reading resumes.
        chunk: number of the next chunk.
        rows_in, rows_out, blank: number of rows read, rows taken, and empty lines.
        dropped: number of rows that the layout leaves out.
        unmatched: number of rows whose key a joined file does not have, by file.
        splits: the finished shards of each split.
        cuts: where validation and test begin, for a split by time.
    """

    source: int = 0
    position: Position = field(default_factory=Position)
    chunk: int = 0
    rows_in: int = 0
    rows_out: int = 0
    blank: int = 0
    dropped: int = 0
    unmatched: dict[str, int] = field(default_factory=dict)
    splits: dict[str, list[ShardEntry]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    cuts: list[Cut] | None = None

    def add(self, block: Block) -> None:
        """Counts the rows of a block."""
        self.rows_in += block.rows
        self.blank += block.blank
        self.dropped += block.dropped
        for file, rows in block.unmatched.items():
            self.unmatched[file] = self.unmatched.get(file, 0) + rows

    def stored(self) -> dict[str, Any]:
        """Returns the state as JSON values."""
        splits = {split: [entry.model_dump() for entry in entries] for split, entries in self.splits.items()}
        return {
            "source": self.source,
            "position": dataclasses.asdict(self.position),
            "chunk": self.chunk,
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "blank": self.blank,
            "dropped": self.dropped,
            "unmatched": self.unmatched,
            "splits": splits,
            "cuts": None if self.cuts is None else [dataclasses.asdict(cut) for cut in self.cuts],
        }

    @classmethod
    def restored(cls, stored: dict[str, Any]) -> State:
        """Rebuilds a state from the values that :meth:`stored` returned."""
        splits = {split: [ShardEntry(**entry) for entry in entries] for split, entries in stored["splits"].items()}
        cuts = stored.get("cuts")
        if stored.get("thresholds"):  # a state of version 0.1.0, which knew no ties
            cuts = [{"time": time} for time in stored["thresholds"]]
        changed = {
            "position": Position(**stored["position"]),
            "splits": splits,
            "cuts": None if cuts is None else [Cut(**cut) for cut in cuts],
        }
        return cls(**({key: value for key, value in stored.items() if key != "thresholds"} | changed))
