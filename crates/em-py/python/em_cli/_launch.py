"""Where the program lies, and what it needs of the environment: PyTorch's libraries, of the right version.

The program is linked to be found beside ``torch`` in ``site-packages``; where PyTorch lies elsewhere, the loader is
told. It imports neither NumPy nor PyTorch, so that ``em-cli --version`` is there at once.
"""

from __future__ import annotations

import os
import re
import sys
from importlib import metadata
from pathlib import Path

#: Names another program than the one of this package, which is then started as it is.
PROGRAM_VARIABLE = "EM_CLI_PROGRAM"

#: The one of this package.
PROGRAM = Path(__file__).parent / "bin" / "em-cli"

#: A part of PyTorch that the program cannot do without.
_LIBRARY = "libtorch_cpu.so"


class NotReady(RuntimeError):
    """The program cannot be started: it is not here, or PyTorch is missing or of another version."""


def located() -> tuple[str, dict[str, str]]:
    """Return the program and the environment to start it in.

    Raises:
        NotReady: It would not start.
    """
    environment = dict(os.environ)
    named = environment.get(PROGRAM_VARIABLE)
    if named:
        return named, environment
    if not PROGRAM.is_file():
        raise NotReady(
            f"this package has no program `{PROGRAM}`\n"
            f"hint: install the wheel em_cli-*.whl, or name an em-cli that runs by {PROGRAM_VARIABLE}"
        )
    libraries = _libraries()
    beside = PROGRAM.parent.parent.parent / "torch" / "lib"
    if not (beside / _LIBRARY).is_file():
        before = environment.get("LD_LIBRARY_PATH")
        environment["LD_LIBRARY_PATH"] = str(libraries) + (os.pathsep + before if before else "")
    elif not os.path.samefile(libraries, beside):
        # What lies beside the program comes first, whatever is told to the loader.
        raise NotReady(
            f"this Python's torch is in `{libraries}`, and another one beside em-cli in `{beside}`\n"
            "hint: uninstall one of them, or install em-cli where the right one is"
        )
    return str(PROGRAM), environment


def _libraries() -> Path:
    """Return the folder of PyTorch's libraries, which are of the version that the program was built for."""
    wanted = required_torch()
    advice = f"hint: {os.path.basename(sys.executable) or 'python3'} -m pip install torch=={wanted}"
    try:
        torch = metadata.distribution("torch")
    except metadata.PackageNotFoundError:
        raise NotReady(f"em-cli needs torch {wanted}, and this Python has none\n{advice}") from None
    # A build for another CUDA has a name of its own behind the plus sign, and the same interface.
    if torch.version.partition("+")[0] != wanted:
        raise NotReady(f"em-cli needs torch {wanted}, found torch {torch.version}\n{advice}")
    libraries = Path(str(torch.locate_file("torch/lib")))
    if not (libraries / _LIBRARY).is_file():
        raise NotReady(
            f"torch {torch.version} has no `{libraries / _LIBRARY}`, which em-cli is linked with\n"
            f"{advice} --force-reinstall, which brings PyTorch's own build"
        )
    return libraries


def required_torch() -> str:
    """Return the version of PyTorch that this package asks for."""
    for requirement in metadata.requires("em-cli") or ():
        found = re.match(r"torch\s*==\s*([^\s;,]+)", requirement)
        if found:
            return found[1]
    raise NotReady("the package em-cli asks for no version of torch\nhint: pip install --force-reinstall the wheel em_cli-*.whl")


def main() -> None:
    """Become the program, with the arguments of this process: signals and the exit code are the program's own."""
    try:
        program, environment = located()
        os.execve(program, ["em-cli", *sys.argv[1:]], environment)
    except NotReady as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: `{program}` cannot be started: {error.strerror}")
