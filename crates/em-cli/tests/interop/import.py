"""Imports networks of PyTorch by each of its exporters, and holds what the program predicts against PyTorch.

usage: import.py EM-CLI [NAME...]      prints a line for each file; NAMEs pick networks

Weights are random, and statistics of norms are moved, so that a wrong layer is seen. Sections go in whole and without
a border, so that both sides see the same voxels; in 3D the program mirrors sections before and behind, and so does
this script.
"""

import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import tifffile
import torch
from torch import nn

warnings.filterwarnings("ignore")
TOLERANCE = 1e-4
SECTIONS, VOLUME = (2, 128, 160), (16, 64, 64)


def networks():
    """Name, network, channels, axes of space, and what has to be told."""
    import monai.networks.nets as monai
    import segmentation_models_pytorch as smp
    import torchvision

    class Logits(nn.Module):
        """The picture alone of a network that gives more."""

        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, x):
            # Of random weights the classes are nearly alike.
            return self.net(x)["out"] * 200

    softmax = ["--values", "softmax", "--class", "b", "--class", "c"]
    # Logits of random weights may be as small as those of a tanh.
    sigmoid = ["--class", "a", "--values", "sigmoid"]
    segmentation = torchvision.models.segmentation
    listed = [
        ("smp-resnet18", lambda: smp.Unet("resnet18", encoder_weights=None, in_channels=1, classes=1), 1, 2, sigmoid),
        ("smp-fpn", lambda: smp.FPN("mobilenet_v2", encoder_weights=None, in_channels=3, classes=3), 3, 2, softmax),
        ("deeplab", lambda: Logits(segmentation.deeplabv3_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=3)), 3, 2, softmax),
        ("monai-unet-3d", lambda: monai.UNet(3, 1, 1, (8, 16, 32), (2, 2), num_res_units=2), 1, 3, sigmoid),
        ("monai-dynunet-3d", lambda: monai.DynUNet(
            3, 1, 3, [[1, 3, 3], 3, 3], [1, [1, 2, 2], 2], [[1, 2, 2], 2], filters=[8, 16, 32], res_block=True), 1, 3, softmax),
        ("monai-attention", lambda: monai.AttentionUnet(2, 1, 1, (8, 16, 32), (2, 2)), 1, 2, sigmoid),
        ("monai-segresnet-3d", lambda: monai.SegResNet(3, 8, 1, 1, blocks_down=(1, 1, 1), blocks_up=(1, 1)), 1, 3, sigmoid),
        ("monai-basic", lambda: monai.BasicUNet(2, 1, 1, (8, 8, 16, 32, 64, 8)), 1, 2, sigmoid),
        # Attention over the whole: the size is fixed.
        ("monai-unetr-3d", lambda: monai.UNETR(1, 1, VOLUME, feature_size=8, hidden_size=48, mlp_dim=96, num_heads=4,
                                               spatial_dims=3), 1, 3, [*sigmoid, "--size", "16,64,64"]),
    ]
    for name, make, *rest in listed:
        # The same weights, whichever are picked.
        torch.manual_seed(sum(map(ord, name)))
        yield name, make(), *rest


def lively(net):
    """Statistics of norms that are not those of the start."""
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            tensor.normal_(0, 0.1)
    return net.eval()


def exported(net, x, folder):
    """The files of a network, by what wrote them; one that a network defeats is told."""
    names = dict(input_names=["image"], output_names=["out"])
    free = {0: "n", **{2 + k: axis for k, axis in enumerate("zyx"[-(x.dim() - 2):])}}

    def onnx(path):
        torch.onnx.export(net, (x,), path, dynamo=False, opset_version=17, dynamic_axes={"image": free, "out": free}, **names)

    def dynamo(path):
        torch.onnx.export(net, (x,), path, dynamo=True, opset_version=18, external_data=False, verbose=False, **names)

    def traced(path):
        torch.jit.save(torch.jit.trace(net, x, check_trace=False), path)

    def scripted(path):
        torch.jit.save(torch.jit.script(net), path)

    for write, ending in ((onnx, "onnx"), (dynamo, "onnx"), (traced, "pt"), (scripted, "pt")):
        path = folder / f"{write.__name__}.{ending}"
        try:
            with torch.no_grad():
                write(str(path))
        except Exception as error:  # noqa: BLE001 what an exporter cannot do is its own
            print(f"  {write.__name__}: not exported, {type(error).__name__}")
            continue
        yield path


