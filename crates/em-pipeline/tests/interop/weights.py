"""Holds networks built from weights against PyTorch: torch_unet.py, MONAI's BasicUNet and DynUNet, and nnU-Net's.

usage: weights.py IMPORT_WEIGHTS [torch_unet.py]

IMPORT_WEIGHTS is the program of import_weights.rs, which lies beside this file. Networks of random weights and
random running statistics are saved as labs do; what ONNX Runtime computes with the file that is built from them has
to be what PyTorch computes. Of torch_unet.py, the tensors have to be those that xtask/src/bench/to_torch_unet.py
maps back. That is checked where the path of it is given, and networks of nnU-Net where
`dynamic_network_architectures` is installed.

needs: torch numpy onnx onnxruntime monai safetensors; dynamic_network_architectures for nnU-Net
"""

import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from monai.networks.nets import BasicUNet, DynUNet
from safetensors.torch import load_file, save_file
from torch import nn

try:
    from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
except ImportError:
    PlainConvUNet = None

TOLERANCE = 1e-4
ROOT = Path(__file__).resolve().parents[4]
IMPORT_WEIGHTS = sys.argv[1] if len(sys.argv) > 1 else ""


def at_random(network: nn.Module, seed: int) -> nn.Module:
    """Weights that tell gains, shifts and statistics apart, on logits that are spread out."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (nn.modules.batchnorm._NormBase, nn.GroupNorm)):
            for name, low, high in (("weight", 0.5, 1.5), ("bias", -0.5, 0.5)):
                if getattr(module, name) is not None:
                    nn.init.uniform_(getattr(module, name), low, high)
            if getattr(module, "running_mean", None) is not None:
                module.running_mean.normal_(0, 0.5)
                module.running_var.uniform_(0.5, 2)
        elif isinstance(module, nn.modules.conv._ConvNd):
            nn.init.kaiming_normal_(module.weight, a=0.1)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.3)
    return network.eval()


def imported(weights: Path, network: str, output: Path, *choices: str) -> subprocess.CompletedProcess:
    command = [IMPORT_WEIGHTS, weights, network, output, *choices]
    return subprocess.run(command, capture_output=True, text=True)


def check(name: str, kind: str, network: nn.Module, shape: tuple, *choices: str, save=None, kept=None) -> bool:
    """One network, as ONNX Runtime and as PyTorch compute it."""
    network = at_random(network, len(name))
    with tempfile.TemporaryDirectory() as folder:
        weights, output = Path(folder) / "weights.pt", Path(folder) / "network.onnx"
        if kept:
            network = network.to(kept).float()
        (save or (lambda network, path: torch.save(network.state_dict(), path)))(network, weights)
        ran = imported(weights, kind, output, *choices)
        if ran.returncode:
            print(f"FAILED {name}: {ran.stderr.strip()}", flush=True)
            return False
        model = onnx.load(output)
        onnx.checker.check_model(model, full_check=True)
        runtime = onnxruntime.InferenceSession(output, providers=["CPUExecutionProvider"])
        worst = 0.0
        # As it is, and twice as large along the last axis.
        for shape in (shape, (*shape[:-1], 2 * shape[-1])):
            given = torch.randn(shape)
            with torch.no_grad():
                expected = network(given)
            expected = (expected[0] if isinstance(expected, (list, tuple)) else expected).numpy()
            [found] = runtime.run(["output"], {"input": given.numpy()})
            assert found.shape == expected.shape, (name, found.shape, expected.shape)
            worst = max(worst, float(np.abs(found - expected).max()))
        ok = worst < TOLERANCE and expected.std() > 0.05
        print(f"{'' if ok else 'FAILED '}{name}: {worst:.1e} apart, spread {expected.std():.2f}", flush=True)
        return ok


def wrapped(prefix: str, table: str | None):
    """Saves as wrappers and checkpoints do."""

    def save(network: nn.Module, path: Path) -> None:
        state = {prefix + name: tensor for name, tensor in network.state_dict().items()}
        optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
        words = {"epoch": 3, "loss": np.float64(0.5), "optimizer": optimizer.state_dict(), "names": ["a", None, True]}
        torch.save({table: state, **words} if table else state, path)

    return save


def as_half(kind: torch.dtype):
    return lambda network, path: torch.save({n: t.to(kind) for n, t in network.state_dict().items()}, path)


def turned(network: nn.Module, path: Path) -> None:
    """Tensors whose numbers lie otherwise than their axes: channels last, and views of one storage."""
    state = {}
    for name, tensor in network.state_dict().items():
        if tensor.dim() in (4, 5):
            last = torch.channels_last if tensor.dim() == 4 else torch.channels_last_3d
            state[name] = tensor.to(memory_format=last)
        elif tensor.is_floating_point():
            state[name] = torch.stack([tensor, -tensor], 1)[:, 0]
    torch.save(state, path)


def checks_of_monai() -> list[bool]:
    basic = dict(in_channels=1, out_channels=2, features=(4, 4, 6, 8, 10, 5))
    found = []
    for name, shape, options, *choices in [
        ("BasicUNet 2D", (2, 1, 32, 48), dict(spatial_dims=2)),
        ("BasicUNet 3D", (1, 1, 32, 32, 32), dict(spatial_dims=3)),
        ("BasicUNet 2D, 3 channels, 4 classes", (1, 3, 32, 32), dict(spatial_dims=2, in_channels=3, out_channels=4)),
        ("BasicUNet 2D, default features", (1, 1, 32, 32), dict(spatial_dims=2, features=(32, 32, 64, 128, 256, 32))),
        ("BasicUNet 2D, batch norm, no bias", (1, 1, 32, 32), dict(spatial_dims=2, norm="batch", bias=False)),
        ("BasicUNet 3D, batch norm, dropout", (1, 1, 16, 32, 32), dict(spatial_dims=3, norm="batch", dropout=0.2)),
        ("BasicUNet 2D, instance norm without gain", (1, 1, 32, 32), dict(spatial_dims=2, norm="instance")),
        ("BasicUNet 2D, ReLU", (1, 1, 32, 32), dict(spatial_dims=2, act="relu"), "0"),
        ("BasicUNet 2D, group norm",
         (1, 1, 32, 32), dict(spatial_dims=2, norm=("group", {"num_groups": 2}), features=(4, 4, 6, 8, 10, 6)), "-", "2"),
        ("BasicUNet 3D, group norm without gain",
         (1, 1, 32, 32, 32), dict(spatial_dims=3, norm=("group", {"num_groups": 2, "affine": False}), features=(4, 4, 6, 8, 10, 6)), "-", "2"),
    ]:
        found.append(check(name, "monai-basic-unet", BasicUNet(**{**basic, **options}), shape, *choices))
    small = dict(in_channels=1, out_channels=2)
    isotropic = dict(kernel_size=[3, 3, 3, 3], strides=[1, 2, 2, 2], upsample_kernel_size=[2, 2, 2], filters=[4, 6, 8, 10])
    flat = dict(
        kernel_size=[[1, 3, 3], [1, 3, 3], [3, 3, 3], [3, 3, 3]], strides=[[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2]],
        upsample_kernel_size=[[1, 2, 2], [2, 2, 2], [2, 2, 2]], filters=[4, 6, 8, 10],
    )
    thirds = dict(
        kernel_size=[[3, 3, 3], [3, 5, 3], [1, 5, 3]], strides=[[1, 1, 1], [1, 2, 3], [1, 4, 1]],
        upsample_kernel_size=[[1, 2, 3], [1, 4, 1]], filters=[4, 6, 8],
    )
    # Around a residual block goes a kernel of 1, whose stride `get_padding` limits to 2.
    twos = dict(thirds, strides=[[1, 1, 1], [1, 2, 1], [2, 1, 2]], upsample_kernel_size=[[1, 2, 1], [2, 1, 2]])
    twos["kernel_size"] = [[3, 3, 3], [3, 5, 3], [5, 1, 3]]
    for name, shape, options, *choices in [
        ("DynUNet 2D", (2, 1, 32, 48), dict(spatial_dims=2, **isotropic)),
        ("DynUNet 3D", (1, 1, 16, 32, 32), dict(spatial_dims=3, **isotropic)),
        ("DynUNet 3D, flat at the top", (1, 1, 8, 32, 32), dict(spatial_dims=3, **flat)),
        ("DynUNet 3D, residual, flat at the top", (1, 1, 8, 32, 32), dict(spatial_dims=3, res_block=True, **flat)),
        ("DynUNet 3D, odd strides and kernels", (1, 1, 4, 16, 18), dict(spatial_dims=3, **thirds)),
        ("DynUNet 3D, residual, odd strides and kernels", (1, 1, 4, 16, 18), dict(spatial_dims=3, res_block=True, **twos)),
        ("DynUNet 2D, residual, equal filters",
         (1, 4, 32, 32), dict(spatial_dims=2, res_block=True, **{**isotropic, "filters": [4, 4, 4, 4]}, in_channels=4)),
        ("DynUNet 2D, deep supervision", (1, 1, 32, 32), dict(spatial_dims=2, deep_supervision=True, deep_supr_num=2, **isotropic)),
        ("DynUNet 3D, residual, deep supervision",
         (1, 1, 16, 32, 32), dict(spatial_dims=3, deep_supervision=True, res_block=True, **isotropic)),
        ("DynUNet 2D, batch norm, bias on the way up", (1, 1, 32, 32), dict(spatial_dims=2, norm_name="batch", trans_bias=True, **isotropic)),
        ("DynUNet 2D, instance norm without gain, dropout", (1, 1, 32, 32), dict(spatial_dims=2, norm_name="instance", dropout=0.1, **isotropic)),
        ("DynUNet 3D, residual, group norm",
         (1, 1, 16, 16, 16), dict(spatial_dims=3, res_block=True, norm_name=("group", {"num_groups": 2}), **isotropic), "-", "2"),
        ("DynUNet 2D, default filters", (1, 1, 32, 32), dict(spatial_dims=2, **{**isotropic, "filters": None})),
    ]:
        found.append(check(name, "monai-dyn-unet", DynUNet(**{**small, **options}), shape, *choices))
    basic = dict(basic, spatial_dims=2)
    shape = (1, 1, 32, 32)
    for name, save, kept in [
        ("DataParallel", wrapped("module.", None), None),
        ("torch.compile in Lightning", wrapped("model._orig_mod.", "state_dict"), None),
        ("a training of the tutorials", wrapped("", "model_state_dict"), None),
        ("f16", as_half(torch.float16), torch.float16),
        ("bf16", as_half(torch.bfloat16), torch.bfloat16),
        ("f64", as_half(torch.float64), None),
        ("channels last and views", turned, None),
        ("parameters", lambda network, path: torch.save(dict(network.named_parameters()), path), None),
        ("safetensors", lambda network, path: save_file(network.state_dict(), path), None),
    ]:
        found.append(check(f"BasicUNet from {name}", "monai-basic-unet", BasicUNet(**basic), shape, save=save, kept=kept))
    return found


def checks_of_nnunet() -> list[bool]:
    if PlainConvUNet is None:
        print("skipped: nnU-Net, since dynamic_network_architectures is not installed")
        return []
    found = []
    for dimensions, shape in ((2, (1, 1, 32, 32)), (3, (1, 1, 8, 32, 32))):
        conv, norm = (nn.Conv2d, nn.InstanceNorm2d) if dimensions == 2 else (nn.Conv3d, nn.InstanceNorm3d)
        flat = [(1,) * dimensions, (1, 2, 2)[-dimensions:], (2,) * dimensions, (2,) * dimensions]
        options = dict(
            input_channels=1, n_stages=4, features_per_stage=[4, 6, 6, 10], conv_op=conv, num_classes=3, conv_bias=True,
            kernel_sizes=[(1, 3, 3)[-dimensions:]] + [(3,) * dimensions] * 3, strides=flat, norm_op=norm,
            norm_op_kwargs={"eps": 1e-5, "affine": True}, nonlin=nn.LeakyReLU, nonlin_kwargs={"inplace": True},
            deep_supervision=True,
        )
        save = wrapped("", "network_weights")
        plain = PlainConvUNet(**options, n_conv_per_stage=2, n_conv_per_stage_decoder=[2, 1, 3])
        found.append(check(f"PlainConvUNet {dimensions}D", "nnunet", plain, shape, save=save))
        residual = ResidualEncoderUNet(**options, n_blocks_per_stage=[1, 3, 2, 2], n_conv_per_stage_decoder=1)
        found.append(check(f"ResidualEncoderUNet {dimensions}D", "nnunet", residual, shape, save=save))
    return found


def checks_of_torch_unet(source: str) -> list[bool]:
    """Mapped, and mapped back by the script of the benchmarks."""
    specification = importlib.util.spec_from_file_location("torch_unet", source)
    module = importlib.util.module_from_spec(specification)
    sys.modules["tifffile"] = sys.modules.get("tifffile", np)
    specification.loader.exec_module(module)
    found = []
    for options in (
        dict(base=4, norm=True, dropout=()),
        dict(base=4, norm=True),
        dict(base=4),
        dict(base=3, dropout=(), depth=2, cin=2, cout=3),
        dict(base=2, depth=3, norm=True, dropout=(0, 0.1, 0, 0.2)),
    ):
        network = at_random(module.UNet(**options), 7)
        with tempfile.TemporaryDirectory() as folder:
            weights, ours, back = (Path(folder) / name for name in ("w.pt", "ours.safetensors", "back.pt"))
            torch.save(network.state_dict(), weights)
            ran = imported(weights, "torch-unet", ours)
            ok = ran.returncode == 0
            problem = ran.stderr.strip()
            if ok:
                ok, problem = torch_unet_agrees(network, options, ours, back)
            print(f"{'' if ok else 'FAILED '}torch_unet {options}: {problem}", flush=True)
            found.append(ok)
    return found


def torch_unet_agrees(network: nn.Module, options: dict, ours: Path, back: Path) -> tuple[bool, str]:
    mine, state = load_file(ours), network.state_dict()
    # As crates/em-model/src/network/unet.rs goes through them.
    f = nn.functional
    depth = options.get("depth", 4)

    def block(name, x):
        for part in (1, 2):
            x = f.conv2d(x, mine[f"{name}.conv{part}.weight"], mine.get(f"{name}.conv{part}.bias"), padding=1)
            if f"{name}.norm{part}.weight" in mine:
                mean, var, gain, shift = (mine[f"{name}.norm{part}.{n}"] for n in ("running_mean", "running_var", "weight", "bias"))
                x = f.batch_norm(x, mean, var, gain, shift)
            x = f.relu(x)
        return x

    given = torch.randn(1, options.get("cin", 1), 32, 32)
    skips, x = [], given
    for level in range(depth + 1):
        x = block(f"enc{level + 1}", f.max_pool2d(x, 2) if level else x)
        skips.append(x)
    for level in reversed(range(depth)):
        up = f.conv_transpose2d(x, mine[f"up{level + 1}.weight"], mine[f"up{level + 1}.bias"], stride=2)
        x = block(f"dec{level + 1}", torch.cat([up, skips[level]], 1))
    with torch.no_grad():
        apart = float((f.conv2d(x, mine["head.weight"], mine["head.bias"]) - network(given)).abs().max())
    floats = {name: tensor for name, tensor in state.items() if tensor.is_floating_point()}
    if apart > 1e-5 or len(mine) != len(floats):
        return False, f"{apart} apart, {len(mine)} tensors of {len(floats)}"
    if depth == 4 and options.get("norm") and not options.get("dropout", True):
        script = ROOT / "xtask/src/bench/to_torch_unet.py"
        subprocess.run([sys.executable, script, ours, back], check=True)
        returned = torch.load(back)
        if returned.keys() != state.keys() or not all(torch.equal(returned[name], floats[name]) for name in floats):
            return False, "to_torch_unet.py gives other tensors"
        return True, f"{apart:.1e} apart, and back by to_torch_unet.py"
    return True, f"{apart:.1e} apart"


def checks_of_errors() -> list[bool]:
    """What is no state dict, or none of the network, is told in words."""
    found = []
    network = BasicUNet(2, features=(4, 4, 4, 4, 4, 4))
    state = network.state_dict()

    def without(name):
        return {key: tensor for key, tensor in state.items() if key != name}

    name = "down_2.convs.conv_1.conv.weight"
    for save, expected in [
        (lambda path: torch.save(network, path), r"holds an object of `monai.networks.nets.basic_unet.BasicUNet`"),
        (lambda path: torch.save(state, path, _use_new_zipfile_serialization=False), r"before 1\.6"),
        (lambda path: torch.jit.script(nn.Linear(2, 2)).save(str(path)), r"is a TorchScript program"),
        (lambda path: torch.save({"a": 1, "b": [2]}, path), r"holds no tensors but `a`, `b`"),
        (lambda path: torch.save(without(name), path), rf"`{name}` is missing, expected \[any, 4, any, any\]"),
        (lambda path: torch.save({**state, "other.weight": torch.ones(3)}, path), r"`other.weight` of shape \[3\] belongs to no"),
        (lambda path: torch.save({**state, name: torch.ones(4, 5, 3, 3)}, path), rf"`{name}` is of shape \[4, 5, 3, 3\], expected"),
    ]:
        with tempfile.TemporaryDirectory() as folder:
            weights = Path(folder) / "weights.pt"
            save(weights)
            ran = imported(weights, "monai-basic-unet", Path(folder) / "network.onnx")
            ok = ran.returncode == 1 and re.search(expected, ran.stderr) is not None
            found.append(ok)
            print(f"{'told' if ok else 'FAILED'}: {ran.stderr.strip()}", flush=True)
    return found


def main() -> None:
    found = checks_of_monai() + checks_of_nnunet() + checks_of_errors()
    if len(sys.argv) > 2:
        found += checks_of_torch_unet(sys.argv[2])
    else:
        print("skipped: torch_unet.py, since no path of it is given")
    if not all(found):
        sys.exit(f"{found.count(False)} of {len(found)} checks failed")
    print(f"{len(found)} checks passed")


if __name__ == "__main__":
    main()
