"""From a game file to compiled batches, and the observations of their seats."""
