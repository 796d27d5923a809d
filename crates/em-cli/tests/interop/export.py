"""Holds exported networks against ONNX Runtime, OpenVINO, PyTorch and bioimageio.core.

usage: export.py NETWORKS EM-CLI

NETWORKS is a folder that the example `export_network` of em-model wrote: for each preset, over sections, with
neighbours and over volumes, a run, its network as ONNX and TorchScript, and inputs of two sizes with the
probabilities that the program itself computes for them. TorchScript is checked where PyTorch is installed.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
from bioimageio.core import load_model_description, test_model
from onnx.reference import ReferenceEvaluator

try:
    import torch
except ImportError:
    torch = None

TOLERANCE = 1e-4

# By onnx's own evaluator of the graph, which sums as NumPy does: an epsilon or an order that is another is seen.
TOLERANCE_OF_REFERENCE = 1e-5


def read(path: Path) -> np.ndarray:
    """An array that the example wrote."""
    shape = json.loads(path.with_suffix(".json").read_text())
    return np.fromfile(path.with_suffix(".f32"), "<f4").reshape(shape)


def same(of: str, found: np.ndarray, expected: np.ndarray, tolerance: float = TOLERANCE) -> float:
    assert found.shape == expected.shape, f"{of}: {found.shape}, expected {expected.shape}"
    apart = float(np.abs(found - expected).max())
    assert apart < tolerance, f"{of}: {apart} apart"
    assert expected.std() > 10 * apart, f"{of}: no more apart from each other than from what is found"
    return apart


def check_files(folder: Path) -> float:
    """Every file of a network, at both sizes; returns the largest distance."""
    apart = 0.0
    for takes in ("grey", "normalized"):
        path = folder / f"{takes}.onnx"
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert model.opset_import[0].version >= 17
        assert model.graph.input[0].name == takes, model.graph.input
        if any(node.op_type == "ReduceSumSquare" for node in model.graph.node):
            # A norm of small operators: this tells whether the graph is right, whatever a runtime makes of it.
            given, expected = (read(folder / f"{takes}_{side}_0") for side in ("input", "output"))
            [found] = ReferenceEvaluator(model).run(None, {takes: given})
            same(f"{path}, the evaluator of onnx", found, expected, TOLERANCE_OF_REFERENCE)
        runtime = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        # As precise as the numbers are: by itself it computes in bf16 where a processor can.
        hint = {"INFERENCE_PRECISION_HINT": "f32"}
        vino = openvino.Core().compile_model(str(path), "CPU", hint)
        script = torch.jit.load(str(folder / f"{takes}.pt")) if torch else None
        for size in (0, 1):
            given, expected = (read(folder / f"{takes}_{side}_{size}") for side in ("input", "output"))
            [found] = runtime.run(None, {takes: given})
            apart = max(apart, same(f"{path}, ONNX Runtime", found, expected))
            apart = max(apart, same(f"{path}, OpenVINO", vino(given)[0], expected))
            if script:
                with torch.no_grad():
                    found = script(torch.from_numpy(given)).numpy()
                apart = max(apart, same(f"{path}, PyTorch", found, expected))
            # A batch of two is as two batches.
            [found] = runtime.run(None, {takes: np.concatenate([given, given])})
            same(f"{path}, batch", found[1:], expected)
    return apart


def check_package(folder: Path, em_cli: str, *options: str) -> None:
    """A package of the BioImage Model Zoo, by its own test."""
    package = folder / f"package{len(options)}.zip"
    words = ["--author", "Some One; Some Lab", "--license", "CC-BY-4.0", "--cite", "A paper; 10.1000/182"]
    subprocess.run(
        [em_cli, "export", folder / "run", "-o", package, "--quiet", "--overwrite", *words, *options], check=True
    )
    model = load_model_description(package)
    assert model.authors[0].affiliation == "Some Lab" and model.license == "CC-BY-4.0", model.authors
    assert model.cite[1].doi == "10.1000/182" and model.covers, model.cite
    for weights in ("onnx", "torchscript") if torch else ("onnx",):
        summary = test_model(package, weight_format=weights, determinism="seed_only")
        assert summary.status in ("passed", "valid-format"), summary.display()
        tests = [detail for detail in summary.details if detail.loc and "weights" in detail.loc]
        assert tests and all(detail.status == "passed" for detail in tests), summary.display()


def main() -> None:
    networks, em_cli = Path(sys.argv[1]), sys.argv[2]
    folders = sorted(folder for folder in networks.iterdir() if (folder / "run").is_dir())
    assert len(folders) == 20, folders
    failures = []
    for folder in folders:
        try:
            apart = check_files(folder)
            check_package(folder, em_cli)
            check_package(folder, em_cli, "--normalize")
            print(f"{folder.name}: at most {apart:.1e} apart", flush=True)
        except (AssertionError, subprocess.CalledProcessError) as error:
            failures.append(f"{folder.name}: {error}")
            print(f"FAILED {failures[-1]}", flush=True)
    if not torch:
        print("skipped: TorchScript, since PyTorch is not installed")
    if failures:
        sys.exit(f"{len(failures)} of {len(folders)} networks failed")


if __name__ == "__main__":
    main()
