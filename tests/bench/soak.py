"""Keeps threadstored under half of what it can do, for an hour, and looks whether anything grows.

Clients of four kinds come and go every few seconds: creates over gRPC and over HTTP, gets and
lists; one more watches, replies, edits, searches, follows and deletes. Groups are filled for a
while and then deleted with all that is in them, so that the store stays as large as it is. What all
of them reach together without a bound is measured first; half of that is then kept up.

It ends with an error if a call fails that should not, or if memory, descriptors, threads, the log or
the file of the store are more in the last quarter than in the second.
"""

import argparse
import contextlib
import json
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import grpc

import bench
from bench import BUILD, Api, Call, HttpCall, call

FIGURES = BUILD / "bench" / "soak.json"

SHIFT_SECONDS = 10  # So long a client's connections live.
SHIFTS_OF_A_GROUP = 6
SAMPLE_SECONDS = 5

# Connections and streams of each kind of client.
LOADS = {"create": (4, 8), "http": (16, 1), "get": (4, 4), "list": (2, 2)}

# What the last quarter may have more than the second.
ALLOWED_GROWTH = {"resident_mib": 1.10, "descriptors": 1.10, "threads": 1.0, "wal_mib": 1.5,
                  "database_mib": 1.5}


class Groups:
    """The group that is filled, which changes, and its predecessors' end."""

    def __init__(self, api, address):
        self._api, self._address, self._count = api, address, 0
        self.current = None
        self.next()

    def next(self):
        previous, self.current = self.current, f"soak-{self._count}"
        self._count += 1
        call(self._address, "/threadstore.v1.GroupService/CreateGroup",
             self._api.request("CreateGroupRequest", groupId=self.current))
        if previous is not None:
            call(self._address, "/threadstore.v1.GroupService/DeleteGroup",
                 self._api.request("DeleteGroupRequest", name=f"groups/{previous}", force=True))


def make_calls(api, address, http_address, group):
    """The call that each kind of client makes again and again."""
    seed = (bench.REPOSITORY / "tests/testdata/create_thread_request.json").read_bytes()
    parent = f"groups/{group}"
    create = api.request("CreateThreadRequest", parent=parent, thread=json.loads(seed))
    thread = api.name_of(call(address, "/threadstore.v1.ThreadService/CreateThread", create))
    return {
        "create": Call(address, "/threadstore.v1.ThreadService/CreateThread", create, 100),
        "http": HttpCall(http_address, f"/v1.0/{parent}/threads", seed),
        "get": Call(address, "/threadstore.v1.ThreadService/GetThread",
                    api.request("GetThreadRequest", name=thread), 100),
        "list": Call(address, "/threadstore.v1.ThreadService/ListThreads",
                     api.request("ListThreadsRequest", parent=parent, pageSize=10), 100)}


def run_shift(calls, folder, rates):
    """Loads with all kinds at once. `rates` are of each kind, or None to go as fast as it goes.
    Returns the rates that were reached; ends the program if a call has failed."""
    processes = {}
    for work, made in calls.items():
        own = folder / work
        own.mkdir(exist_ok=True)
        arguments = ["h2load", f"--duration={SHIFT_SECONDS}", "--threads=1",
                     *made.h2load(LOADS[work], own)]
        if rates is not None:
            connections = next(int(argument.split("=")[1]) for argument in arguments
                               if argument.startswith("--clients="))
            arguments.insert(1, f"--rps={rates[work] / connections:.2f}")
        processes[work] = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    reached = {}
    for work, process in processes.items():
        output, _ = process.communicate()
        found = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored.*\((\d+)\) data", output,
                          re.DOTALL)
        if not found or int(found[2]) or int(found[3]):
            sys.exit(f"{work}: calls failed\n{output}")
        bench.check_answers(calls[work], int(found[1]), int(found[4]))
        reached[work] = int(found[1]) / SHIFT_SECONDS
    return reached


class Visitor(threading.Thread):
    """A client that does everything else, over connections of its own."""

    SERVICE = "/threadstore.v1."

    def __init__(self, api, address):
        super().__init__(daemon=True)
        self._api, self._address = api, address
        self._stopped = threading.Event()
        self.visits, self.error = 0, None

    def stop(self):
        self._stopped.set()
        self.join()

    def run(self):
        try:
            while not self._stopped.is_set():
                self._visit()
                self.visits += 1
        except grpc.RpcError as error:
            self.error = f"{error.code()}: {error.details()}"

    def _visit(self):
        group = "visited"
        api, send = self._api, self._send
        with grpc.insecure_channel(self._address) as channel:
            with contextlib.suppress(grpc.RpcError):  # It is there from the second visit on.
                send(channel, "GroupService/CreateGroup",
                     api.request("CreateGroupRequest", groupId=group,
                                 group={"allowExternalSenders": True}))
            watch = channel.unary_stream(self.SERVICE + "ThreadService/WatchThreads")(
                api.request("WatchThreadsRequest", parent=f"groups/{group}"))
            thread = api.name_of(send(channel, "ThreadService/CreateThread", api.request(
                "CreateThreadRequest", parent=f"groups/{group}", thread={"topic": "a visit"})))
            send(channel, "ThreadService/ReplyToThread", api.request(
                "ReplyToThreadRequest", name=thread,
                post={"body": {"content": "words to find"},
                      "sender": {"emailAddress": {"name": "Visitor"}}}))
            send(channel, "ThreadService/UpdateThread", api.request(
                "UpdateThreadRequest", thread={"name": thread, "isLocked": True},
                updateMask="isLocked"))
            send(channel, "ThreadService/SearchThreads", api.request(
                "SearchThreadsRequest", parent=f"groups/{group}", query="words"))
            send(channel, "ThreadService/ListThreadChanges", api.request(
                "ListThreadChangesRequest", parent=f"groups/{group}"))
            next(watch)
            send(channel, "ThreadService/DeleteThread", api.request(
                "DeleteThreadRequest", name=thread))
            watch.cancel()

    def _send(self, channel, method, request):
        return channel.unary_unary(self.SERVICE + method)(request, timeout=bench.PATIENCE_SECONDS)


