"""threadctl where it follows and moves threads, against a server that breaks off when told to."""

import concurrent.futures
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import queue
import re
import signal
import struct
import subprocess
import termios
import unittest

import grpc
from google.protobuf import json_format

import harness
from harness import Code, Group, Post, Thread
from harness import admin_messages, admin_service_pb2_grpc, error_details_pb2, status_pb2
from harness import thread_messages, thread_service_pb2_grpc

CANCELLED, NOT_FOUND, OUT_OF_RANGE, UNAVAILABLE = 1, 5, 11, 14
USAGE, DATA_REFUSED, OUTPUT_FAILED = 64, 65, 74

Change = thread_messages.ThreadChange
Record = admin_messages.Record


def posted(number, text):
    """A change: a new post."""
    name = f"groups/g/threads/t/posts/p{number}"
    return Change(kind=Change.KIND_CREATED, name=name,
                  post=Post(name=name, sender=harness.mailbox("Ann"),
                            body=harness.ItemBody(content=text)))


def watched(token, *changes):
    return thread_messages.WatchThreadsResponse(delta_token=token, changes=changes)


def group_record(name):
    return Record(group=Group(name=f"groups/{name}", id=name))


def line_of(record):
    return json.dumps(json_format.MessageToDict(record)) + "\n"


class Abort(Exception):
    """Ends a call with a code, and a reason if there is one."""

    def __init__(self, code, reason=None):
        super().__init__(code)
        self.code = code
        self.reason = reason


class FakeServer(thread_service_pb2_grpc.ThreadServiceServicer,
                 admin_service_pb2_grpc.AdminServiceServicer):
    """Serves each call with the generator function that is next on its list; what that is given is
    the request, or the requests, and what it yields are the answers."""

    def __init__(self):
        self.calls = queue.SimpleQueue()
        self.address = None
        self._server = None
        self.start()

    def start(self):
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8))
        thread_service_pb2_grpc.add_ThreadServiceServicer_to_server(self, self._server)
        admin_service_pb2_grpc.add_AdminServiceServicer_to_server(self, self._server)
        port = self._server.add_insecure_port(self.address or "127.0.0.1:0")
        self.address = f"127.0.0.1:{port}"
        self._server.start()

    def stop(self):
        self._server.stop(grace=None).wait()

    def _serve(self, request, context):
        try:
            yield from self.calls.get_nowait()(request)
        except queue.Empty:
            context.abort(Code.FAILED_PRECONDITION, "a call too many")
        except Abort as end:
            status = status_pb2.Status(code=end.code.value[0], message="as the test has it")
            if end.reason:
                status.details.add().Pack(
                    error_details_pb2.ErrorInfo(domain="threadstore", reason=end.reason))
            context.set_trailing_metadata(
                [("grpc-status-details-bin", status.SerializeToString())])
            context.abort(end.code, status.message)

    WatchThreads = ExportThreads = ImportThreads = _serve

    def ListThreadChanges(self, request, context):
        return next(self._serve(request, context))

    SearchThreads = ListThreads = GetThread = ListThreadChanges


class StreamTestCase(harness.TestCase):

    def setUp(self):
        super().setUp()
        self.server = FakeServer()
        self.addCleanup(self.server.stop)

    def expect(self, *calls):
        for call in calls:
            self.server.calls.put(call)

    def command(self, *arguments):
        return [harness.THREADCTL, f"--server={self.server.address}", *map(str, arguments)]

    def threadctl(self, *arguments, stdin=""):
        result = harness.run(*self.command(*arguments), stdin=stdin,
                             environment={"TZ": "UTC"})
        self.assertTrue(self.server.calls.empty(), result)
        return result

    @contextlib.contextmanager
    def running(self, *arguments, **settings):
        settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                    "stderr": subprocess.PIPE, "text": True} | settings
        process = subprocess.Popen(self.command(*arguments),
                                   env=harness.clean_environment({"TZ": "UTC"}), **settings)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


