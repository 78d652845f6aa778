"""Kinds of reasons in records. The values are on disk: an entry may be added, and none may change."""

from __future__ import annotations

from enum import StrEnum


class FlagKind(StrEnum):
    """Why a result is not to be trusted, or not complete."""

    BACKGROUND_LOAD = "background_load"
    OVERSUBSCRIBED = "oversubscribed"
    THROTTLED = "throttled"
    UNCLEAN_EXIT = "unclean_exit"
    NOT_SETTLED = "not_settled"
    ONE_CLASS = "one_class"
    NOT_FINITE = "not_finite"
    OTHER = "other"


class Cause(StrEnum):
    """Why a case was not run, or what ended it, where that is known beyond its status."""

    NOT_INSTALLED = "not_installed"
    WRONG_REQUEST = "wrong_request"
    BAD_DATA = "bad_data"
    DISK_FULL = "disk_full"
    DOES_NOT_FIT = "does_not_fit"
    OUT_OF_MEMORY = "out_of_memory"


class NotJudged(StrEnum):
    """Why two runs were not compared for parity."""

    NOT_OK = "not_ok"
    ASYNCHRONOUS = "asynchronous"
    NO_REFERENCE = "no_reference"
    OTHER_PROBLEM = "other_problem"
    NO_STEPS = "no_steps"
    SHORT_REFERENCE = "short_reference"
    OTHER = "other"
