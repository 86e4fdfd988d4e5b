#!/bin/bash
# Making a module on torch's meta device may import torch's compiler, which takes longer than the module on the CPU would.
#
# `with torch.device("meta"):` is the way to learn a module's shapes without allocating its weights, and one expects it to cost next to
# nothing. Layers do. But a plain operation on tensors made there (arange, then an addition) is computed by torch's Python reference
# implementations, and the first of them imports torch._dynamo, sympy and some hundreds of modules more: about 2 s of processor time
# where the CPU takes a millisecond. A network that computes initial weights in its constructor pays that at every start. Such
# computations belong under `with torch.device("cpu"):`.
#
# Seen on 2026-11-28 with torch 2.13.0 (CPU build), CPython 3.11.7, Linux x86_64: a linear layer on meta imports neither; arange(8) + 0.5
#   on meta imports torch._dynamo and sympy, 822 modules in all; on the CPU arange imports 1, and none of the compiler.
# Source: https://github.com/pytorch/pytorch, torch/_meta_registrations.py, torch/_prims_common/wrappers.py
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --retries 0 --extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0 numpy==2.4.6

cat > "$place/meta.py" <<'PYTHON'
import sys

import torch


def compiler():
    """Which of the compiler's large parts are imported, and how many modules in all."""
    return [name for name in ("torch._dynamo", "sympy") if name in sys.modules], len(sys.modules)


start = compiler()
with torch.device("cpu"):
    torch.arange(8) + 0.5
cpu = compiler()
with torch.device("meta"):
    torch.nn.Linear(8, 8)
layer = compiler()
with torch.device("meta"):
    torch.arange(8) + 0.5
meta = compiler()
print(f"version: torch {torch.__version__}, CPython {sys.version.split()[0]}")
print("expected: nothing is imported by any of these")
for what, before, (parts, count) in (("CPU", start, cpu), ("layer on meta", cpu, layer), ("arange on meta", layer, meta)):
    print(f"behaviour: {what}: {count - before[1]} modules more; of the compiler {parts}")
sys.exit(0 if not layer[0] and meta[0] else 1)
PYTHON
"$place/venv/bin/python" "$place/meta.py"