class ChangesTest(StreamTestCase):

    def expect_pages(self, *pages):
        """Each is the token that must come, the changes and the token that are answered."""
        for number, (token, changes, next_token) in enumerate(pages):
            def answer(request, token=token, changes=changes, next_token=next_token,
                       has_more=number + 1 < len(pages)):
                self.assertEqual(request.delta_token, token)
                yield thread_messages.ListThreadChangesResponse(
                    changes=changes, delta_token=next_token, has_more=has_more)
            self.expect(answer)

    def test_all_pages_are_printed_with_the_token_at_the_end(self):
        pages = [("", [posted(1, "one"), posted(2, "two")], "A"), ("A", [posted(3, "three")], "B")]
        self.expect_pages(*pages)
        table = self.threadctl("changes", "groups/g")
        self.assertEqual((table.returncode, table.stderr), (0, "go on with: --from=B\n"))
        lines = table.stdout.splitlines()
        self.assertEqual(lines[0].split(), ["TIME", "CHANGE", "NAME", "SUMMARY"])
        self.assertEqual([line.split("  ")[-1] for line in lines[1:]],
                         ["Ann: one", "Ann: two", "Ann: three"])

        self.expect_pages(*pages)
        lines = [json.loads(line) for line in
                 self.threadctl("--output=json", "changes", "groups/g").stdout.splitlines()]
        self.assertEqual([line["deltaToken"] for line in lines], ["", "", "", "B"])
        self.assertEqual([line["change"]["post"]["body"]["content"] for line in lines[:3]],
                         ["one", "two", "three"])

    def test_where_they_begin(self):
        self.expect_pages(("A", [], "B"))
        self.assertEqual(self.threadctl("changes", "groups/g", "--from=A").returncode, 0)

        def from_now(request):
            self.assertEqual(request.start, thread_messages.ListThreadChangesRequest.START_NOW)
            yield thread_messages.ListThreadChangesResponse(delta_token="C")

        self.expect(from_now)
        self.assertIn("--from=C", self.threadctl("changes", "groups/g", "--from_now").stderr)
        both = self.threadctl("changes", "groups/g", "--from_now", "--from=A")
        self.assertEqual(both.returncode, USAGE)

    def test_an_expired_token(self):
        def expired(_):
            raise Abort(Code.OUT_OF_RANGE, "DELTA_TOKEN_EXPIRED")
            yield

        self.expect(expired)
        result = self.threadctl("changes", "groups/g", "--from=A")
        self.assertEqual((result.returncode, result.stdout), (OUT_OF_RANGE, ""))
        self.assertIn("reason: DELTA_TOKEN_EXPIRED", result.stderr)


