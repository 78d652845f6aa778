"""The size of TensorFlow's thread pools: the threads that a rank may use."""

from __future__ import annotations


def limit_threads(threads: int) -> None:
    """Lets an operation use ``threads`` compute threads, and runs one operation at a time.

    There is one inter-op thread because the step is a chain: a second pool would only take cores from the first.
    TensorFlow creates its pools with its first operation. In a process that has run one, this function does nothing.
    """
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        return
