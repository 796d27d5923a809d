"""The program as a child process: its events, its errors, its end; and how it is found.

A stand-in plays the program where what it does matters and not what it computes; the program itself predicts where
`EM_CLI` names one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import em_cli as em
from em_cli import program

#: Does what the word behind its command says, and tells what it was called with.
STAND_IN = """\
import json, os, signal, sys, time
def tell(**event): print(json.dumps(event), flush=True)
words = sys.argv[1:]
asked = []
for asks in (signal.SIGINT, signal.SIGTERM):
    signal.signal(asks, lambda *_: asked.append(1))
tell(event="begun", format_version=1, command=words[0], pid=os.getpid())
what = words[-1]
if what == "fail":
    tell(event="error", message="no file", because=["disk is full"], hint="free some")
    print("error: no file", file=sys.stderr)
    sys.exit(1)
if what == "crash":
    print("out of memory", file=sys.stderr)
    os.kill(os.getpid(), signal.SIGKILL)
if what == "refuse":
    print("error: unexpected argument", file=sys.stderr)
    sys.exit(2)
if what == "work":
    until = time.monotonic() + 60
    done = 0
    while not asked and time.monotonic() < until:
        tell(event="stage", unit="sections", done=done, of=600)
        done += 1
        time.sleep(0.05)
    tell(event="error", message="stopped; blocks are kept", because=[], hint="go on with --resume")
    sys.exit(1)
