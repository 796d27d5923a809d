"""A prediction in shards and a measurement from and to an S3 server that fails: `bucket.py EM_CLI`.

moto is the server; before it stands a proxy that answers one request in twenty with 503, and each 50 ms later.
The objects have to have the bytes, and the tables the rows, that the same commands give on this machine.
"""

import http.client
import http.server
import logging
import os
import pathlib
import random
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

import boto3
from moto.server import ThreadedMotoServer

EM_CLI = os.path.abspath(sys.argv[1])
SHARDS = 3
FAILING = 0.05
DELAY_SECONDS = 0.05
draw = random.Random(5)
counts = {"asked": 0, "failed": 0}


def proxy_to(port):
    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            counts["asked"] += 1
            time.sleep(DELAY_SECONDS)
            if draw.random() < FAILING:
                counts["failed"] += 1
                text = b"<Error><Code>SlowDown</Code></Error>"
                self.send_response(503)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)
                return
            server = http.client.HTTPConnection("127.0.0.1", port)
            server.request(self.command, self.path, body, dict(self.headers))
            reply = server.getresponse()
            data = reply.read()
            self.send_response(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", reply.getheader("Content-Length", "0") if self.command == "HEAD" else str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer

        def log_message(self, *_):
            pass

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    _, port = moto.get_host_and_port()
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    client.create_bucket(Bucket="lab")
    environment = {**os.environ, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy_to(port)}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true", "OMP_NUM_THREADS": "1"}

    with tempfile.TemporaryDirectory() as name:
        base = pathlib.Path(name)

        def em_cli(*words):
            subprocess.run([EM_CLI, *map(str, words)], check=True, env=environment, cwd=base, stdout=subprocess.DEVNULL)

        em_cli("phantom", ".", "--train-sections", 48, "--val-sections", 3, "--size", 192, "--quiet")
        em_cli("convert", "train.tif", "raw.zarr")
        em_cli("convert", "train.tif", "s3://lab/raw.zarr")
        em_cli("predict", "--model", "mitochondria", "raw.zarr", "-o", "mask.zarr", "--quiet")
        em_cli("measure", "m=mask.zarr", "-o", "here", "--quiet")
        for shard in range(SHARDS):
            em_cli("predict", "--model", "mitochondria", "s3://lab/raw.zarr", "-o", "s3://lab/mask.zarr", "--shard", f"{shard}/{SHARDS}", "--quiet")
        em_cli("shards", "s3://lab/mask.zarr", "--finish")
        em_cli("measure", "m=s3://lab/mask.zarr", "-o", "there", "--quiet")
        em_cli("evaluate", "--prediction", "s3://lab/mask.zarr", "--label", "mask.zarr")

        for image in ["raw.zarr", "mask.zarr"]:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket="lab", Prefix=f"{image}/")
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
            files = sorted(str(path.relative_to(base)) for path in (base / image).rglob("*") if path.is_file())
            assert sorted(keys) == files, set(keys) ^ set(files)
            for key in keys:
                assert client.get_object(Bucket="lab", Key=key)["Body"].read() == (base / key).read_bytes(), key
        left = client.list_objects_v2(Bucket="lab", Prefix="mask.zarr.shards").get("KeyCount", 0)
        assert left == 0, "notes of shards are left"
        for table in ["objects.csv", "objects.parquet", "labels.tif"]:
            assert (base / "there" / table).read_bytes() == (base / "here" / table).read_bytes(), table
        # Nothing of the keys is in a file.
        for path in base.rglob("*"):
            assert not path.is_file() or b"aws_secret" not in path.read_bytes().lower(), path
    assert counts["failed"] > 5, counts
    print(f"ok: S3, {counts['asked']} requests of which {counts['failed']} failed, the bytes and tables of this machine")
    moto.stop()


main()
