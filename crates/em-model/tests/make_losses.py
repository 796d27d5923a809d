"""Makes tests/golden/losses.json: what PyTorch computes for Tversky losses, weights near outlines,
and voxels that do not count, with their gradients.

Logits and masks are not stored: both sides compute them from the hash in make_golden.py.

usage: python crates/em-model/tests/make_losses.py      needs: torch==2.11.0 numpy scipy
"""
import ast, json, pathlib
import numpy as np, torch
import torch.nn.functional as F
from scipy import ndimage

here = pathlib.Path(__file__).parent
# The hash alone, so that nothing else of that script runs.
tree = ast.parse((here / "make_golden.py").read_text())
tree.body = [node for node in tree.body if getattr(node, "name", "") == "uniform"]
exec(compile(tree, "make_golden.py", "exec"))

SMOOTHING, ALPHA, BETA, EXPONENT = 1.0, 0.3, 0.7, 0.75
masks = torch.from_numpy((uniform("masks", (2, 2, 5, 4)) > 0.6).astype(np.float64))
ignored = torch.from_numpy((uniform("ignored", (2, 1, 5, 4)) > 0.8).astype(np.float64))


def outlines(width):
    square = np.ones((2 * width + 1, 2 * width + 1), bool)
    near = [[ndimage.binary_dilation(m, square) & ~ndimage.binary_erosion(m, square, border_value=1)
             for m in tile] for tile in masks.numpy() > 0]
    return torch.from_numpy(np.array(near).astype(np.float64))


def bce(z, near, counted):
    each = F.binary_cross_entropy_with_logits(z[:, :2], masks, reduction="none") * (1 + 3 * near)
    return (each * counted).sum() / (counted.sum() * 2)


def tversky(z, axes, counted, exponent):
    p, y = z[:, :2].sigmoid() * counted, masks * counted
    hit = (p * y).sum(axes)
    index = (hit + SMOOTHING) / (
        hit + ALPHA * (p * (1 - y)).sum(axes) + BETA * ((1 - p) * y).sum(axes) + SMOOTHING)
    return ((1 - index) ** exponent).mean()


cases = {}
for over, axes in [("batch", (0, 2, 3)), ("tile", (2, 3))]:
    for where, counted in [("all", torch.ones_like(ignored)), ("counted", 1 - ignored)]:
        for kind, value in {
            "tversky": lambda z: tversky(z, axes, counted, 1),
            "focal-tversky": lambda z: tversky(z, axes, counted, EXPONENT),
            "bce": lambda z: bce(z, outlines(1), counted),
        }.items():
            z = torch.from_numpy((uniform("logits", (2, 3, 5, 4)) - 0.5) * 6).requires_grad_()
            value = value(z)
            value.backward()
            cases[f"{kind} {over} {where}"] = dict(value=value.item(), gradient=z.grad.flatten().tolist())
(here / "golden" / "losses.json").write_text(json.dumps(cases) + "\n")