class WatchTest(StreamTestCase):

    def expect_watch(self, token, answers, end=None):
        """A call that must bring a token. Without an end, it goes on until the server stops."""

        def watch(request):
            self.assertEqual((request.parent, request.delta_token), ("groups/g", token))
            yield from answers
            if end:
                raise end
            self.hold.get()

        self.expect(watch)

    def setUp(self):
        super().setUp()
        self.hold = queue.SimpleQueue()
        # What waits when a test ends is let go.
        self.addCleanup(lambda: [self.hold.put(None) for _ in range(8)])

    def test_lines_come_as_it_happens_until_it_is_interrupted(self):
        self.expect_watch("", [watched("A", posted(1, "one")), watched("B"),
                               watched("C", posted(2, "two\x1b[31m"), posted(3, "three"))])
        with self.running("watch", "groups/g") as watch:
            lines = [watch.stdout.readline() for _ in range(3)]
            self.assertEqual([line.rstrip("\n").split("  ")[-1] for line in lines],
                             ["Ann: one", "Ann: two\\u001b[31m", "Ann: three"])
            self.assertIn("groups/g/threads/t/posts/p1", lines[0])
            watch.send_signal(signal.SIGINT)
            _, errors = watch.communicate(timeout=harness.PATIENCE_SECONDS)
            self.assertEqual((watch.returncode, errors), (0, "go on with: --from=C\n"))

    def test_json_has_a_token_where_it_covers_all_so_far(self):
        self.expect_watch("A", [watched("B", posted(1, "one"), posted(2, "two"))],
                          Abort(Code.NOT_FOUND))
        result = self.threadctl("--output=json", "watch", "groups/g", "--from=A")
        self.assertEqual(result.returncode, NOT_FOUND)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([(line["change"]["name"][-2:], line["deltaToken"]) for line in lines],
                         [("p1", ""), ("p2", "B")])
        self.assertIn("go on with: --from=B\n", result.stderr)

    def test_it_goes_on_after_every_kind_of_break(self):
        self.expect_watch("", [watched("A", posted(1, "one"))], Abort(Code.UNAVAILABLE))
        self.expect_watch("A", [watched("B")], Abort(Code.ABORTED, "WATCH_TOO_SLOW"))
        self.expect_watch("B", [watched("C", posted(2, "two"))])
        with self.running("watch", "groups/g") as watch:
            for text in ("one", "two"):
                self.assertIn(text, watch.stdout.readline())
            # The connection breaks, and for a while there is no server.
            self.server.stop()
            self.hold.put(None)
            for note in ("broke off", "watching again", "broke off", "watching again", "broke off"):
                self.assertIn(note, watch.stderr.readline())
            self.expect_watch("C", [watched("D", posted(3, "three"))], Abort(Code.NOT_FOUND))
            self.server.start()
            self.assertIn("three", watch.stdout.readline())
            _, errors = watch.communicate(timeout=harness.PATIENCE_SECONDS)
            self.assertEqual(watch.returncode, NOT_FOUND)
            self.assertTrue(errors.startswith("watching again\ngo on with: --from=D\n"), errors)

    def test_it_gives_up_if_told_to(self):
        self.server.stop()
        result = self.threadctl("watch", "groups/g", "--give_up_after=1ms")
        self.assertEqual((result.returncode, result.stdout), (UNAVAILABLE, ""))

    def test_a_reader_that_is_gone(self):
        self.expect_watch("", [watched("A", posted(1, "one")), watched("B", posted(2, "two"))] * 99)
        with self.running("watch", "groups/g") as watch:
            watch.stdout.readline()
            watch.stdout.close()
            self.assertEqual(watch.wait(harness.PATIENCE_SECONDS), OUTPUT_FAILED)

    def test_lines_fit_the_terminal(self):
        self.expect_watch("", [watched("A", posted(1, "much more than fits " * 9))],
                          Abort(Code.NOT_FOUND))
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
        with self.running("watch", "groups/g", stdout=theirs) as watch:
            os.close(theirs)
            line = b""
            while not line.endswith(b"\n"):
                line += os.read(ours, 1)
            self.assertEqual(len(line.decode().rstrip("\r\n")), 40)
            watch.wait(harness.PATIENCE_SECONDS)
        os.close(ours)


class ExportTest(StreamTestCase):

    def setUp(self):
        super().setUp()
        self.records = [group_record("a"), Record(thread=admin_messages.ThreadRecord(
            thread=Thread(name="groups/a/threads/t", topic="Ünïcode\x1b"), has_had_posts=True))]
        self.file = self.folder / "out.ndjson"

    def expect_export(self, records, end=None):
        def export(request):
            self.assertEqual(request.parent, "groups/a")
            for record in records:
                yield admin_messages.ExportThreadsResponse(records=[record])
            if end:
                raise end

        self.expect(export)

    def parsed(self, text):
        return [json_format.Parse(line, Record()) for line in text.splitlines()]

    def test_to_standard_output(self):
        self.expect_export(self.records)
        result = self.threadctl("export", "groups/a")
        self.assertEqual((result.returncode, result.stderr), (0, "exported 2 records\n"))
        self.assertEqual(self.parsed(result.stdout), self.records)
        self.assertTrue(result.stdout.startswith('{"group":{"name":"groups/a","id":"a",'))

    def test_a_break_on_standard_output_is_an_error(self):
        self.expect_export(self.records[:1], Abort(Code.UNAVAILABLE))
        result = self.threadctl("export", "groups/a")
        self.assertEqual(result.returncode, UNAVAILABLE)
        self.assertEqual(self.parsed(result.stdout), self.records[:1])

    def test_to_a_file_which_is_whole_or_not_there(self):
        self.file.write_text("before")
        self.expect_export(self.records[:1], Abort(Code.PERMISSION_DENIED))
        self.assertNotEqual(self.threadctl("export", "groups/a", "--file", self.file).returncode, 0)
        self.assertEqual(self.file.read_text(), "before")
        self.assertEqual(list(self.folder.iterdir()), [self.file])

        self.expect_export(self.records[:1], Abort(Code.UNAVAILABLE))
        self.expect_export(self.records)
        result = self.threadctl("export", "groups/a", "--file", self.file)
        self.assertEqual(result.returncode, 0, result)
        self.assertIn("UNAVAILABLE: as the test has it; starting over\n", result.stderr)
        self.assertEqual(self.parsed(self.file.read_text()), self.records)
        self.assertEqual(list(self.folder.iterdir()), [self.file])

    def test_what_always_breaks_is_given_up(self):
        for _ in range(5):
            self.expect_export(self.records[:1], Abort(Code.UNAVAILABLE))
        self.assertEqual(self.threadctl("export", "groups/a", "--file", self.file).returncode,
                         UNAVAILABLE)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_what_cannot_be_written(self):
        self.expect_export(self.records)
        (self.folder / "out.ndjson.part").symlink_to("/dev/full")
        result = self.threadctl("export", "groups/a", "--file", self.file)
        self.assertEqual(result.returncode, OUTPUT_FAILED, result)
        self.assertIn("No space left on device", result.stderr)
        self.assertEqual(self.threadctl("export", "--file=/dev/null").returncode, USAGE)
        self.assertEqual(
            self.threadctl("export", "--file", self.folder / "none" / "out").returncode,
            OUTPUT_FAILED)


