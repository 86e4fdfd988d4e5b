"""Campaigns that try to make the kit lose something: kills, damaged files, full disks, signals, window events, long runs.

`python -m tests.trust` runs them all and prints a line for each; docs/trust.md is about them. Each case has a name, from which
its random numbers are drawn, so that `--only NAME` repeats it alone.
"""
