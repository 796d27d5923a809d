"""A prediction and a measurement by real schedulers, against one program: `cluster.py EM_CLI [slurm] [daisy]`.

slurm: SLURM of one node, an array of jobs; one of them is killed and comes again.
daisy: daisy 2 with four workers in network namespaces of their own; one is killed, one is cut off for a minute.
Both need root and Linux; what is missing on the machine is named, and that part left out.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

EM_CLI = os.path.abspath(sys.argv[1])
WANTED = sys.argv[2:] or ["slurm", "daisy"]
SHARDS = 6
# Of the cut through the network: longer than a minute of waiting.
CUT_SECONDS = 65


def run(*words, **options):
    return subprocess.run([str(word) for word in words], check=True, **options)


def contents(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def configure(folder, scheduler, extra=""):
    (folder / "cluster.toml").write_text(
        f"""shards = {SHARDS}
program = {json.dumps(EM_CLI)}
[predict]
model = ["mitochondria"]
input = "raw.tif"
output = "mask.zarr"
[measure]
masks = ["m=mask.zarr"]
output = "results"
[resources]
cpus = 1
memory = "1G"
{extra}
"""
    )
    run(EM_CLI, "cluster", scheduler, "--config", folder / "cluster.toml", "-o", folder / "jobs", stdout=subprocess.DEVNULL)


def compare(folder, whole):
    found, expected = contents(folder / "mask.zarr"), contents(whole / "mask.zarr")
    assert found.keys() == expected.keys(), set(found) ^ set(expected)
    assert found == expected, [name for name in found if found[name] != expected[name]]
    for name in ["objects.csv", "objects.parquet", "histograms.png", "labels.tif"]:
        ours, theirs = [(place / "results" / name).read_bytes() for place in (folder, whole)]
        assert ours == theirs, f"{name} differs"
    assert not list(folder.glob("*.shards")), "notes of shards are left"


def running(text):
    """Processes whose command line holds a text."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"em-cli") and any(text.encode() in word for word in words):
            found.append(int(path.parent.name))
    return found


def kill_one(text, patience=60):
    """Kills the first program whose command line holds a text."""
    for _ in range(patience * 50):
        for pid in running(text):
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.02)
    raise AssertionError(f"no program with {text} came up")