class ImportTest(StreamTestCase):

    def expect_import(self, *, stored=(), skipped=(), refused=(), acknowledge=None, end=None):
        """A call that must bring groups of these names, in order of the alphabet. With `acknowledge`
        it answers only for so many of them."""
        names = sorted([*stored, *skipped, *refused])

        def answer(requests):
            came = []
            while len(came) < len(names):
                came += [record.group.id for record in next(requests).records]
            self.assertEqual(came, names)
            done = names[:acknowledge]
            yield admin_messages.ImportThreadsResponse(
                acknowledged_count=len(done),
                stored_count=len(set(done) & set(stored)),
                skipped_count=len(set(done) & set(skipped)),
                refusals=[admin_messages.ImportRefusal(
                    record_index=i, name=f"groups/{name}", message="there is another \x1b of it",
                    reason=harness.ErrorReason.Value("ERROR_REASON_RECORD_DIFFERS"))
                    for i, name in enumerate(done) if name in refused])
            if end:
                raise end

        self.expect(answer)

    def lines(self, names):
        return "".join(line_of(group_record(name)) for name in names)

    def test_all_lines_are_stored(self):
        file = self.folder / "in.ndjson"
        file.write_text(self.lines("abc"))
        for arguments, stdin in ((["--file", file], ""), ([], file.read_text()),
                                 (["--file=-"], file.read_text().rstrip("\n"))):
            self.expect_import(stored="ab", skipped="c")
            result = self.threadctl("import", *arguments, stdin=stdin)
            self.assertEqual((result.returncode, result.stderr), (0, ""), result)
            self.assertEqual(result.stdout, "stored   2\nskipped  1\nrefused  0\n")

    def test_what_is_wrong_is_reported_by_its_line_and_left_out(self):
        self.expect_import(stored="ac", refused="bd")
        text = (self.lines("ab") + '{"grupp": {}}\n' + "\n" + self.lines("c") + "[1]\n" +
                self.lines("d") + '{"group": {"id": "e"')
        result = self.threadctl("--output=json", "import", stdin=text)
        self.assertEqual(result.returncode, DATA_REFUSED)
        self.assertEqual(json.loads(result.stdout),
                         {"stored": 2, "skipped": 0, "skippedAfterBreak": 0, "refused": 5})
        lines = result.stderr.splitlines()
        self.assertEqual(lines[-1], "error: not imported: 5 records")
        self.assertIn("line 3: column 2: grupp: unknown member; did you mean group?", lines)
        self.assertIn("line 2: groups/b: there is another \\u001b of it (RECORD_DIFFERS)", lines)
        self.assertIn("line 7: groups/d: there is another \\u001b of it (RECORD_DIFFERS)", lines)
        self.assertEqual(sorted(line.partition(":")[0] for line in lines[:-1]),
                         ["line 2", "line 3", "line 6", "line 7", "line 8"])

    def test_it_goes_on_after_a_break(self):
        self.expect_import(stored="abc", acknowledge=1, end=Abort(Code.UNAVAILABLE))
        self.expect_import(skipped="b", refused="c")
        result = self.threadctl("import", stdin=self.lines("abc"))
        self.assertEqual(result.returncode, DATA_REFUSED, result)
        self.assertEqual(
            result.stdout,
            "stored   1\n"
            "skipped  1  (up to 1 of them stored by this import, before a break)\n"
            "refused  1\n")
        self.assertIn("trying again until the import goes on", result.stderr)
        self.assertIn("line 3: groups/c: ", result.stderr)

    def test_where_to_go_on_if_it_has_to_end(self):
        self.expect_import(stored="abc", acknowledge=2, end=Abort(Code.RESOURCE_EXHAUSTED))
        result = self.threadctl("import", stdin=self.lines("abc"))
        self.assertEqual(result.returncode, 8)
        self.assertTrue(result.stdout.startswith("stored   2\n"), result)
        self.assertIn("go on with: --from_line=3\n", result.stderr)
        self.expect_import(stored="c")
        result = self.threadctl("import", "--from_line=3", stdin=self.lines("abc"))
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def await_handler(self, process, number):
        status = pathlib.Path(f"/proc/{process.pid}/status")
        is_caught = False
        while not is_caught:
            mask = int(re.search(r"SigCgt:\t([0-9a-f]+)", status.read_text()).group(1), 16)
            is_caught = bool(mask & 1 << (number - 1))

    def test_interrupted_while_it_waits_for_lines(self):
        with self.running("import", stdin=subprocess.PIPE) as process:
            process.stdin.write(self.lines("a") * 2)
            process.stdin.flush()
            self.await_handler(process, signal.SIGINT)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(harness.PATIENCE_SECONDS), CANCELLED)
            self.assertIn("go on with: --from_line=1\n", process.stderr.read())

    def test_wrong_command_lines(self):
        for arguments in (["--file", self.folder / "none"], ["--from_line=0"], ["--from_line=x"]):
            self.assertEqual(self.threadctl("import", *arguments).returncode, USAGE, arguments)


