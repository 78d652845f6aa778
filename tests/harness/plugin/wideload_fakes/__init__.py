"""A small distribution with strategies that need no TensorFlow, and a data set that needs no files; for fault tests."""