def run(*arguments):
    done = subprocess.run([*map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def expected(net, grey, channels, space, told, halo_z, depth):
    """Probabilities of the classes, by PyTorch alone; of volumes in chunks of `depth` sections with their halo."""

    def probabilities(x):
        with torch.no_grad():
            given = net(x)
        return torch.softmax(given, 1)[:, 1:] if "softmax" in told else torch.sigmoid(given)

    x = torch.from_numpy(grey.astype(np.float32) / 255)
    if space == 2:
        return probabilities(x[:, None].expand(-1, channels, -1, -1)).transpose(0, 1).numpy()
    x = torch.from_numpy(np.pad(x.numpy(), ((halo_z, halo_z), (0, 0), (0, 0)), mode="reflect"))[None, None]
    chunks = [probabilities(x[:, :, z : z + depth + 2 * halo_z]) for z in range(0, len(grey), depth)]
    return torch.cat([chunk[0, :, halo_z : halo_z + depth] for chunk in chunks], 1).numpy()


def check(program, name, net, channels, space, told, folder):
    net = lively(net)
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, VOLUME if space == 3 else SECTIONS, dtype=np.uint8)
    tifffile.imwrite(folder / "stack.tif", grey)
    example = torch.rand(1, channels, *(VOLUME if space == 3 else SECTIONS[1:]))
    for path in exported(net, example, folder):
        output = folder / f"run-{path.stem}"
        begun = time.time()
        [done] = [event for event in run(program, "import", path, "-o", output, "--scale", "255", *told, "--json") if event["event"] == "done"]
        took = time.time() - begun
        found = done["found"]
        halo_z = min(found["halo"][0], -(-16 // found["stride"][0]) * found["stride"][0]) if space == 3 else 0
        run(program, "predict", folder / "stack.tif", "--model", output, "--probabilities", folder / f"{path.stem}.tif",
            "--set", "predict.border=0", "--device", "cpu", "--json")
        classes = done["classes"]
        files = [folder / (f"{path.stem}.tif" if len(classes) == 1 else f"{path.stem}_{c}.tif") for c in classes]
        # Probabilities are written as 8 bit, rounded.
        ours = np.stack([tifffile.imread(file) for file in files]) / 255.0
        # A network of one size takes no more than that with its halo.
        size, step = (found["sizes"][0][key] for key in ("smallest", "step"))
        depth = len(grey) if step else (size - 2 * halo_z) // found["stride"][0] * found["stride"][0]
        theirs = expected(net, grey, channels, space, told, halo_z, depth)
        apart = max(0.0, float(np.abs(ours - theirs).max()) - 0.5 / 255)
        fixed = " fixed" if any(s["step"] == 0 for s in found["sizes"]) else ""
        print(f"  {path.name}: {apart:.1e} apart, {path.stat().st_size >> 10} kB, imported in {took:.1f} s, stride {found['stride']}, "
              f"halo {found['halo']}, seam {done['seam'] if done['seam'] is None else format(done['seam'], '.1e')}{' sees all' if done['sees_all'] else ''}{fixed}")
        assert apart < TOLERANCE, f"{name}, {path.name}: {apart} apart"
        assert theirs.std() > 0.02, f"{name}: nearly constant, so that nothing is seen"


def main():
    program, *picked = sys.argv[1:]
    program = Path(program).resolve()
    checked = 0
    for name, net, channels, space, told in networks():
        if picked and name not in picked:
            continue
        print(name)
        with tempfile.TemporaryDirectory() as folder:
            check(program, name, net, channels, space, told, Path(folder))
        checked += 1
    assert checked == (len(picked) or 9), f"{checked} networks were checked"
    print("imported networks: ok")


if __name__ == "__main__":
    main()
