"""TensorFlow's thread pools, sized to what a rank may use."""

from __future__ import annotations


def limit_threads(threads: int) -> None:
    """Compute threads within an operation, one operation at a time.

    One inter-op thread: the step is a chain, and a second pool would only take the cores of the first. The pools are
    made with TensorFlow's first operation; in a process that is past it they stay as they are.
    """
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        return
