"""Measures what callers notice while a large group is removed.

Fills a group with threads, deletes it by force, and measures creates in another group before,
while its rows are removed, and afterwards, in one run on one server.
"""

import argparse
import contextlib
import pathlib
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

import bench

LOADS = [(1, 1), (4, 4)]


def fill(api, address, threads, folder):
    bench.call(address, "/threadstore.v1.GroupService/CreateGroup",
               api.request("CreateGroupRequest", groupId="large"))
    request = api.request("CreateThreadRequest", parent="groups/large", thread={
        "topic": "T", "toRecipients": [{"emailAddress": {"name": "A", "address": "a@b"}}] * 2,
        "uniqueSenders": ["A"]})
    body = folder / "fill.bin"
    body.write_bytes(b"\0" + len(request).to_bytes(4, "big") + request)
    subprocess.run(
        ["h2load", f"--requests={threads}", "--threads=1", "--clients=8",
         "--max-concurrent-streams=32", f"--data={body}",
         "--header=content-type: application/grpc", "--header=te: trailers",
         f"http://{address}/threadstore.v1.ThreadService/CreateThread"],
        check=True, capture_output=True)


def rows_to_remove(folder):
    with contextlib.closing(
            sqlite3.connect(f"file:{folder}/threadstore.db?mode=ro", uri=True)) as database:
        return database.execute(
            "SELECT count(*) FROM threads JOIN groups ON groups.key = threads.group_key"
            " WHERE groups.deleted").fetchone()[0]


def measure(create, load, options, folder):
    return [bench.measure(create, load, options.seconds, folder) for _ in range(options.rounds)]


def show(load, when, found):
    medians = [statistics.median(run[figure] for run in found)
               for figure in ("p50_ms", "p99_ms", "per_second")]
    print("{:>11} {:<16} p50 {:6.2f} ms   p99 {:6.2f} ms   {:8.0f}/s".format(
        bench.group_of(load), when, *medians))
    return medians[1]


def run(api, options, folder):
    with contextlib.ExitStack() as stack:
        _, address, _ = bench.start_threadstored(stack, options.server, folder)
        creates = bench.create_calls(api, address)
        for load in LOADS:
            fill(api, address, options.threads, folder)
            before = show(load, "before", measure(creates[load], load, options, folder))
            bench.call(address, "/threadstore.v1.GroupService/DeleteGroup",
                       api.request("DeleteGroupRequest", name="groups/large", force=True))
            begin = time.monotonic()
            during = show(load, "while removing", measure(creates[load], load, options, folder))
            left = rows_to_remove(folder)
            print(f"      {options.threads - left} of {options.threads} threads were removed"
                  f" meanwhile, {(options.threads - left) / (time.monotonic() - begin):.0f}/s;"
                  f" p99 {during / before:.2f} of before")
            while rows_to_remove(folder):
                time.sleep(0.2)
            print(f"      all were gone after {time.monotonic() - begin:.1f} s")
            show(load, "afterwards", measure(creates[load], load, options, folder))


def main():
    parser = argparse.ArgumentParser(prog="./dev bench deleting", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3, help="of each measurement")
    parser.add_argument("--seconds", type=int, default=2, help="of each round")
    parser.add_argument("--server", default=bench.BUILD / "release/bin/threadstored")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    bench.FIGURES.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=bench.FIGURES.parent) as folder:
        run(bench.Api(), options, pathlib.Path(folder))


main()