tell(event="warning", text="sections are dark")
tell(event="done", words=words)
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let a script play the program."""
    script = tmp_path / "em-cli"
    script.write_text(f"#!{sys.executable} -I\n{STAND_IN}")
    script.chmod(0o755)
    monkeypatch.setenv(program.PROGRAM_VARIABLE, str(script))
    return script


def test_a_command_returns_what_it_came_to_and_hands_its_events_on(stand_in: Path) -> None:
    events: list[program.Event] = []
    with pytest.warns(em.ProgramWarning, match="sections are dark") as warned:
        done = program.run("tune", "runs/ä b", on_event=events.append)
    assert warned[0].filename == __file__
    assert done == {"words": ["tune", "--json", "runs/ä b"]}
    assert [event["event"] for event in events] == ["begun", "warning", "done"]


@pytest.mark.filterwarnings("ignore::em_cli.ProgramWarning")
def test_arguments_become_options(monkeypatch: pytest.MonkeyPatch, stand_in: Path, tmp_path: Path) -> None:
    heard: list[list[str]] = []

    def heard_of(arguments: list[str], *_: Any) -> program.Event:
        heard.append(arguments)
        return {"files": [], "report": "", "scores": {}, "run": "", "moved": [], "folder": "", "classes": {}}

    monkeypatch.setattr(program, "run_events", heard_of)
    program.predict("-in.tif", model=["a", Path("b")], output=Path("o.tif"), cleaning=False, voxel_size_nm=(50, 4.5, 4))
    assert heard.pop() == [
        "predict", "--voxel-size=50.0,4.5,4.0", "--model=a", "--model=b", "--output=o.tif", "--no-cleaning",
        "--device=auto", "--", "-in.tif",
    ]  # fmt: skip
    settings = {"train.epochs": np.int64(5), "data.classes": ["mito", 'a"b'], "train.average": True, "x": {"y": 0.5}}
    program.train("run.toml", settings=settings, resume=True, device="cpu")
    assert heard.pop() == [
        "train", "--resume", "--device=cpu", "--set=train.epochs=5", '--set=data.classes=["mito", "a\\"b"]',
        "--set=train.average=true", '--set=x={"y" = 0.5}', "--", "run.toml",
    ]  # fmt: skip
    program.adapt("mitochondria", "new.tif", output="run2", overwrite=True)
    assert heard.pop() == ["adapt", "--output=run2", "--overwrite", "--device=auto", "--", "mitochondria", "new.tif"]
    program.measure({"m": "m.tif"}, output="o", split_nm=20.0, probabilities={"m": "p.tif"})
    assert heard.pop() == [
        "measure", "--output=o", "--probabilities=m=p.tif", "--connectivity=26", "--split=20.0", "--min-voxels=1",
        "--", "m=m.tif",
    ]  # fmt: skip

    em.write(tmp_path / "a.zarr", np.zeros((2, 8, 8), np.uint8))
    volume = em.open(tmp_path / "a.zarr", invert=True).with_voxel_size_nm(8)
    program.predict(volume, model="m", probabilities="p.tif")
    assert heard.pop()[1:3] == ["--invert=yes", "--voxel-size=8.0,8.0,8.0"]
    with pytest.raises(TypeError, match="expected one of a file"):
        program.predict(em.from_array(np.zeros((1, 2, 2), np.uint8)), model="m", output="o.tif")
    with pytest.raises(ValueError, match="neither `output` nor `probabilities`"):
        program.predict("a.tif", model="m")


def test_an_error_of_the_program_is_an_exception_with_its_parts(stand_in: Path) -> None:
    with pytest.raises(em.ProgramError, match="^no file\nbecause: disk is full\nhint: free some$") as caught:
        program.run("tune", "fail")
    assert (caught.value.message, caught.value.because, caught.value.hint) == ("no file", ["disk is full"], "free some")
    assert not isinstance(caught.value, em.Cancelled)


@pytest.mark.parametrize(("how", "message"), [("crash", "SIGKILL\nbecause: out of"), ("refuse", "status 2\nbecause: error: unexpected")])
def test_a_program_that_breaks_off_without_an_event_is_told(stand_in: Path, how: str, message: str) -> None:
    with pytest.raises(em.ProgramError, match=message):
        program.run("tune", how)


def test_a_program_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(program.PROGRAM_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(em.ProgramError, match="status 1\nbecause: `.*none` cannot be started: No such file"):
        program.run("tune", "runs")


def test_another_thread_cancels(stand_in: Path) -> None:
    cancel = threading.Event()
    started = time.monotonic()
    with pytest.raises(em.Cancelled, match="blocks are kept\nhint: go on"):
        program.run("tune", "work", cancel=cancel, on_event=lambda event: cancel.set())
    assert time.monotonic() - started < 20


def test_an_exception_of_the_listener_ends_the_program(stand_in: Path) -> None:
    pids: list[int] = []

    def listen(event: program.Event) -> None:
        pids.append(event.get("pid", 0))
        if event["event"] == "stage":
            raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        program.run("tune", "work", on_event=listen)
    assert not _is_there(pids[0])


def test_ctrl_c_ends_the_program_first(stand_in: Path, tmp_path: Path) -> None:
    script = f"""
        from em_cli import program
        try:
            program.run("tune", "work", on_event=lambda event: print(event.get("pid", 0), flush=True))
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """
    with _python(script) as child:
        assert child.stdout is not None
        pid = int(child.stdout.readline())
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        rest = child.stdout.read()
    assert child.returncode == 0 and rest.endswith("interrupted\n") and not _is_there(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_the_program_ends_with_a_killed_parent(stand_in: Path) -> None:
    script = """
        from em_cli import program
        program.run("tune", "work", on_event=lambda event: print(event.get("pid", 0), flush=True))
    """
    with _python(script) as child:
        assert child.stdout is not None
        pid = int(child.stdout.readline())
        child.stdout.readline()
        child.kill()
    until = time.monotonic() + 20
    while _is_there(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _is_there(pid)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Install the package, with a stand-in of the program and of PyTorch, as pip lays them out."""
    site = tmp_path / "site"
    shutil.copytree(Path(em.__file__).parent, site / "em_cli", ignore=shutil.ignore_patterns("bin", "*.so", "__pycache__"))
    script = site / "em_cli" / "bin" / "em-cli"
    script.parent.mkdir()
    code = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ.get('LD_LIBRARY_PATH')])); sys.exit(7)"
    script.write_text(f"#!{sys.executable} -I\n{code}\n")
    script.chmod(0o755)
    _metadata(site, "em_cli", "0.1.0", "Requires-Dist: numpy>=1\nRequires-Dist: torch==2.11.0")
    _torch(site, "2.11.0")
    return site


def test_the_module_becomes_the_program(site: Path) -> None:
    run = _module(site, "--model", b"\xff\xfe.tif", "a b")
    assert run.returncode == 7 and run.stderr == ""
    words, path = json.loads(run.stdout)
    # Bytes that are no text come through.
    assert [os.fsencode(word) for word in words] == [b"--model", b"\xff\xfe.tif", b"a b"] and path is None


def test_a_build_of_torch_for_another_cuda_serves(site: Path) -> None:
    _metadata(site, "torch", "2.11.0+cu128")
    assert _module(site).returncode == 7


