"""Measures imports and exports beside SQLite alone.

Imports threads, each in a conversation of its own, over gRPC from messages that have been made
before, and lets SQLite alone write the same rows in batches of as many threads; then exports them.
Rounds alternate, so that both find the same machine.
"""

import argparse
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

import grpc

import bench

RECORDS_PER_MESSAGE = 1000
BATCH = 512
FIRST_CREATED_MS = 1_700_000_000_000
IMPORT = "/threadstore.v1.AdminService/ImportThreads"
EXPORT = "/threadstore.v1.AdminService/ExportThreads"
UNLIMITED = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1)]


def uuid7(milliseconds):
    """One without a fraction of the millisecond."""
    random = int.from_bytes(os.urandom(8), "big") >> 2
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | random))


def records_of(number, parent="groups/bench"):
    created_ms = FIRST_CREATED_MS + number
    time_of = {"seconds": created_ms // 1000, "nanos": created_ms % 1000 * 1_000_000}
    conversation, thread = uuid7(created_ms), uuid7(created_ms)
    yield {"conversation": {
        "id": conversation, "name": f"{parent}/conversations/{conversation}",
        "topic": "Topic value", "created_date_time": time_of}}
    yield {"thread": {"thread": {
        "id": thread, "name": f"{parent}/threads/{thread}", "conversation_id": conversation,
        "topic": "Topic value", "has_attachments": True, "preview": "Preview value",
        "is_locked": True, "unique_senders": ["Unique Senders value"], "etag": '"1"',
        "to_recipients": [{"email_address": {"name": "Name value", "address": "Address value"}}],
        "cc_recipients": [{}], "created_date_time": time_of, "last_modified_date_time": time_of,
        "last_delivered_date_time": time_of}}}


def make_messages(api, threads):
    request = api.message("ImportThreadsRequest")
    group = {"group": {"id": "bench", "name": "groups/bench",
                       "created_date_time": {"seconds": FIRST_CREATED_MS // 1000}}}
    messages = [request(records=[group]).SerializeToString()]
    per_message = RECORDS_PER_MESSAGE // 2
    for first in range(0, threads, per_message):
        numbers = range(first, min(first + per_message, threads))
        records = [record for number in numbers for record in records_of(number)]
        messages.append(request(records=records).SerializeToString())
    return messages


def peak_mib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def import_all(api, channel, messages, threads):
    """Seconds."""
    begin = time.monotonic()
    last = None
    for answer in channel.stream_stream(IMPORT)(iter(messages)):
        last = answer
    seconds = time.monotonic() - begin
    response = api.message("ImportThreadsResponse").FromString(last)
    if response.stored_count != 2 * threads + 1:
        sys.exit(f"{response.stored_count} of {2 * threads + 1} records were stored")
    return seconds


def export_all(api, channel, threads):
    begin = time.monotonic()
    chunks = list(map(len, channel.unary_stream(EXPORT)(b"")))
    seconds = time.monotonic() - begin
    if sum(chunks) < threads * 100:
        sys.exit(f"{sum(chunks)} bytes are too few for {threads} threads")
    return seconds


def run_server(api, options, messages, folder):
    command = [options.server, "serve", "--listen=127.0.0.1:0", "--http_listen=127.0.0.1:0",
               f"--store=sqlite:{folder}/threadstore.db"]
    with bench.running(command, folder / "threadstored.log") as process:
        address, _ = bench.ready_addresses(process)
        with grpc.insecure_channel(address, options=UNLIMITED) as channel:
            imported = import_all(api, channel, messages, options.threads)
            peak = peak_mib(process)
            exported = export_all(api, channel, options.threads)
            return imported, exported, peak, peak_mib(process)


def run_alone(options, folder):
    migrations = sorted((bench.REPOSITORY / "migrations/sqlite").glob("*.sql"))
    output = subprocess.run(
        [bench.BUILD / "release/bin/sqlite_alone", folder / "alone.db", str(options.threads),
         str(BATCH), *migrations], check=True, capture_output=True, text=True).stdout
    return float(output)


def show(what, values, form="{:9.0f}"):
    print(f"{what:<32}" + form.format(statistics.median(values))
          + "  (" + " ".join(form.format(value).strip() for value in values) + ")")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench moving", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server", default=bench.BUILD / "release/bin/threadstored")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    bench.FIGURES.parent.mkdir(parents=True, exist_ok=True)
    api = bench.Api()
    messages = make_messages(api, options.threads)
    rounds, alone = [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(dir=bench.FIGURES.parent) as folder:
            alone.append(run_alone(options, pathlib.Path(folder)))
            rounds.append(run_server(api, options, messages, pathlib.Path(folder)))
    show("SQLite alone, threads/s", [options.threads / seconds for seconds in alone])
    show("import, threads/s", [options.threads / figures[0] for figures in rounds])
    show("import / SQLite alone", [seconds / figures[0] for seconds, figures in zip(alone, rounds)],
         "{:9.2f}")
    show("export, threads/s", [options.threads / figures[1] for figures in rounds])
    show("peak MiB of the import", [figures[2] for figures in rounds])
    show("peak MiB with the export", [figures[3] for figures in rounds])


main()
