"""Imports and exports over gRPC: streams that break, clients that do not read, limits, and who may."""

import collections
import itertools
import json
import queue
import threading
import unittest

import grpc
import h2.events

import harness
import raw_client
from harness import Attachment, Code, Post, Thread, admin_messages, mailbox, text_post
from raw_client import RawClient

MIB = 1 << 20
GROUP = "groups/g"
NOBODY_IS_LATE_MS = 1_700_000_000_000

Record = admin_messages.Record
Request = admin_messages.ImportThreadsRequest


def group_record(group="g"):
    record = Record(group=harness.Group(name=f"groups/{group}", id=group))
    record.group.created_date_time.FromMilliseconds(NOBODY_IS_LATE_MS)
    return record


def thread_records(number, topic="A topic", parent=GROUP):
    """A conversation and its thread."""
    created_ms = NOBODY_IS_LATE_MS + number
    uid = harness.uuid7(created_ms)
    conversation = harness.Conversation(
        name=f"{parent}/conversations/{uid}", id=uid, topic=topic)
    thread = Thread(name=f"{parent}/threads/{uid}", id=uid, conversation_id=uid, topic=topic,
                    etag='"3"')
    for time in (conversation.created_date_time, thread.created_date_time,
                 thread.last_modified_date_time, thread.last_delivered_date_time):
        time.FromMilliseconds(created_ms)
    return [Record(conversation=conversation),
            Record(thread=admin_messages.ThreadRecord(thread=thread))]


def many_records(threads, **fields):
    return [group_record(),
            *itertools.chain.from_iterable(thread_records(i, **fields) for i in range(threads))]


def in_messages(records, size=1000):
    return [Request(records=records[i:i + size]) for i in range(0, len(records), size)]


class Sending:
    """The requests of a stream, sent one by one."""

    def __init__(self):
        self._queue = queue.Queue()

    def send(self, request):
        self._queue.put(request)

    def end(self):
        self._queue.put(None)

    def __iter__(self):
        return iter(self._queue.get, None)