def test_the_loader_is_told_where_torch_lies_elsewhere(site: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for part in ["torch", "torch.dist-info"]:
        shutil.move(site / part, elsewhere / part)
    run = _module(site, path=[elsewhere])
    assert json.loads(run.stdout)[1] == str(elsewhere / "torch" / "lib")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda site: shutil.rmtree(site / "torch.dist-info"), "needs torch 2.11.0, and this Python has none"),
        (lambda site: _metadata(site, "torch", "2.10.1"), "needs torch 2.11.0, found torch 2.10.1"),
        (lambda site: shutil.rmtree(site / "torch"), "libtorch_cpu.so`, which em-cli is linked with"),
        (lambda site: shutil.rmtree(site / "em_cli" / "bin"), "this package has no program"),
    ],
)
def test_what_is_missing_is_told_with_what_to_do(site: Path, change: Any, message: str) -> None:
    change(site)
    run = _module(site, "--version")
    assert run.returncode == 1 and run.stdout == ""
    assert run.stderr.startswith("error: ") and message in run.stderr and "\nhint: " in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.skipif(not os.environ.get("EM_CLI"), reason="EM_CLI names no program")
@pytest.mark.filterwarnings("ignore::em_cli.ProgramWarning")
def test_the_program_itself_predicts_and_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(program.PROGRAM_VARIABLE, os.environ["EM_CLI"])
    em.write(tmp_path / "raw.tif", em.phantom((3, 96, 96), seed=1).raw)
    events: list[str] = []
    [mask] = em.predict(
        em.open(tmp_path / "raw.tif"),
        model="mitochondria",
        output=tmp_path / "mask.tif",
        class_name="mitochondria",
        device="cpu",
        on_event=lambda event: events.append(event["event"]),
    )
    assert (mask.class_name, mask.kind, Path(mask.path).name) == ("mitochondria", "mask", "mask.tif")
    voxels = em.open(mask.path)[:]
    assert voxels.shape == (3, 96, 96) and np.mean(voxels > 0) == pytest.approx(mask.foreground)
    assert events[0] == "begun" and events[-1] == "done"
    measured = program.measure({"mitochondria": mask.path}, output=tmp_path / "objects")
    table = em.objects.measure(em.open(Path(measured.folder) / "labels.tif"))
    assert table.rows == measured.classes["mitochondria"]["objects"]
    with pytest.raises(em.ProgramError, match="(?s)raw.tiff.*hint: did you mean"):
        em.predict(tmp_path / "raw.tiff", model="mitochondria", output=tmp_path / "other.tif")


@pytest.mark.skipif(not os.environ.get("EM_CLI"), reason="EM_CLI names no program")
def test_a_configuration_is_suggested_for_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(program.PROGRAM_VARIABLE, os.environ["EM_CLI"])
    made = em.phantom((4, 96, 96), seed=1)
    (tmp_path / "data").mkdir()
    em.write(tmp_path / "data" / "train.tif", made.raw)
    em.write(tmp_path / "data" / "train_mitochondria.tif", made.masks["mitochondria"])
    program.suggest_config(tmp_path / "data", tmp_path / "run.toml")
    assert 'init = "mitochondria"' in (tmp_path / "run.toml").read_text()
    with pytest.raises(em.ProgramError, match="(?s)^`.*none` is no folder.*hint: give the folder"):
        program.suggest_config(tmp_path / "none", tmp_path / "other.toml")


def _python(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)


def _module(site: Path, *words: str | bytes, path: list[Path] = []) -> subprocess.CompletedProcess[str]:
    # Without this environment's own packages, which may have a torch.
    environment = {"PYTHONPATH": os.pathsep.join(map(str, [site, *path])), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "-S", "-m", "em_cli", *words], env=environment, capture_output=True, text=True
    )


def _metadata(site: Path, name: str, version: str, more: str = "") -> None:
    folder = site / f"{name}.dist-info"
    folder.mkdir(exist_ok=True)
    lines = ["Metadata-Version: 2.4", f"Name: {name.replace('_', '-')}", f"Version: {version}", *([more] if more else [])]
    (folder / "METADATA").write_text("\n".join(lines) + "\n")


def _torch(site: Path, version: str) -> None:
    (site / "torch" / "lib").mkdir(parents=True)
    (site / "torch" / "lib" / "libtorch_cpu.so").touch()
    _metadata(site, "torch", version)


def _is_there(pid: int) -> bool:
    """Tell whether a process runs; one that nobody waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
