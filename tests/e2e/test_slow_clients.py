"""Clients that never finish, never read, or trickle: they cost a bounded amount of memory, and
keep neither the health check nor other callers from being answered."""

import collections
import contextlib
import unittest

import grpc
import h2.exceptions

import harness
import raw_client
from harness import Code, EmailAddress, Health, Recipient, Thread, thread_messages
from raw_client import CREATE_THREAD, LIST_THREADS, RawClient

CLIENTS = 100
MIB = 1 << 20

# What a server takes besides the requests and answers that it holds: at rest, and its allocator's
# slack under load.
BASE_MEMORY = 100 * MIB

# How a connection ends that the server has no memory for.
TURNED_AWAY = (OSError, h2.exceptions.ProtocolError)


class SlowClientsTest(harness.TestCase):

    def serve(self, *flags, request_memory="8MiB"):
        self.server = self.start_server(f"--request_memory={request_memory}", *flags)
        self.caller = self.server.client()
        self.retried(lambda: self.caller.create_group("g"))
        self.clients = contextlib.ExitStack()
        self.addCleanup(self.clients.close)

    def raw_clients(self, **settings):
        for _ in range(CLIENTS):
            client = RawClient(self.server.address, **settings)
            self.clients.callback(client.close)
            yield client

    def retried(self, call):
        """The answer of a call that may be refused for a while, as a client library gets it."""
        while True:
            try:
                return call()
            except grpc.RpcError as error:
                self.assertIn(error.code(), (Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE))

    def assert_others_are_served(self):
        self.assertEqual(self.retried(self.server.health), Health.SERVING)
        for _ in range(10):
            created = self.retried(lambda: self.caller.create_thread("groups/g"))
            self.assertEqual(self.retried(lambda: self.caller.get_thread(created.name)), created)

    def test_requests_that_never_end(self):
        self.serve()
        part = raw_client.message(harness.create_request("groups/g", Thread(
            topic="x" * 5 * MIB)))[:4 * MIB]
        for client in self.raw_clients():
            with contextlib.suppress(*TURNED_AWAY):
                client.send(client.start_call(CREATE_THREAD), part)
        self.assert_others_are_served()
        self.assert_peak_memory_below(self.server, BASE_MEMORY + 4 * 8 * MIB)

    def test_answers_that_are_never_read(self):
        # In a second and a few more, calls are cancelled whose answers nobody takes.
        self.serve("--default_timeout=1s")
        for _ in range(10):
            self.caller.create_thread("groups/g", Thread(
                topic="A topic", unique_senders=["s" * 250] * 500))
        request = thread_messages.ListThreadsRequest(parent="groups/g", page_size=1000)
        listing = raw_client.message(request)
        for client in self.raw_clients(window=0):
            for _ in range(3):
                client.send(client.start_call(LIST_THREADS), listing, end=True)
        self.assert_others_are_served()
        refused = self.server.client()
        page = self.retried(lambda: refused.call(refused.threads.ListThreads, request))
        self.assertEqual(len(page.threads), 20)
        self.assert_peak_memory_below(self.server, BASE_MEMORY + 4 * 8 * MIB)

    def test_answers_to_updates_that_are_never_read(self):
        self.serve("--default_timeout=1s")
        sender = Recipient(email_address=EmailAddress(address="ann@example.com"))
        self.caller.update_group(harness.Group(name="groups/g", allow_external_senders=True))
        created = self.caller.create_thread("groups/g", Thread(
            topic="A topic", posts=[harness.text_post("x" * MIB, sender=sender)]))
        update = raw_client.message(harness.post_messages.UpdatePostRequest(
            post=harness.Post(name=created.posts[0].name)))
        for client in self.raw_clients(window=0):
            for _ in range(10):
                client.send(client.start_call(raw_client.UPDATE_POST), update, end=True)
        self.assert_others_are_served()
        self.assert_peak_memory_below(self.server, BASE_MEMORY + 4 * 8 * MIB)

    def test_requests_that_trickle_are_answered_when_they_end(self):
        self.serve()
        clients = list(self.raw_clients())
        calls = [(client, client.start_call(CREATE_THREAD)) for client in clients]
        request = raw_client.message(harness.create_request("groups/g", Thread(topic="slow")))
        for index in range(len(request)):
            for client, stream in calls:
                client.send(stream, request[index:index + 1], end=index == len(request) - 1)
            if index % 10 == 0:
                self.assertEqual(self.server.health(), Health.SERVING)
        for client, _ in calls:
            trailers = client.await_event(h2.events.TrailersReceived)
            self.assertIn(("grpc-status", "0"), trailers.headers)
        topics = [thread.topic for thread in harness.all_threads(self.caller, "groups/g")]
        self.assertEqual(topics, ["slow"] * CLIENTS)

    def test_connections_and_streams_on_which_nothing_happens(self):
        self.serve()
        for index, client in enumerate(self.raw_clients()):
            if index % 2:
                client.start_call("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        self.assert_others_are_served()

    def test_requests_that_are_small_on_the_wire_only(self):
        self.serve()
        recipients = [Recipient(email_address=EmailAddress())] * 500
        request = harness.create_request("groups/g", Thread(
            topic="T", to_recipients=recipients, cc_recipients=recipients,
            unique_senders=[""] * 500))
        self.assertLess(len(request.SerializeToString()), 6000)
        clients = [self.server.client() for _ in range(8)]
        calls = [client.start(client.threads.CreateThread, request)
                 for _ in range(100) for client in clients]
        ended = collections.Counter(call.code() for call in calls)
        self.assertLessEqual(set(ended), {Code.OK, Code.RESOURCE_EXHAUSTED})
        self.assertGreater(ended[Code.OK], 0)
        self.assert_others_are_served()
        self.assert_peak_memory_below(self.server, BASE_MEMORY + 4 * 8 * MIB)

    def test_requests_of_very_many_fields_are_refused_before_they_take_memory(self):
        self.serve(request_memory="64MiB")
        create = self.server.connect().unary_unary(CREATE_THREAD)
        # Two million empty recipients, of two bytes each.
        thread = b"\x12\x00" * (2 * MIB)
        length = len(thread)
        payload = b"\x0a\x08groups/g\x12" + bytes([
            length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14 & 0x7F | 0x80,
            length >> 21]) + thread
        calls = [create.future(payload, timeout=harness.PATIENCE_SECONDS) for _ in range(8)]
        for call in calls:
            with self.assertRaises(grpc.RpcError) as caught:
                call.result()
            refusal = harness.Refusal(caught.exception)
            self.assertEqual((refusal.code, refusal.fields),
                             (Code.INVALID_ARGUMENT, ["thread.to_recipients"]))
        self.assert_peak_memory_below(self.server, BASE_MEMORY + 8 * len(payload))


if __name__ == "__main__":
    unittest.main()