def sample(process, folder):
    proc = pathlib.Path(f"/proc/{process.pid}")
    wal = folder / "threadstore.db-wal"
    return {"resident_mib": bench.resident_mib(process),
            "descriptors": len(list((proc / "fd").iterdir())),
            "threads": len(list((proc / "task").iterdir())),
            "wal_mib": wal.stat().st_size / 2**20,
            "database_mib": (folder / "threadstore.db").stat().st_size / 2**20}


class Sampler(threading.Thread):

    def __init__(self, process, folder):
        super().__init__(daemon=True)
        self._process, self._folder = process, folder
        self._stopped = threading.Event()
        self.samples = []

    def stop(self):
        self._stopped.set()
        self.join()

    def run(self):
        while not self._stopped.wait(SAMPLE_SECONDS):
            self.samples.append(sample(self._process, self._folder))


def quarter(samples, number, figure):
    """The median and the most of a quarter, counted from 0."""
    size = len(samples) // 4
    values = [one[figure] for one in samples[number * size:(number + 1) * size]]
    return statistics.median(values), max(values)


def report(figures):
    """Prints what was found, and returns what has grown."""
    print(f"{figures['seconds']:.0f} s, thousands of calls a second: at most "
          + ", ".join(f"{work} {rate / 1000:.1f}" for work, rate in figures["saturation"].items())
          + "; kept up " + ", ".join(f"{work} {rate / 1000:.1f}"
                                     for work, rate in figures["kept_up"].items()))
    print(f"{figures['calls']} calls, {figures['visits']} visits, no error\n")
    print(f"{'median / most of each quarter':<30}" + "".join(f"{n:>20}" for n in range(1, 5)))
    samples, grown = figures["samples"], []
    for figure in samples[0]:
        quarters = [quarter(samples, number, figure) for number in range(4)]
        print(f"{figure:<30}" + "".join(f"{f'{one:.1f} / {most:.1f}':>20}"
                                        for one, most in quarters))
        allowed = ALLOWED_GROWTH.get(figure)
        if allowed is not None and quarters[3][0] > quarters[1][0] * allowed:
            grown.append(figure)
    return grown


def soak(options, folder):
    api = Api()
    with contextlib.ExitStack() as stack:
        process, address, http_address = bench.start_threadstored(stack, options.server, folder)
        groups = Groups(api, address)
        calls = make_calls(api, address, http_address, groups.current)
        saturation = run_shift(calls, folder, None)
        rates = {work: rate / 2 for work, rate in saturation.items()}
        visitor = Visitor(api, address)
        sampler = Sampler(process, folder)
        visitor.start()
        sampler.start()
        begin, reached = time.monotonic(), []
        while time.monotonic() - begin < options.minutes * 60:
            if len(reached) % SHIFTS_OF_A_GROUP == 0:
                groups.next()
                calls = make_calls(api, address, http_address, groups.current)
            reached.append(run_shift(calls, folder, rates))
            if visitor.error is not None:
                sys.exit(f"a visit failed: {visitor.error}")
        seconds = time.monotonic() - begin
        visitor.stop()
        sampler.stop()
    return {"seconds": seconds, "saturation": saturation,
            "kept_up": {work: statistics.mean(shift[work] for shift in reached)
                        for work in LOADS},
            "calls": int(sum(sum(shift.values()) for shift in reached) * SHIFT_SECONDS),
            "visits": visitor.visits, "samples": sampler.samples}


def main():
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", type=float, nargs="?", default=60)
    parser.add_argument("--server", default=BUILD / "release/bin/threadstored",
                        help="the binary to look at")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # Stops the server too.
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FIGURES.parent) as folder:
        figures = soak(options, pathlib.Path(folder))
    FIGURES.write_text(json.dumps(figures, indent=1))
    grown = report(figures)
    print(f"\nAll figures: {FIGURES.relative_to(bench.REPOSITORY)}")
    if grown:
        sys.exit(f"grown: {', '.join(grown)}")


if __name__ == "__main__":
    main()
