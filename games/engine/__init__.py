"""The engine: loads a game file, compiles it into batches, and renders what the seats observe."""
