"""Settings, files, processes: the lowest floor, which knows nothing of networks."""
