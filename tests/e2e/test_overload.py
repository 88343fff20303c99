"""More work than the server takes on: it says so, writes nothing of it, and carries on."""

import itertools
import string
import time
import unittest

import harness
from harness import (Code, EmailAddress, ItemBody, Post, Recipient, Thread,
                     thread_messages)


class OverloadTest(harness.TestCase):

    def flood_until_refused(self, send, code, reason):
        """Sends floods of calls until some are refused, which must be for that reason. Returns
        what the others have made, and the refusals."""
        made, refusals = [], []
        until = time.monotonic() + harness.PATIENCE_SECONDS
        while not refusals:
            self.assertLess(time.monotonic(), until, "nothing was refused")
            for future in send():
                if future.exception() is None:
                    made.append(future.result())
                else:
                    refusals.append(harness.Refusal(future))
        for refusal in refusals:
            self.assertEqual((refusal.code, refusal.reason), (code, reason), refusal)
        return made, refusals

    def assert_says_when_to_come_back(self, refusals):
        for refusal in refusals:
            self.assertGreater(refusal.retry_delay.ToNanoseconds(), 0)

    def accepted(self, start):
        """What a call makes that may be refused for a while."""
        until = time.monotonic() + harness.PATIENCE_SECONDS
        while (future := start()).exception() is not None:
            self.assertLess(time.monotonic(), until, "it is always refused")
        return future.result()

    def assert_stored(self, server, made):
        """Exactly what was acknowledged is there."""
        client = server.client()
        self.assertEqual({thread.name for thread in
                          harness.all_threads(client, "groups/g", page_size=1000)},
                         {thread.name for thread in made})
        self.assertEqual(server.stop(), 0)
        counts = harness.stored_counts(self.store)
        self.assertEqual((counts.get("threads", 0), counts.get("conversations", 0)),
                         (len(made), len(made)))

    def test_a_full_write_queue_is_said_and_reads_go_on(self):
        server = self.start_server("--write_queue=1")
        client, reader = server.client(), server.client()
        client.create_group("g")

        def send():
            futures = [client.start_create_thread("groups/g") for _ in range(300)]
            self.assertEqual(reader.get_group("groups/g").id, "g")
            return futures
        made, refusals = self.flood_until_refused(send, Code.RESOURCE_EXHAUSTED, "QUEUE_FULL")
        self.assert_says_when_to_come_back(refusals)
        made.append(self.accepted(lambda: client.start_create_thread("groups/g")))
        self.assert_stored(server, made)

    def test_a_full_read_queue_is_said_and_writes_go_on(self):
        server = self.start_server("--read_queue=1", "--reader_threads=1")
        client, writer = server.client(), server.client()
        client.create_group("g")
        made = []

        def send():
            request = thread_messages.ListThreadsRequest(parent="groups/g", page_size=1000)
            futures = [client.start(client.threads.ListThreads, request) for _ in range(300)]
            made.append(writer.create_thread("groups/g", Thread(
                topic="T", unique_senders=["s"] * 500)))
            return futures
        _, refusals = self.flood_until_refused(send, Code.RESOURCE_EXHAUSTED, "QUEUE_FULL")
        self.assert_says_when_to_come_back(refusals)
        self.assert_stored(server, made)

    def test_requests_share_a_budget_of_memory(self):
        server = self.start_server("--request_memory=8MiB")
        client = server.client()
        client.create_group("g")
        # An unknown field pads the request; the server ignores it.
        padding = b"\xc2\x3e" + b"\x80\x80\x80\x02" + b"x" * (4 << 20)
        payload = harness.create_request("groups/g").SerializeToString() + padding

        def start():
            create = server.connect().unary_unary("/threadstore.v1.ThreadService/CreateThread",
                                                  response_deserializer=Thread.FromString)
            return create.future(payload, timeout=harness.PATIENCE_SECONDS)

        def send():
            return [start() for _ in range(6)]
        made, refusals = self.flood_until_refused(send, Code.RESOURCE_EXHAUSTED,
                                                  "REQUEST_MEMORY_FULL")
        self.assert_says_when_to_come_back(refusals)
        # What was taken is given back; if it were not, this would use it up.
        made += [self.accepted(start) for _ in range(5)]
        self.assert_stored(server, made)

    def test_text_that_is_slow_to_read_keeps_nobody_waiting(self):
        server = self.start_server()
        client, other = server.client(), server.client()
        client.create_group("g", allow_external_senders=True)
        # The parser compares each attribute of a tag with all before it.
        names = (a + b for a in string.ascii_lowercase for b in string.ascii_lowercase)
        tag = "<p " + " ".join(itertools.islice(names, 600)) + ">"
        slow = Post(sender=Recipient(email_address=EmailAddress(address="a@example.org")),
                    body=ItemBody(content_type="html", content=tag * 200))
        futures = [client.start_create_thread("groups/g", Thread(topic="T", posts=[slow]))
                   for _ in range(60)]
        for _ in range(3):
            self.assertEqual(other.get_group("groups/g").id, "g")
        still_read = sum(not future.done() for future in futures)
        made = [future.result() for future in futures]
        self.assertGreater(still_read, len(futures) // 2)
        self.assertEqual(len(made), len(futures))

    def test_calls_without_deadline_get_the_servers(self):
        server = self.start_server("--default_timeout=1ms")
        client = server.client()
        client.create_group("g")  # Comes with a deadline of its own.

        def send():
            return [client.threads.CreateThread.future(harness.create_request("groups/g"))
                    for _ in range(300)]
        made, _ = self.flood_until_refused(send, Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        server.kill()
        self.assert_stored(self.start_server(), made)


if __name__ == "__main__":
    unittest.main()
