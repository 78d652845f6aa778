"""Converts raw values to typed ones: a value means the same in CSV, Parquet, TFRecord, libsvm and libffm."""
