"""Makes tests/golden/golden.json: what PyTorch computes for networks, losses and training steps.

Weights and inputs are not stored: both sides compute them from the hash below.

usage: python crates/em-model/tests/make_golden.py      needs: torch==2.11.0 numpy
"""
import json, pathlib
import numpy as np, torch
import torch.nn as nn, torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode


def uniform(name, shape):
    """Numbers in [0, 1) that follow from a name and the place in the array, C order, as float64."""
    seed = 2166136261  # FNV-1a
    for byte in name.encode():
        seed = ((seed ^ byte) * 16777619) % 2**32
    n = int(np.prod(shape))
    x = (np.arange(1, n + 1, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(seed)) % np.uint64(2**32)
    x = x ^ (x >> np.uint64(16))
    x = (x * np.uint64(0x45D9F3B)) % np.uint64(2**32)
    x = x ^ (x >> np.uint64(16))
    return (x.astype(np.float64) / 2**32).reshape(shape)


def value_of(name, shape):
    u = uniform(name, shape)
    if name.endswith("running_mean"):
        u = (u - 0.5) * 0.5
    elif name.endswith("running_var") or ("norm" in name and name.endswith("weight")):
        u = u + 0.5
    elif name.endswith("bias"):
        u = (u - 0.5) * 0.2
    else:
        fan_in = shape[0] if name.startswith("up") else np.prod(shape[1:])
        u = (u - 0.5) * np.sqrt(12.0) * np.sqrt(2.0 / fan_in)
    return torch.from_numpy(u.astype(np.float32))


ACTIVATIONS = dict(relu=F.relu, elu=F.elu, leaky_relu=F.leaky_relu, silu=F.silu)
NORMS = dict(
    batch=nn.BatchNorm2d,
    group=lambda o: nn.GroupNorm(o // next(n for n in (8, 4, 2, 1) if o % n == 0), o),
    instance=lambda o: nn.InstanceNorm2d(o, affine=True),
    none=lambda o: nn.Identity(),
)


class Block(nn.Module):
    def __init__(self, i, o, norm, padding, activation, residual):
        super().__init__()
        bias = norm == "none"
        self.conv1, self.conv2 = (nn.Conv2d(a, o, 3, padding=padding, bias=bias) for a in (i, o))
        self.norm1, self.norm2 = NORMS[norm](o), NORMS[norm](o)
        if residual and i != o:
            self.conv3, self.norm3 = nn.Conv2d(i, o, 1, bias=bias), NORMS[norm](o)
        self.activation, self.residual = ACTIVATIONS[activation], residual

    def forward(self, x):
        y = self.norm2(self.conv2(self.activation(self.norm1(self.conv1(x)))))
        if self.residual:
            y = y + (self.norm3(self.conv3(x)) if hasattr(self, "conv3") else x)
        return self.activation(y)


class UNet(nn.Module):
    def __init__(self, filters, inputs=1, outputs=1, norm="none", valid=False, relu_after_up=False,
                 activation="relu", residual=False):
        super().__init__()
        self.depth, self.relu_after_up = len(filters) - 1, relu_after_up
        block = lambda i, o: Block(i, o, norm, 0 if valid else 1, activation, residual)
        for k, f in enumerate(filters):
            setattr(self, f"enc{k + 1}", block(filters[k - 1] if k else inputs, f))
        for k in range(self.depth):
            setattr(self, f"up{k + 1}", nn.ConvTranspose2d(filters[k + 1], filters[k], 2, 2))
            setattr(self, f"dec{k + 1}", block(2 * filters[k], filters[k]))
        self.head = nn.Conv2d(filters[0], outputs, 1)

    def forward(self, x):
        skips = []
        for k in range(self.depth + 1):
            x = getattr(self, f"enc{k + 1}")(F.max_pool2d(x, 2) if k else x)
            skips.append(x)
        for k in reversed(range(self.depth)):
            x = getattr(self, f"up{k + 1}")(x)
            x = F.relu(x) if self.relu_after_up else x
            dy, dx = (skips[k].shape[2] - x.shape[2]) // 2, (skips[k].shape[3] - x.shape[3]) // 2
            skip = skips[k][:, :, dy:dy + x.shape[2], dx:dx + x.shape[3]]
            x = getattr(self, f"dec{k + 1}")(torch.cat([x, skip], 1))
        return self.head(x)


def filled(net):
    # strict=True although num_batches_tracked is missing: PyTorch allows for that.
    state = {k: value_of(k, tuple(v.shape)) for k, v in net.state_dict().items() if "num_batches" not in k}
    net.load_state_dict(state)
    return net


def inputs(shape):
    return torch.from_numpy(((uniform("input", shape) - 0.5) * 4).astype(np.float32))


SMALL, LARGE = [16, 32, 64, 128, 256], [64, 128, 256, 512, 1024]
golden = {"logits": {}, "losses": {}, "costs": {}, "gradients": {}}
for name, net, shape in [
    ("unet", UNet(SMALL, norm="batch"), (2, 1, 64, 48)),
    ("notebook", UNet(SMALL), (2, 1, 64, 48)),
    ("ronneberger", UNet(LARGE, 3, 4, valid=True, relu_after_up=True), (1, 3, 188, 204)),
    ("residual", UNet(SMALL, norm="batch", residual=True), (2, 1, 64, 48)),
]:
    with torch.no_grad():
        z = filled(net).eval()(inputs(shape)).double().numpy()
    golden["logits"][name] = dict(input=shape, output=z.shape, values=[z.flat[k * 7919 % z.size] for k in range(200)])
    # Parameters, and multiply-adds of one tile.
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, shape[1], *[{"ronneberger": 572}.get(name, 256)] * 2))
    golden["costs"][name] = [sum(p.numel() for p in net.parameters()), counter.get_total_flops() // 2]

# Logits, and the L2 norm of each parameter's gradient for the mean of their squares: every norm and
# activation, with and without residual blocks, batch statistics on.
for norm, activation, residual in [
    ("batch", "relu", True), ("group", "elu", True), ("instance", "leaky-relu", True), ("none", "silu", True),
    ("group", "silu", False), ("instance", "relu", False), ("batch", "elu", False),
]:
    net = filled(UNet([4, 12, 16], 1, 2, norm, activation=activation.replace("-", "_"), residual=residual)).train()
    z = net(inputs((2, 1, 24, 32)))
    (z**2).mean().backward()
    golden["gradients"][f"{norm} {activation} {'residual' if residual else 'plain'}"] = dict(
        logits=z.detach().flatten()[::17].tolist(),
        norms={name: p.grad.double().norm().item() for name, p in net.named_parameters()})

# Losses of logits [2, 3, 5, 4] and masks [2, 2, 5, 4] whose classes overlap here and there, in float64.
WEIGHT, SMOOTH, GAMMA = torch.tensor([3.0, 0.5]).double().view(1, 2, 1, 1), 1.0, 2.0
masks = torch.from_numpy((uniform("masks", (2, 2, 5, 4)) > 0.6).astype(np.float64))


def overlap(p, axes, kind):
    s = lambda t: t.sum(axes)
    if kind == "soft-dice":
        return (1 - (2 * s(p * masks) + SMOOTH) / (s(p * p) + s(masks) + SMOOTH)).mean()
    return (1 - (s(p * masks) + SMOOTH) / (s(p) + s(masks) - s(p * masks) + SMOOTH)).mean()


def loss(z, kind, axes, exclusive):
    p = z.softmax(1)[:, 1:3] if exclusive else z[:, :2].sigmoid()
    bce = lambda: -(WEIGHT * masks * F.logsigmoid(z[:, :2]) + (1 - masks) * F.logsigmoid(-z[:, :2])).mean()
    if kind == "bce":
        return bce()
    if kind == "bce+dice":
        return bce() + overlap(p, axes, "soft-dice")
    if kind == "focal":
        return -(WEIGHT * masks * (1 - p) ** GAMMA * p.log() + (1 - masks) * p**GAMMA * (1 - p).log()).mean()
    if kind == "cross-entropy":
        index = torch.where(masks[:, 1] > 0, 2, torch.where(masks[:, 0] > 0, 1, 0))
        return F.cross_entropy(z, index, weight=torch.cat([torch.ones(1).double(), WEIGHT.flatten()]))
    return overlap(p, axes, kind)


for kind in ["bce", "soft-dice", "jaccard", "bce+dice", "focal", "cross-entropy"]:
    for over, axes in [("batch", (0, 2, 3)), ("tile", (2, 3))]:
        for exclusive in [False, True]:
            if exclusive != (kind == "cross-entropy") and not (exclusive and kind in ("soft-dice", "jaccard")):
                continue
            z = torch.from_numpy((uniform("logits", (2, 3, 5, 4)) - 0.5) * 6).requires_grad_()
            value = loss(z, kind, axes, exclusive)
            value.backward()
            golden["losses"][f"{kind} {over} {'softmax' if exclusive else 'sigmoid'}"] = dict(
                value=value.item(), gradient=z.grad.flatten().tolist())

# Three AdamW steps on one batch with batch statistics.
net = filled(UNet([4, 8, 16], norm="batch")).train()
optimizer = torch.optim.AdamW(net.parameters(), 1e-3)
x, y = inputs((2, 1, 32, 32)), torch.from_numpy((uniform("masks", (2, 1, 32, 32)) > 0.6).astype(np.float32))
golden["training"] = []
for _ in range(4):
    z = net(x)
    p = z.sigmoid()
    value = F.binary_cross_entropy_with_logits(z, y) + 1 - (2 * (p * y).sum() + 1) / ((p * p).sum() + y.sum() + 1)
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
    golden["training"].append(value.item())

path = pathlib.Path(__file__).parent / "golden" / "golden.json"
path.write_text(json.dumps(golden) + "\n")
