"""Measures threadstored beside etcd, with h2load as the client of both.

A round starts both servers empty and, for each number of connections and streams, loads them in
turn with
  create  CreateThread of the seed's thread; each load has a group of its own
  http    the same as POST /groups/{group}/threads over HTTP/1.1, which has no streams: as many
          connections as the others have calls in flight, at most 512
  etcd    Put of 300 bytes under one key, fsync on: a durable write of a known store
  health  the health check: the most that this gRPC can do
  get     GetThread of one thread
Figures of one machine say little, so the ratios are taken within a round, and their medians over
the rounds are what counts.

h2load sends the same bytes over and over. So nothing here says what creates cost that carry a
request_id, or go to many groups.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import select
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, json_format, message_factory

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build"
FIGURES = BUILD / "bench" / "figures.json"

LOADS = [(1, 1), (4, 4), (8, 32), (16, 64)]  # Connections, and streams of each.
WORK = ["create", "http", "etcd", "health", "get"]
RATIOS = [("create", "etcd"), ("create", "health"), ("http", "create"), ("get", "health")]
MAX_HTTP_CONNECTIONS = 512

# Only keeps a broken server from blocking the run.
PATIENCE_SECONDS = 30


@dataclasses.dataclass
class Call:
    """A call to send over and over, and the bytes that its answer has at least."""

    address: str
    method: str
    request: bytes
    answer_bytes: int = 0

    def h2load(self, load, folder):
        """The arguments for this call."""
        connections, streams = load
        body = folder / "body.bin"
        body.write_bytes(b"\0" + len(self.request).to_bytes(4, "big") + self.request)
        return [f"--clients={connections}", f"--max-concurrent-streams={streams}",
                f"--data={body}", "--header=content-type: application/grpc",
                "--header=te: trailers", f"http://{self.address}{self.method}"]


class HttpCall(Call):
    """A POST of JSON; `method` is its path."""

    def h2load(self, load, folder):
        connections, streams = load
        body = folder / "body.json"
        body.write_bytes(self.request)
        return ["--h1", f"--clients={min(connections * streams, MAX_HTTP_CONNECTIONS)}",
                "--max-concurrent-streams=1", f"--data={body}",
                "--header=content-type: application/json", f"http://{self.address}{self.method}"]


@contextlib.contextmanager
def running(command, log):
    """A process that runs until the block ends. Its log goes to a file."""
    with open(log, "wb") as stderr, subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def ready_addresses(threadstored):
    """Where gRPC and HTTP are served."""
    readable, _, _ = select.select([threadstored.stdout], [], [], PATIENCE_SECONDS)
    line = threadstored.stdout.readline().decode() if readable else ""
    match = re.match(r"ready grpc=(\S+) http=(\S+)", line)
    if not match:
        sys.exit("threadstored did not start")
    return match[1], match[2]


def start_threadstored(stack, binary, folder):
    command = [binary, "serve", "--listen=127.0.0.1:0", "--http_listen=127.0.0.1:0",
               f"--store=sqlite:{folder}/threadstore.db"]
    process = stack.enter_context(running(command, folder / "threadstored.log"))
    return process, *ready_addresses(process)


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def start_etcd(stack, folder):
    clients, peers = free_address(), free_address()
    stack.enter_context(running(
        ["etcd", f"--data-dir={folder}/etcd", "--logger=zap", "--log-outputs=stderr",
         "--log-level=warn",
         f"--listen-client-urls=http://{clients}", f"--advertise-client-urls=http://{clients}",
         f"--listen-peer-urls=http://{peers}", f"--initial-advertise-peer-urls=http://{peers}",
         f"--initial-cluster=default=http://{peers}"],
        folder / "etcd.log"))
    return clients


def call(address, method, request):
    """The answer, once the server takes calls."""
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        return channel.unary_unary(method)(request, wait_for_ready=True, timeout=PATIENCE_SECONDS)


def prepare(address, method, request):
    """A call that has been made once, so that the size of its answer is known."""
    return Call(address, method, request, len(call(address, method, request)))


class Api:
    """The requests of threadstored, from the descriptors of its protos."""

    def __init__(self):
        image = descriptor_pb2.FileDescriptorSet.FromString((BUILD / "api.binpb").read_bytes())
        self._messages = message_factory.GetMessages(image.file)

    def message(self, name):
        return self._messages[f"threadstore.v1.{name}"]

    def request(self, message, **fields):
        made = self.message(message)()
        return json_format.ParseDict(fields, made, ignore_unknown_fields=True).SerializeToString()

    def name_of(self, thread):
        return self._messages["threadstore.v1.ConversationThread"].FromString(thread).name


def create_calls(api, address):
    """A CreateThread for each load."""
    seed = json.loads((REPOSITORY / "tests/testdata/create_thread_request.json").read_text())
    calls = {}
    for load in LOADS:
        group = group_of(load)
        call(address, "/threadstore.v1.GroupService/CreateGroup",
             api.request("CreateGroupRequest", groupId=group))
        calls[load] = Call(address, "/threadstore.v1.ThreadService/CreateThread",
                           api.request("CreateThreadRequest", parent=f"groups/{group}",
                                       thread=seed))
    return calls


def http_create_calls(api, address, http_address):
    """The same over HTTP, in groups of their own."""
    seed = (REPOSITORY / "tests/testdata/create_thread_request.json").read_bytes()
    calls = {}
    for load in LOADS:
        group = group_of(load, "http")
        call(address, "/threadstore.v1.GroupService/CreateGroup",
             api.request("CreateGroupRequest", groupId=group))
        calls[load] = HttpCall(http_address, f"/v1.0/groups/{group}/threads", seed)
    return calls


def group_of(load, work="create"):
    return "{}-{}x{}".format(work, *load)


def get_call(api, address):
    """A GetThread of a thread in a group that no load goes to."""
    call(address, "/threadstore.v1.GroupService/CreateGroup",
         api.request("CreateGroupRequest", groupId="get"))
    thread = call(address, "/threadstore.v1.ThreadService/CreateThread",
                  api.request("CreateThreadRequest", parent="groups/get",
                              thread={"topic": "Hello"}))
    return prepare(address, "/threadstore.v1.ThreadService/GetThread",
                   api.request("GetThreadRequest", name=api.name_of(thread)))


def etcd_put_call(address):
    """PutRequest{key = 1, value = 2}, encoded by hand."""
    key, value = b"bench", b"v" * 300
    request = bytes([0x0A, len(key)]) + key + bytes([0x12, 0xAC, 0x02]) + value
    return prepare(address, "/etcdserverpb.KV/Put", request)


def health_call(address):
    return prepare(address, "/grpc.health.v1.Health/Check", b"")


def measure(call_to_make, load, seconds, folder):
    """What h2load finds in one run."""
    log = folder / "requests.log"
    log.unlink(missing_ok=True)
    output = subprocess.run(
        ["h2load", f"--duration={seconds}", "--threads=1", f"--log-file={log}",
         *call_to_make.h2load(load, folder)],
        check=True, capture_output=True, text=True, timeout=seconds + PATIENCE_SECONDS).stdout
    found = re.search(r"(\d+) succeeded, 0 failed, 0 errored.*\((\d+)\) data", output, re.DOTALL)
    if not found:
        sys.exit(f"{call_to_make.method}: calls failed\n{output}")
    requests, data_bytes = int(found[1]), int(found[2])
    check_answers(call_to_make, requests, data_bytes)
    return {"requests": requests, "per_second": requests / seconds, **latencies(log)}


def check_answers(call_made, requests, data_bytes):
    """h2load counts HTTP 200, which gRPC's errors are too; but those have no data."""
    if data_bytes < requests * call_made.answer_bytes:
        sys.exit(f"{call_made.method}: {data_bytes} bytes are too few for {requests} answers")