def slurm(folder, whole):
    place = folder / "slurm"
    for name in ["spool", "state"]:
        (place / name).mkdir(parents=True)
    host = socket.gethostname().split(".")[0]
    conf = place / "slurm.conf"
    conf.write_text(
        f"""ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmdSpoolDir={place}/spool
StateSaveLocation={place}/state
SlurmUser=root
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AuthType=auth/munge
NodeName={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory=4000
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
    )
    environment = {**os.environ, "SLURM_CONF": str(conf)}
    if subprocess.run(["pgrep", "munged"], stdout=subprocess.DEVNULL).returncode:
        pathlib.Path("/run/munge").mkdir(exist_ok=True)
        shutil.chown("/run/munge", "munge")
        run("runuser", "-u", "munge", "--", "munged")
    daemons = [subprocess.Popen([name, "-D"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for name in ("slurmctld", "slurmd")]
    try:
        configure(folder, "slurm")
        for _ in range(60):
            if subprocess.run(["sinfo", "-h", "-t", "idle", "-o", "%D"], env=environment, capture_output=True).stdout.strip() == b"1":
                break
            time.sleep(1)
        run("sh", folder / "jobs/submit.sh", env=environment, stdout=subprocess.DEVNULL)
        kill_one(f"auto/{SHARDS}")
        for _ in range(900):
            if not subprocess.run(["squeue", "-h"], env=environment, capture_output=True, check=True).stdout:
                break
            time.sleep(1)
        logs = "".join(path.read_text() for path in sorted(folder.glob("em-*.log")))
        assert (folder / "results/objects.csv").is_file(), logs
    finally:
        for daemon in daemons:
            daemon.terminate()
            daemon.wait()
    compare(folder, whole)


NAMESPACES = 4
START = """#!/bin/sh
# A worker in one of the namespaces, by the number of the worker.
number=$(printf '%s' "$DAISY_CONTEXT" | sed 's/.*worker_id=\\([0-9]*\\).*/\\1/')
exec ip netns exec "em$((number % {count}))" "$@"
"""


def daisy(folder, whole):
    bridge = "embridge"
    run("ip", "link", "add", bridge, "type", "bridge")
    run("ip", "address", "add", "10.231.7.1/24", "dev", bridge)
    run("ip", "link", "set", bridge, "up")
    try:
        for number in range(NAMESPACES):
            run("ip", "netns", "add", f"em{number}")
            run("ip", "link", "add", f"emv{number}", "type", "veth", "peer", "name", "eth0", "netns", f"em{number}")
            run("ip", "link", "set", f"emv{number}", "master", bridge, "up")
            inside = ["ip", "netns", "exec", f"em{number}", "ip"]
            run(*inside, "address", "add", f"10.231.7.{number + 2}/24", "dev", "eth0")
            run(*inside, "link", "set", "eth0", "up")
            run(*inside, "link", "set", "lo", "up")
        start = folder / "start-worker"
        start.write_text(START.format(count=NAMESPACES))
        start.chmod(0o755)
        configure(folder, "daisy", f"at_once = {NAMESPACES}\n[daisy]\nstart = {json.dumps([str(start)])}\ntimeout_s = 30")
        environment = {**os.environ, "DAISY_HOST": "10.231.7.1"}
        driver = subprocess.Popen([sys.executable, folder / "jobs/run_daisy.py"], env=environment, cwd=folder, stdout=(folder / "daisy.log").open("w"), stderr=subprocess.STDOUT)
        kill_one(f"/{SHARDS}")
        run("ip", "link", "set", "emv1", "down")
        time.sleep(CUT_SECONDS)
        run("ip", "link", "set", "emv1", "up")
        code = driver.wait(timeout=900)
        # What daisy thinks of lost workers is its own affair: started again, it does what is missing.
        if code:
            run(sys.executable, folder / "jobs/run_daisy.py", env=environment, cwd=folder)
    finally:
        for number in range(NAMESPACES):
            subprocess.run(["ip", "netns", "delete", f"em{number}"])
        subprocess.run(["ip", "link", "delete", bridge])
    compare(folder, whole)


def missing(part):
    programs = {"slurm": ["slurmctld", "slurmd", "munged", "sbatch"], "daisy": ["ip"]}[part]
    absent = [name for name in programs if shutil.which(name) is None]
    if os.geteuid():
        absent.append("root")
    if part == "daisy":
        try:
            import daisy as _
        except ImportError:
            absent.append("daisy (PyPI)")
    return absent


def main():
    with tempfile.TemporaryDirectory() as name:
        base = pathlib.Path(name)
        whole = base / "whole"
        whole.mkdir()
        run(EM_CLI, "phantom", base, "--train-sections", "90", "--val-sections", "3", "--size", "256", "--quiet")
        run(EM_CLI, "predict", "--model", "mitochondria", base / "train.tif", "-o", whole / "mask.zarr", "--quiet", env={**os.environ, "OMP_NUM_THREADS": "1"})
        run(EM_CLI, "measure", f"m={whole}/mask.zarr", "-o", whole / "results", "--quiet")
        for part in WANTED:
            absent = missing(part)
            if absent:
                print(f"skipped: {part}, for want of {', '.join(absent)}")
                continue
            folder = base / part
            folder.mkdir()
            shutil.copy(base / "train.tif", folder / "raw.tif")
            began = time.monotonic()
            {"slurm": slurm, "daisy": daisy}[part](folder, whole)
            print(f"ok: {part}, {SHARDS} shards, the bytes of one program, {time.monotonic() - began:.0f} s")


main()
