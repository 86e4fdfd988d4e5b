#!/bin/bash
# The first torch.autograd.grad that is given gradients of its outputs, and the first optimiser, import torch's compiler.
#
# Eager training uses no compiler, and one expects its first step to import nothing. But autograd checks the shapes of gradients that it
# is given (`grad_outputs`, and `Tensor.backward(gradient)`) by functions of torch.fx.experimental.symbolic_shapes, which needs sympy; of
# a scalar output it makes the gradient itself and checks nothing. Optimisers' methods are wrapped to tell torch._dynamo that they are not
# to be compiled, and the first call imports it. Both together took 2.1 s of processor time where `import torch` took 2.8 s. The same
# gradients come without the first by `grad(torch.dot(output.flatten(), gradient.flatten()), inputs)`.
#
# Seen on 2026-11-29 with torch 2.13.0 (CPU build), CPython 3.11.7, Linux x86_64: after a scalar's gradient neither is imported; after one
#   with grad_outputs sympy is; after SGD was made torch._dynamo is too. The gradients of both ways are equal.
# Source: https://github.com/pytorch/pytorch, torch/autograd/__init__.py (_make_grads), torch/_compile.py, torch/optim/optimizer.py
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --retries 0 --extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0 numpy==2.4.6

cat > "$place/grad.py" <<'PYTHON'
import sys

import torch


def compiler():
    """Which of the compiler's large parts are imported."""
    return [name for name in ("torch._dynamo", "sympy") if name in sys.modules]


weight = torch.ones(2, requires_grad=True)
gradient = torch.tensor([3.0, 4.0])
(scalar,) = torch.autograd.grad(torch.dot(2 * weight, gradient), weight)
after_scalar = compiler()
(given,) = torch.autograd.grad(2 * weight, weight, grad_outputs=gradient)
after_given = compiler()
torch.optim.SGD([weight], lr=0.1)
after_optimiser = compiler()
print(f"version: torch {torch.__version__}, CPython {sys.version.split()[0]}")
print("expected: nothing is imported by any of these")
print(f"behaviour: of the compiler, after a scalar's gradient {after_scalar}, after one with grad_outputs {after_given},")
print(f"  after an optimiser was made {after_optimiser}; the gradients are equal: {torch.equal(scalar, given)}")
same = torch.equal(scalar, given)
sys.exit(0 if same and not after_scalar and after_given == ["sympy"] and len(after_optimiser) == 2 else 1)
PYTHON
"$place/venv/bin/python" "$place/grad.py"
