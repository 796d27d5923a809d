"""Makes tests/golden/volumes.json: what PyTorch computes for networks of volumes.

Weights and inputs are those of make_golden.py: both sides compute them from a hash.

usage: python crates/em-model/tests/make_volumes.py      needs: torch==2.11.0 numpy
"""
import ast, json, pathlib
import numpy as np, torch
import torch.nn as nn, torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode


here = pathlib.Path(__file__).parent
# The hash and what follows from it alone, so that nothing else of that script runs.
tree = ast.parse((here / "make_golden.py").read_text())
tree.body = [node for node in tree.body if getattr(node, "name", "") in ("uniform", "value_of")]
exec(compile(tree, "make_golden.py", "exec"))

NORMS = dict(
    batch=nn.BatchNorm3d,
    group=lambda o: nn.GroupNorm(o // next(n for n in (8, 4, 2, 1) if o % n == 0), o),
    instance=lambda o: nn.InstanceNorm3d(o, affine=True),
    none=lambda o: nn.Identity(),
)


class Block(nn.Module):
    def __init__(self, i, o, norm, deep, residual):
        super().__init__()
        kernel, bias = (3 if deep else 1, 3, 3), norm == "none"
        self.conv1, self.conv2 = (nn.Conv3d(a, o, kernel, padding="same", bias=bias) for a in (i, o))
        self.norm1, self.norm2 = NORMS[norm](o), NORMS[norm](o)
        if residual and i != o:
            self.conv3, self.norm3 = nn.Conv3d(i, o, 1, bias=bias), NORMS[norm](o)
        self.residual = residual

    def forward(self, x):
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        if self.residual:
            y = y + (self.norm3(self.conv3(x)) if hasattr(self, "conv3") else x)
        return F.relu(y)


class UNet3d(nn.Module):
    def __init__(self, filters, outputs, norm, flat, residual, supervised):
        super().__init__()
        self.depth, self.flat, self.supervised = len(filters) - 1, flat, supervised
        block = lambda i, o, k: Block(i, o, norm, k >= flat, residual)
        for k, f in enumerate(filters):
            setattr(self, f"enc{k + 1}", block(filters[k - 1] if k else 1, f, k))
        for k in range(self.depth):
            setattr(self, f"up{k + 1}", nn.ConvTranspose3d(filters[k + 1], filters[k], self.window(k), self.window(k)))
            setattr(self, f"dec{k + 1}", block(2 * filters[k], filters[k], k))
            if k == 0 or supervised:
                setattr(self, "head" if k == 0 else f"head{k + 1}", nn.Conv3d(filters[k], outputs, 1))

    def window(self, k):
        return (2 if k >= self.flat else 1, 2, 2)

    def forward(self, x):
        skips, levels = [], []
        for k in range(self.depth + 1):
            x = getattr(self, f"enc{k + 1}")(F.max_pool3d(x, self.window(k - 1)) if k else x)
            skips.append(x)
        for k in reversed(range(self.depth)):
            x = getattr(self, f"dec{k + 1}")(torch.cat([getattr(self, f"up{k + 1}")(x), skips[k]], 1))
            if k == 0 or self.supervised:
                levels.insert(0, getattr(self, "head" if k == 0 else f"head{k + 1}")(x))
        return levels


golden = {}
for norm, flat, residual, supervised in [
    ("batch", 0, False, False), ("group", 1, True, True), ("instance", 2, False, True), ("none", 3, True, False),
]:
    net = UNet3d([4, 6, 8, 12], 2, norm, flat, residual, supervised)
    net.load_state_dict({k: value_of(k, tuple(v.shape)) for k, v in net.state_dict().items() if "num_batches" not in k})
    x = torch.from_numpy(((uniform("input", (2, 1, 16, 24, 32)) - 0.5) * 4).astype(np.float32))
    levels = net.train()(x)
    sum((z**2).mean() for z in levels).backward()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 1, 16, 32, 32))
    golden[f"{norm} {flat} {'residual' if residual else 'plain'} {'supervised' if supervised else 'single'}"] = dict(
        shapes=[z.shape for z in levels],
        logits=[z.detach().flatten()[::97].tolist() for z in levels],
        norms={name: p.grad.double().norm().item() for name, p in net.named_parameters()},
        cost=[sum(p.numel() for p in net.parameters()), counter.get_total_flops() // 2])

(here / "golden" / "volumes.json").write_text(json.dumps(golden) + "\n")
