"""Bytes of text files -> columns: blocks, lines, cells, quotes, values, words."""