class SelectionTest(StreamTestCase):

    def test_flags_of_lists_and_gets(self):
        def list_threads(request):
            self.assertEqual(request, thread_messages.ListThreadsRequest(
                parent="groups/g", page_size=200, filter="is_locked eq true", order_by="topic desc",
                read_mask=harness.mask(["name", "to_recipients"]), expand=harness.mask(["posts"])))
            yield thread_messages.ListThreadsResponse(threads=[Thread(
                name="groups/g/threads/t", to_recipients=[harness.mailbox("Bo")],
                posts=[Post()], posts_next_page_token="more")])

        self.expect(list_threads)
        result = self.threadctl("thread", "list", "groups/g", "--filter=is_locked eq true",
                                "--order_by=topic desc", "--fields=name, to_recipients",
                                "--expand=posts")
        self.assertEqual(result.stdout, "NAME                TO RECIPIENTS  POSTS\n"
                                        "groups/g/threads/t  Bo             1 and more\n")

        def get_thread(request):
            self.assertEqual(list(request.read_mask.paths), ["topic"])
            yield Thread(topic="Lunch")

        self.expect(get_thread)
        result = self.threadctl("thread", "get", "groups/g/threads/t", "--fields=topic")
        self.assertEqual(result.stdout, "topic  Lunch\n")
        self.assertEqual(self.threadctl("thread", "get", "x", "--fields=a,,b").returncode, USAGE)

    def test_search(self):
        def search(request):
            self.assertEqual((request.parent, request.query, request.order_by),
                             ("groups/g", '"on friday" piz*', "rank"))
            yield thread_messages.SearchThreadsResponse(results=[thread_messages.SearchResult(
                thread=Thread(name="groups/g/threads/t", topic="Lunch"),
                post="groups/g/threads/t/posts/p")])

        arguments = ("thread", "search", "groups/g", '"on friday" piz*', "--order_by=rank")
        self.expect(search)
        lines = self.threadctl(*arguments).stdout.splitlines()
        self.assertEqual(lines[1].split(),
                         ["groups/g/threads/t", "Lunch", "groups/g/threads/t/posts/p"])
        self.expect(search)
        page = json.loads(self.threadctl("--output=json", *arguments).stdout)
        self.assertEqual(page["results"][0]["post"], "groups/g/threads/t/posts/p")


if __name__ == "__main__":
    unittest.main()