def latencies(log):
    micros = [int(line.split("\t")[2]) for line in log.read_text().splitlines()]
    percentiles = statistics.quantiles(micros, n=100)
    return {"p50_ms": percentiles[49] / 1000, "p99_ms": percentiles[98] / 1000}


def check_rows(folder, measurements):
    """Every create that was answered must have a row, once the server has stopped. h2load leaves
    as many calls unanswered as it has streams."""
    with contextlib.closing(sqlite3.connect(folder / "threadstore.db")) as database:
        rows = dict(database.execute(
            "SELECT groups.id, count(*) FROM threads JOIN groups ON groups.key = threads.group_key"
            " GROUP BY groups.id"))
    for measurement in measurements:
        if measurement["work"] not in ("create", "http"):
            continue
        load, answered = tuple(measurement["load"]), measurement["requests"]
        group = group_of(load, measurement["work"])
        stored = rows.get(group, 0)
        if not answered <= stored <= answered + load[0] * load[1]:
            sys.exit(f"creates at {group}: {answered} answers, but {stored} rows")


def resident_mib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


def run_round(api, options, folder, number):
    figures = {"load_average": os.getloadavg()[0], "measurements": []}
    with contextlib.ExitStack() as stack:
        process, address, http_address = start_threadstored(stack, options.server, folder)
        figures["resident_mib_at_rest"] = resident_mib(process)
        etcd = start_etcd(stack, folder)
        creates = create_calls(api, address)
        http_creates = http_create_calls(api, address, http_address)
        others = {"etcd": etcd_put_call(etcd), "health": health_call(address),
                  "get": get_call(api, address)}
        # Every other round backwards: what one leaves to be written disturbs the next.
        order = WORK if number % 2 == 0 else WORK[::-1]
        for load in LOADS:
            for work in order:
                calls = {"create": creates[load], "http": http_creates[load], **others}
                found = measure(calls[work], load, options.seconds, folder)
                figures["measurements"].append({"work": work, "load": load, **found})
        figures["resident_mib_after"] = resident_mib(process)
    check_rows(folder, figures["measurements"])
    return figures


