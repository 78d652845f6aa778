"""What to measure: the experiment file, its cases, and how often a case saves checkpoints."""

from wideload.harness.experiment.experiment import Experiment, from_document, load

__all__ = ["Experiment", "from_document", "load"]
