"""Settings, files and processes: the lowest layer, which imports nothing from the other packages of `agents`."""