class MovingTest(harness.TestCase):

    def import_records(self, client, records, size=1000):
        """The last answer, with all refusals."""
        refusals, last = [], None
        for last in client.import_threads(in_messages(records, size)):
            refusals += last.refusals
        del last.refusals[:]
        last.refusals.extend(refusals)
        return last

    def export(self, client, parent=""):
        return [record for chunk in client.export_threads(parent) for record in chunk.records]

    def fill(self, client):
        """Something of each kind."""
        client.create_group("g", display_name="G", mail="g@x", allow_external_senders=True)
        client.add_member(GROUP, "ann", role=harness.Member.ROLE_OWNER, mail="ann@x")
        client.add_sender(f"{GROUP}/rejectedSenders", "eve@x")
        thread = client.create_thread(GROUP, Thread(
            topic="T", to_recipients=[mailbox(), mailbox("", "a@x")],
            posts=[text_post("first", sender=mailbox("Ann", "ann@x"))]))
        post = client.reply_to_thread(thread.name, Post(
            sender=mailbox("Bob"), body=harness.ItemBody(content_type="html", content="<b>2</b>"),
            categories=["red"], new_participants=[mailbox("Zoe")]))
        client.create_attachment(post.name, Attachment(
            display_name="f", file=harness.resources.FileAttachment(content_bytes=b"\0\xff")))
        client.create_extension(post.name, harness.Extension(
            extension_name="com.example", content_json='{"a": 1}'))
        client.forward_post(post.name, [mailbox("Eve", "eve@x")], comment="see")
        client.create_thread(GROUP)

    def test_what_is_exported_can_be_imported_and_is_then_the_same(self):
        source = self.start_server()
        self.fill(source.client())
        records = self.export(source.client())
        self.assertEqual([record.WhichOneof("kind") for record in records], [
            "group", "member", "sender", "conversation", "thread", "post", "post", "attachment",
            "extension", "forward", "conversation", "thread"])
        self.store = self.folder / "target.db"
        target = self.start_server()
        client = target.client()
        answer = self.import_records(client, records)
        self.assertEqual((answer.acknowledged_count, answer.stored_count), (12, 12), answer)
        self.assertEqual(self.export(client), records)
        self.assertEqual(self.export(client, GROUP), records)
        again = self.import_records(client, records, size=1)
        self.assertEqual((again.acknowledged_count, again.skipped_count), (12, 12), again)
        # What it says of itself goes on from there.
        thread = client.list_threads(GROUP).threads[1]
        client.reply_to_thread(thread.name, text_post("3", sender=mailbox("Cyd")))
        self.assertEqual(client.get_thread(thread.name).unique_senders, ["Ann", "Bob", "Cyd"])

    def test_refusals_say_which_and_why_and_the_rest_goes_on(self):
        client = self.start_server().client()
        records = many_records(3)
        records[2].thread.thread.etag = "7"
        records[3].conversation.name = "conversations/x"
        records.insert(5, Record())
        answer = self.import_records(client, records)
        self.assertEqual((answer.acknowledged_count, answer.stored_count), (8, 4))
        self.assertEqual(
            [(refusal.record_index, refusal.name, refusal.reason) for refusal in answer.refusals],
            [(2, records[2].thread.thread.name, harness.error_reason_pb2.ERROR_REASON_INVALID_FIELD),
             (3, "conversations/x", harness.error_reason_pb2.ERROR_REASON_INVALID_FIELD),
             (4, records[4].thread.thread.name, harness.error_reason_pb2.ERROR_REASON_RESOURCE_NOT_FOUND),
             (5, "", harness.error_reason_pb2.ERROR_REASON_INVALID_FIELD)])
        self.assertIn("thread.thread.etag: must be", answer.refusals[0].message)

    def test_an_empty_stream_is_acknowledged(self):
        client = self.start_server().client()
        self.assertEqual(list(client.import_threads([])),
                         [admin_messages.ImportThreadsResponse()])
        self.assertEqual(list(client.import_threads([Request()])),
                         [admin_messages.ImportThreadsResponse()])
        self.assertEqual(self.export(client), [])

    def test_records_are_acknowledged_while_the_stream_goes_on(self):
        client = self.start_server().client()
        records = many_records(2)
        sending = Sending()
        answers = client.import_threads(sending)
        for count, record in enumerate(records, 1):
            sending.send(Request(records=[record]))
            self.assertEqual(next(answers).acknowledged_count, count)
            # It is there, not only on its way.
            if record.HasField("thread"):
                client.get_thread(record.thread.thread.name)
        sending.end()
        self.assertEqual(list(answers), [])

    def test_after_a_crash_what_was_not_acknowledged_is_sent_again(self):
        records = many_records(3000)
        server = self.start_server()
        sending = Sending()
        answers = server.client().import_threads(sending)
        messages = in_messages(records, size=200)
        for message in messages[:20]:
            sending.send(message)
        while next(answers).acknowledged_count < 1000:
            pass
        server.kill()
        sending.end()
        server = self.start_server()
        client = server.client()
        there = len(self.export(client))
        self.assertGreaterEqual(there, 999)
        answer = self.import_records(client, records[1000:])
        self.assertEqual(list(answer.refusals), [])
        self.assertEqual(answer.stored_count + answer.skipped_count, len(records) - 1000)
        self.assertEqual(self.export(client), records)
        self.assertEqual(server.stop(), 0)

    def test_a_drain_ends_streams_after_what_is_on_disk_has_been_acknowledged(self):
        server = self.start_server()
        records = many_records(400)
        sending = Sending()
        answers = server.client().import_threads(sending)
        sending.send(Request(records=records))
        acknowledged = 0
        while acknowledged < len(records):
            acknowledged = next(answers).acknowledged_count
        server.signal_stop()
        self.assert_refused(Code.UNAVAILABLE, "SHUTTING_DOWN", collections.deque, answers)
        sending.end()
        self.assertEqual(server.wait(), 0)
        self.assertEqual(self.export(self.start_server().client()), records)

    def test_a_drain_ends_exports(self):
        server = self.start_server()
        topic = "x" * 255
        self.import_records(server.client(), many_records(10_000, topic=topic))
        exporting = server.client().export_threads()
        next(exporting)
        server.signal_stop()
        self.assert_refused(Code.UNAVAILABLE, "SHUTTING_DOWN", collections.deque, exporting)
        self.assertEqual(server.wait(), 0)

    def test_the_log_says_who_moves_from_the_beginning_and_nothing_of_who_may_not(self):
        server = self.start_server()
        stranger = server.client()
        stranger.metadata = [("x-threadstore-user", "")]
        self.assert_refused(Code.UNAUTHENTICATED, "INVALID_CREDENTIALS",
                            collections.deque, stranger.export_threads())
        self.assert_refused(Code.UNAUTHENTICATED, "INVALID_CREDENTIALS",
                            collections.deque, stranger.import_threads([]))

        def moves():
            records = map(json.loads, server.log().splitlines())
            return [(record["event"], record["principal"]) for record in records
                    if record["event"].startswith(("import ", "export "))]

        self.assertEqual(moves(), [])
        sending = Sending()
        answers = server.client("ann").import_threads(sending)
        sending.send(Request(records=[group_record()]))
        next(answers)
        expected = [("import began", "user:ann")]
        self.await_log(server, '"event":"import began"')
        self.assertEqual(moves(), expected)
        sending.end()
        collections.deque(answers)
        expected.append(("import ended", "user:ann"))
        self.await_log(server, '"event":"import ended"')
        self.assertEqual(moves(), expected)
        self.export(server.client())
        expected += [("export began", "application:"), ("export ended", "application:")]
        self.await_log(server, '"event":"export ended"')
        self.assertEqual(moves(), expected)

    def test_only_administrators_move(self):
        # Peers that are not on this machine have all rights but this one.
        server = self.start_server("--allow_unauthenticated", listen="0.0.0.0:0")
        address = harness.outside_address()
        if address is None:
            self.skipTest("this machine has no address but loopback")
        port = server.address.rpartition(":")[2]
        channel = grpc.insecure_channel(f"{address}:{port}",
                                        options=[("grpc.enable_http_proxy", 0)])
        with channel:
            client = harness.Client(channel)
            self.assert_refused(Code.PERMISSION_DENIED, "MISSING_PERMISSION",
                                collections.deque, client.export_threads())
            self.assert_refused(Code.PERMISSION_DENIED, "MISSING_PERMISSION",
                                collections.deque, client.import_threads([]))

    def test_messages_have_limits(self):
        client = self.start_server().client()
        large = group_record()
        large.group.display_name = "x" * (4 * MIB)
        for records in ([Record()] * 1001, [large]):
            self.assert_invalid(["records"], collections.deque,
                                client.import_threads([Request(records=records)]))
        malformed = client.raw_stream("/threadstore.v1.AdminService/ImportThreads")
        self.assert_refused(Code.INVALID_ARGUMENT, "MALFORMED_REQUEST", collections.deque,
                            malformed(iter([b"\x0a\xff"])))
        stuffed = Request(records=[group_record() for _ in range(3)])
        for record in stuffed.records:
            record.thread.thread.to_recipients.extend([mailbox()] * 150_000)
        refusal = self.assert_refused(Code.INVALID_ARGUMENT, "INVALID_FIELD", collections.deque,
                                      client.import_threads([stuffed]))
        self.assertIn("fields and list elements", refusal.message)
        self.assert_invalid(["parent"], collections.deque, client.export_threads("groups/a/b"))
        self.assert_not_found(("Group", "groups/a"), collections.deque,
                              client.export_threads("groups/a"))

    def test_only_so_many_imports_go_on_at_once_half_of_them_for_one_caller(self):
        server = self.start_server()
        ann, bob, eve = (server.client(user) for user in ("ann", "bob", "eve"))
        started = []

        def start(client):
            sending = Sending()
            answers = client.import_threads(sending)
            sending.send(Request(records=[group_record()]))
            self.assertEqual(next(answers).acknowledged_count, 1)
            started.append((sending, answers))

        def assert_too_many(client):
            refusal = self.assert_refused(Code.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS",
                                          collections.deque, client.import_threads([]))
            self.assertIsNotNone(refusal.retry_delay)
        for client in (ann, bob):
            start(client)
            start(client)
            assert_too_many(client)
        assert_too_many(eve)
        for sending, answers in started:
            sending.end()
            self.assertEqual(list(answers), [])
        for client in (ann, bob, eve):
            list(client.import_threads([]))

    def test_one_caller_leaves_an_export_to_others(self):
        server = self.start_server()
        ann, bob = server.client("ann"), server.client("bob")
        self.import_records(ann, many_records(30_000))
        exporting = ann.export_threads()
        next(exporting)
        self.assert_refused(Code.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", next, ann.export_threads())
        self.assertEqual(len(self.export(bob)), 60_001)

    def test_an_export_that_is_not_read_is_cut_off(self):
        server = self.start_server("--default_timeout=1s")
        client = server.client()
        self.import_records(client, many_records(30_000))
        exporting = client.export_threads()
        next(exporting)
        # Nobody reads until the server has had enough.
        self.await_log(server, '"event":"export ended"')
        with self.assertRaises(grpc.RpcError) as caught:
            collections.deque(exporting)
        self.assertEqual(caught.exception.code(), Code.DEADLINE_EXCEEDED)
        self.assertEqual(len(self.export(client)), 60_001)

    def await_log(self, server, text):
        done = threading.Event()
        deadline = harness.PATIENCE_SECONDS * 20
        for _ in range(deadline):
            if text in server.log():
                return
            done.wait(0.05)
        self.fail(f"the log has no {text}:\n{server.log()}")

    def test_a_cancelled_stream_leaves_nothing_behind(self):
        server = self.start_server()
        client = server.client()
        self.import_records(client, many_records(10_000))
        for _ in range(5):
            exporting = client.export_threads()
            next(exporting)
            exporting.cancel()
            sending = Sending()
            answers = client.import_threads(sending)
            sending.send(Request(records=[group_record()]))
            next(answers)
            answers.cancel()
            sending.end()
            while True:
                try:
                    self.assertEqual(len(self.export(client)), 20_001)
                    break
                except grpc.RpcError as error:
                    self.assertEqual(harness.Refusal(error).reason, "TOO_MANY_STREAMS")
        self.assertEqual(server.stop(), 0)

    def test_the_window_of_an_import_stays_as_it_is(self):
        # gRPC 1.51 resets a stream that ends with an empty frame, as most clients end theirs, while
        # its window is negative. Only a smaller window makes it so (RFC 9113, 6.9.2), and a server
        # that measures with pings how much is on its way sets one as soon as its memory fills.
        client = RawClient(self.start_server().address)
        self.addCleanup(client.close)
        client.await_event(h2.events.RemoteSettingsChanged)
        stream = client.start_call(raw_client.IMPORT_THREADS)
        unexpected = []
        for request in in_messages(many_records(100), size=50):
            client.send(stream, raw_client.message(request))
            events = []
            while not any(isinstance(event, h2.events.DataReceived) for event in events):
                events = client.read()
                self.assertNotEqual(events, [], "the connection was closed")
                unexpected += [event for event in events if isinstance(
                    event, (h2.events.RemoteSettingsChanged, h2.events.PingReceived))]
        self.assertEqual(unexpected, [])

    def test_memory_does_not_grow_with_what_is_moved(self):
        server = self.start_server()
        client = server.client()
        # 200 MiB of attachments would not fit into what is allowed.
        client.create_group("g", allow_external_senders=True)
        source = client.create_thread(GROUP)
        posts = [client.reply_to_thread(source.name, text_post("p", sender=mailbox("Ann")))
                 for _ in range(25)]
        content = b"x" * (2 * MIB)
        for post in posts:
            for _ in range(4):
                client.create_attachment(post.name, Attachment(
                    display_name="f",
                    file=harness.resources.FileAttachment(content_bytes=content)))
        self.store = self.folder / "target.db"
        target = self.start_server()

        def relay():
            for chunk in client.export_threads():
                yield Request(records=chunk.records)

        for last in target.client().import_threads(relay()):
            pass
        self.assertEqual(last.stored_count, 3 + 25 + 100)
        for moving in (server, target):
            self.assert_peak_memory_below(moving, 170 * MIB)


if __name__ == "__main__":
    unittest.main()
