"""Turns the weights of a run with the preset `unet` into those of torch_unet.UNet(norm=True).

usage: to_torch_unet.py model.safetensors weights.pt      needs: torch safetensors
"""
import sys, torch
from safetensors.torch import load_file

weights, out = load_file(sys.argv[1]), {}


def block(source, target):
    for convolution, place in ((1, 0), (2, 3)):
        out[f"{target}.{place}.weight"] = weights[f"{source}.conv{convolution}.weight"]
        for name in ("weight", "bias", "running_mean", "running_var"):
            out[f"{target}.{place + 1}.{name}"] = weights[f"{source}.norm{convolution}.{name}"]
        out[f"{target}.{place + 1}.num_batches_tracked"] = torch.tensor(0)


for level in range(5):
    block(f"enc{level + 1}", f"down.{level}")
for place, level in enumerate((3, 2, 1, 0)):
    for name in ("weight", "bias"):
        out[f"up.{place}.{name}"] = weights[f"up{level + 1}.{name}"]
    block(f"dec{level + 1}", f"dec.{place}")
for name in ("weight", "bias"):
    out[f"head.{name}"] = weights[f"head.{name}"]
torch.save({name: tensor.contiguous() for name, tensor in out.items()}, sys.argv[2])
