#!/bin/bash
# torch.distributed's rendezvous by a file takes a timeout and ignores it, where the one by an address keeps it.
#
# `rendezvous(url, timeout=...)` passes its keywords to the handler of the URL's scheme. That of tcp:// gives the timeout to the
# store it makes. That of file:// takes it as one of **kwargs and makes a FileStore with the default of five minutes, without a word.
# FileStore's constructor has no such argument. So a process that asks for seconds waits for minutes on what the others do not
# write; set the timeout on the store that comes back, and look before it whether those whom one wants to meet are still there,
# since the store's constructor itself waits as long for a file whose folder has been removed meanwhile.
#
# Seen on 2026-11-29 with torch 2.13.0 (CPU build), CPython 3.11.7, Linux x86_64: asked for 7 s, file:// has 0:05:00 and tcp:// has
#   0:00:07; after set_timeout both have 0:00:07.
# Source: https://github.com/pytorch/pytorch, torch/distributed/rendezvous.py (_file_rendezvous_handler, _tcp_rendezvous_handler)
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --retries 0 --extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0 numpy==2.4.6

cat > "$place/meet.py" <<'PYTHON'
import socket
import sys
from datetime import timedelta
from pathlib import Path

import torch
from torch.distributed import rendezvous

asked = timedelta(seconds=7)
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
one = "rank=0&world_size=1"
by_file = next(rendezvous(f"file://{Path(sys.argv[1]) / 'meeting'}?{one}", timeout=asked))[0]
by_address = next(rendezvous(f"tcp://127.0.0.1:{port}?{one}", timeout=asked))[0]
print(f"version: torch {torch.__version__}, CPython {sys.version.split()[0]}")
print(f"expected: both stores have the timeout that was asked for, {asked}")
print(f"behaviour: file:// {by_file.timeout}, tcp:// {by_address.timeout}")
found = by_file.timeout, by_address.timeout
by_file.set_timeout(asked)
print(f"after set_timeout: file:// {by_file.timeout}")
sys.exit(0 if found == (timedelta(minutes=5), asked) and by_file.timeout == asked else 1)
PYTHON
"$place/venv/bin/python" "$place/meet.py" "$place"
