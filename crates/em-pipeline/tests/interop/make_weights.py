"""Writes the weights of fixtures/import, and what PyTorch computes with them.

usage: make_weights.py torch_unet.py

`cargo xtask fixtures` does not run it, since it needs more than the packages of fixtures/requirements.txt:
torch 2.11.0, numpy 2.4, monai 1.6.1, safetensors 0.8 and dynamic_network_architectures 0.4.4. Run it by hand, then
`cargo xtask fixtures`, which lists the files. The tests know the numbers of `strided.pt` by the formulas below.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from monai.networks.nets import BasicUNet, DynUNet
from safetensors.torch import save_file
from torch import nn

OUT = Path(__file__).resolve().parents[4] / "fixtures" / "import"


def at_random(network: nn.Module) -> nn.Module:
    """Weights that tell gains, shifts and statistics apart."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase):
            if module.weight is not None:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
            if module.running_mean is not None:
                module.running_mean.normal_(0, 0.5)
                module.running_var.uniform_(0.5, 2)
        elif isinstance(module, nn.modules.conv._ConvNd):
            nn.init.kaiming_normal_(module.weight, a=0.1)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.3)
    return network.eval()


def write(name: str, network: nn.Module, shape: tuple, save) -> None:
    at_random(network)
    save(network, OUT / name)
    given = torch.randn(shape)
    with torch.no_grad():
        output = network(given)
    output = output[0] if isinstance(output, list) else output
    save_file({"input": given, "output": output.contiguous()}, OUT / f"{Path(name).stem}.expected.safetensors")


def state_dict(network: nn.Module, path: Path) -> None:
    torch.save(network.state_dict(), path)


def safetensors(network: nn.Module, path: Path) -> None:
    """Each tensor by itself: the format has no two names for one."""
    save_file({name: tensor.clone() for name, tensor in network.state_dict().items()}, path)


def training(network: nn.Module, path: Path) -> None:
    """As a training of the tutorials on several GPUs keeps it."""
    state = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    torch.save({"epoch": 3, "model_state_dict": state, "optimizer_state_dict": optimizer.state_dict()}, path)


def nnunet(network: nn.Module, path: Path) -> None:
    """As `nnUNetTrainer.save_checkpoint` keeps it: with numbers of NumPy, which pickle calls."""
    torch.save(
        {
            "network_weights": network.state_dict(),
            "optimizer_state": {"state": {}, "param_groups": [{"lr": 0.01}]},
            "logging": {"mean_fg_dice": [np.float64(0.5), np.float32(0.25)]},
            "_best_ema": np.float64(0.5),
            "current_epoch": 1000,
            "init_args": {"configuration": "2d", "fold": 0},
            "trainer_name": "nnUNetTrainer",
            "inference_allowed_mirroring_axes": (0, 1),
        },
        path,
    )


def strided(path: Path) -> None:
    """Tensors whose numbers lie otherwise than their axes, of all kinds; 0, 1, 2, ... in a storage of 24."""
    numbers = torch.arange(24, dtype=torch.float32)
    whole = numbers.reshape(2, 3, 4)
    torch.save(
        {
            "plain": whole,
            "turned": whole.permute(2, 0, 1),
            "part": whole[1, 1:, ::2],
            "repeated": numbers[5:7, None].expand(2, 3),
            "last": torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
            "scalar": torch.tensor(2.5),
            "none": torch.zeros(0, 3),
            "parameter": nn.Parameter(torch.tensor([0.25, -4.0])),
            "f16": torch.tensor([1.5, -2.0, 6e-8, 65504.0, float("inf")], dtype=torch.float16),
            "bf16": torch.tensor([1.5, -2.0, 3e38], dtype=torch.bfloat16),
            "f64": torch.tensor([1.5, -2.0, 0.1], dtype=torch.float64),
            "count": torch.tensor(7),
            "flags": torch.tensor([True, False]),
        },
        path,
    )


def main() -> None:
    specification = importlib.util.spec_from_file_location("torch_unet", sys.argv[1])
    peer = importlib.util.module_from_spec(specification)
    # It is for volumes, which are not read here.
    sys.modules.setdefault("tifffile", np)
    specification.loader.exec_module(peer)
    torch.manual_seed(0)
    OUT.mkdir(exist_ok=True)
    write("torch-unet.pt", peer.UNet(base=2, depth=2, norm=True, dropout=(0.1, 0, 0.2)), (1, 1, 8, 8), state_dict)
    write("torch-unet-plain.pt", peer.UNet(base=2, depth=1, cin=2, cout=3), (1, 2, 4, 4), training)
    basic = BasicUNet(2, 1, 2, features=(2, 2, 2, 2, 2, 3))
    write("basic-unet.safetensors", basic, (1, 1, 16, 32), safetensors)
    flat = dict(
        kernel_size=[(1, 3, 3), (3, 3, 3), (3, 3, 3)],
        strides=[(1, 1, 1), (1, 2, 2), (2, 2, 2)],
        upsample_kernel_size=[(1, 2, 2), (2, 2, 2)],
    )
    dyn = DynUNet(3, 1, 2, **flat, filters=[2, 3, 3], res_block=True)
    write("dyn-unet-residual.safetensors", dyn, (1, 1, 2, 8, 8), safetensors)
    threes = dict(kernel_size=[3, 3, 3], strides=[1, 2, 3], upsample_kernel_size=[2, 3], filters=[2, 3, 2])
    dyn = DynUNet(2, 1, 1, **threes, norm_name="batch", trans_bias=True)
    write("dyn-unet-batch.safetensors", dyn, (1, 1, 6, 12), safetensors)
    dyn = DynUNet(2, 1, 2, **threes, deep_supervision=True)
    write("dyn-unet.pt", dyn, (1, 1, 6, 12), state_dict)
    options = dict(
        input_channels=1, n_stages=3, features_per_stage=[2, 2, 3], conv_op=nn.Conv2d, num_classes=2, conv_bias=True,
        kernel_sizes=3, strides=[1, 2, 2], norm_op=nn.InstanceNorm2d, norm_op_kwargs={"affine": True},
        nonlin=nn.LeakyReLU, deep_supervision=True, n_conv_per_stage_decoder=1,
    )
    write("nnunet.pt", PlainConvUNet(**options, n_conv_per_stage=[1, 2, 1]), (1, 1, 8, 8), nnunet)
    residual = ResidualEncoderUNet(**options, n_blocks_per_stage=[1, 2, 1])
    write("nnunet-residual.safetensors", residual, (1, 1, 8, 8), safetensors)
    strided(OUT / "strided.pt")
    # No state dict, but a program.
    torch.save(nn.Sequential(nn.Linear(1, 1)), OUT / "object.pt")


if __name__ == "__main__":
    main()
