"""The options of ``sparse_ps``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from wideload.options import Options


class SparsePsOptions(Options):
    """Options of ``sparse_ps``.

    Attributes:
        mode: ``sync``, ``bounded`` or ``async``.
        staleness: ``bounded`` only: how many steps the slowest worker may lag behind; 0 is ``sync``.
        prefetch: pull the next batch while this one computes; changes no result. Synchronous modes only. None: only if
            the machines have idle cores, because prefetching is more work in total.
        wire: how rows and gradients travel between ranks: ``fp32``, ``fp16`` or ``bf16``; rows are stored as float32.
        max_in_flight: asynchronous modes: unacknowledged pushes per owner before a push waits.
        timeout: seconds without an answer from a peer before the job fails.
        resend_after: asynchronous modes: seconds before an unacknowledged push is sent again, twice as long after each;
            0 for never, since MPI loses nothing.
        idle_poll: seconds between checks for messages while no call waits for one.
    """

    mode: Literal["sync", "bounded", "async"] = "sync"
    staleness: int = Field(1, ge=0)
    prefetch: bool | None = None
    wire: Literal["fp32", "fp16", "bf16"] = "fp32"
    max_in_flight: int = Field(4, ge=1)
    timeout: float = Field(60.0, gt=0)
    resend_after: float = Field(0.0, ge=0)
    idle_poll: float = Field(200e-6, gt=0, lt=1)

    @model_validator(mode="after")
    def _check(self) -> SparsePsOptions:
        if "staleness" in self.model_fields_set and self.mode != "bounded":
            raise ValueError(f"staleness is an option of mode=bounded; given with mode={self.mode}")
        return self

    @property
    def synchronous(self) -> bool:
        """Whether a step is large-batch SGD: bounded staleness of 0 steps is, too."""
        return self.mode == "sync" or (self.mode == "bounded" and self.staleness == 0)
