"""A prepared folder -> what is in it, as data and as HTML."""