def run_rounds(options):
    api = Api()
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    rounds = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=FIGURES.parent) as folder:
            rounds.append(run_round(api, options, pathlib.Path(folder), number))
    return rounds


def series(rounds, work, load, figure):
    """One figure of a measurement, round by round."""
    return [measurement[figure] for figures in rounds for measurement in figures["measurements"]
            if (measurement["work"], measurement["load"]) == (work, load)]


def ratio(rounds, load, above, below):
    pairs = zip(*(series(rounds, work, load, "per_second") for work in (above, below)))
    return statistics.median(one / other for one, other in pairs)


def rate_cell(rounds, work, load):
    thousands = [rate / 1000 for rate in series(rounds, work, load, "per_second")]
    return f"{statistics.median(thousands):.1f} ({min(thousands):.1f}-{max(thousands):.1f})"


def latency_cell(rounds, work, load):
    medians = [statistics.median(series(rounds, work, load, figure))
               for figure in ("p50_ms", "p99_ms")]
    return "{:.2f} / {:.2f}".format(*medians)


def print_table(title, head, row_of):
    print(f"\n{title}")
    for row in [["", *head], *(["{}x{}".format(*load), *row_of(load)] for load in LOADS)]:
        print(f"{row[0]:<8}" + "".join(f"{cell:>20}" for cell in row[1:]))


def print_figures(rounds):
    print_table("Thousands of calls a second: median (least-most)", WORK,
                lambda load: [rate_cell(rounds, work, load) for work in WORK])
    print_table("Ratios: median of the rounds", ["/".join(pair) for pair in RATIOS],
                lambda load: [f"{ratio(rounds, load, *pair):.2f}" for pair in RATIOS])
    print_table("Milliseconds at that rate: p50 / p99, medians", WORK,
                lambda load: [latency_cell(rounds, work, load) for work in WORK])
    for figure in ("resident_mib_at_rest", "resident_mib_after", "load_average"):
        values = [figures[figure] for figures in rounds]
        print(f"\n{figure}: {statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})",
              end="")
    print(f"\n\nAll figures: {FIGURES.relative_to(REPOSITORY)}")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--server", default=BUILD / "release/bin/threadstored",
                        help="the binary to measure")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # Stops the servers too.
    rounds = run_rounds(options)
    FIGURES.write_text(json.dumps(rounds, indent=1))
    print_figures(rounds)


if __name__ == "__main__":
    main()
