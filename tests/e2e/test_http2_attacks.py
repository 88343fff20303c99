"""Attacks on HTTP/2: floods of frames, of streams, of headers, and messages that are not what they
say. What gRPC leaves open is measured here too, in amounts that end: see SECURITY.md."""

import struct
import unittest
import zlib

import attacker
import harness
from attacker import (ACK, BASE_MEMORY, CANCEL, CONTINUATION, DATA, HEADERS, MIB, NEWEST_ENTRY,
                      PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, call_headers,
                      data_frames, frame, header_frames, kept_literal, literal)
from harness import Code, Thread, thread_messages
from raw_client import CREATE_THREAD, LIST_THREADS, message

CREATE = call_headers(CREATE_THREAD)
FRAMES = 200_000
KIB = 1 << 10

# Headers of 180 KiB, none of them large.
MANY_HEADERS = [(f"x-{i}", 3000 * "v") for i in range(60)]


def create_request():
    return message(harness.create_request("groups/g", Thread(topic="A topic")))


class FramesTest(attacker.TestCase):
    """Frames that cost little to send."""

    def flood(self, frames, opened=b"", **settings):
        with self.attack(BASE_MEMORY + 4 * 64 * MIB):
            client = self.attacker(**settings)
            client.send(opened)
            for _ in range(FRAMES // 1000):
                if not client.send(1000 * frames):
                    break

    def test_settings(self):
        self.flood(frame(SETTINGS))

    def test_settings_whose_answers_are_not_read(self):
        self.flood(frame(SETTINGS), reads=False)

    def test_settings_that_change_the_window_of_every_stream(self):
        def window(size):
            return frame(SETTINGS, payload=struct.pack(">HI", attacker.INITIAL_WINDOW_SIZE, size))
        opened = b"".join(header_frames(stream, CREATE) for stream in range(1, 200, 2))
        self.flood(window(1) + window(1000), opened)

    def test_pings_whose_answers_are_not_read(self):
        self.flood(frame(PING, payload=b"12345678"), reads=False)

    def test_answers_to_pings_that_were_not_sent(self):
        self.flood(frame(PING, ACK, payload=b"12345678"))

    def test_priorities(self):
        self.flood(frame(PRIORITY, stream=1, payload=b"\0\0\0\x03\1"))

    def test_windows_of_one_byte_more(self):
        self.flood(b"".join(frame(WINDOW_UPDATE, stream=stream, payload=b"\0\0\0\1")
                            for stream in (0, 1)), header_frames(1, CREATE))

    def test_data_that_is_empty(self):
        self.flood(frame(DATA, stream=1), header_frames(1, CREATE))

    def test_continuations_that_are_empty(self):
        self.flood(frame(CONTINUATION, stream=1), frame(HEADERS, stream=1, payload=CREATE))

    def test_frames_of_no_known_kind(self):
        self.flood(frame(0x55))


class StreamsTest(attacker.TestCase):

    def test_more_streams_than_may_be_open_are_refused(self):
        with self.attack():
            client = self.attacker()
            client.send(b"".join(header_frames(stream, CREATE) for stream in range(1, 2000, 2)))
            client.await_end()
            refused = {stream for kind, _, stream, _ in client.frames if kind == RST_STREAM}
            self.assertGreater(len(refused), 0)

    def test_streams_that_are_reset_at_once(self):
        # CVE-2023-44487. gRPC 1.51 bounds neither their number nor what it holds of those that it
        # has not cleaned up: about 20 KiB each. Others have to wait meanwhile.
        streams, most_each = 10_000, 40 * KIB
        with self.attack(BASE_MEMORY + streams * most_each, bystanders_wait=True):
            client = self.attacker()
            for first in range(1, 2 * streams, 200):
                client.send(b"".join(
                    header_frames(stream, CREATE) + frame(RST_STREAM, 0, stream, CANCEL)
                    for stream in range(first, first + 200, 2)))

    def test_answers_of_which_one_byte_at_a_time_is_taken(self):
        caller = self.server.client()
        caller.create_group("g")
        for _ in range(10):
            caller.create_thread("groups/g", Thread(topic="T", unique_senders=["s" * 250] * 500))
        listing = message(thread_messages.ListThreadsRequest(parent="groups/g", page_size=1000))
        headers = call_headers(LIST_THREADS)
        streams = range(1, 100, 2)
        with self.attack(BASE_MEMORY + 2 * 64 * MIB):
            client = self.attacker(
                settings=struct.pack(">HI", attacker.INITIAL_WINDOW_SIZE, 1))
            client.send(b"".join(
                header_frames(stream, headers) + data_frames(stream, listing)
                for stream in streams))
            for _ in range(100):
                client.send(b"".join(frame(WINDOW_UPDATE, stream=stream, payload=b"\0\0\0\1")
                                     for stream in streams))


class HeadersTest(attacker.TestCase):

    def call(self, block):
        """The client, after a call with these headers and a request."""
        client = self.attacker()
        client.send(header_frames(1, block) + data_frames(1, create_request()))
        return client

    def test_many_headers_in_many_frames_are_refused(self):
        self.server.client().create_group("g")
        with self.attack():
            client = self.call(call_headers(CREATE_THREAD, more=MANY_HEADERS))
            self.assertEqual(client.await_status(), Code.INVALID_ARGUMENT)
        self.assertEqual(len(self.server.client().list_threads("groups/g").threads), 0)

    def test_one_huge_header_is_refused(self):
        with self.attack():
            client = self.call(call_headers(CREATE_THREAD, more=[("x", MIB * "v")]))
            self.assertEqual(client.await_status(), Code.RESOURCE_EXHAUSTED)

    def test_one_header_of_the_table_a_thousand_times_is_refused(self):
        with self.attack():
            client = self.call(CREATE + kept_literal("x", 3900 * "v") + 16_000 * NEWEST_ENTRY)
            self.assertEqual(client.await_status(), Code.RESOURCE_EXHAUSTED)

    def test_sizes_of_the_table_that_change_all_the_time(self):
        with self.attack():
            self.call(CREATE + 4000 * b"\x20\x3f\xe1\x1f").await_end()

    def test_headers_that_break_rules(self):
        # With more headers after them than may be, some made gRPC abort: CVE-2023-1428.
        too_many = [kept_literal("y", 3900 * "v") + 16_000 * NEWEST_ENTRY,
                    literal("y", 40_000 * "v"), b""]
        broken = [call_headers(CREATE_THREAD, replaced, more) for replaced, more in [
            ([("te", "x")], ()),
            ([(":scheme", "x")], ()),
            ([(":method", "x")], ()),
            ([("content-type", "x")], ()),
            ([], [("grpclb_client_stats", "x")]),
            ([], [("grpclb_client_stats-bin", "eA")]),
            ([], [("grpc-timeout", "x")]),
            ([], [("grpc-status", "x"), (":status", "x")]),
            ([], [("grpc-encoding", "x"), ("grpc-accept-encoding", "x,,,")]),
            ([], [("grpc-trace-bin", "x"), ("grpc-tags-bin", "!")]),
            ([], [("x-threadstore-user-bin", "!!!")]),
            ([], [("x-threadstore-user", "a\0b")]),
            ([], [("", "x"), ("X-UPPER", "x")]),
            ([], [(":path", "/other")])]]
        blocks = [block + more for block in broken for more in too_many]
        blocks += [b"\x80", b"\xff\xff\xff\xff\xff\xff", literal(":path", "/"),
                   CREATE + b"\0" + attacker.integer(1 << 40, 7)]
        with self.attack():
            for block in blocks:
                self.call(block)

    def test_a_block_of_headers_that_does_not_end(self):
        # The shape of CVE-2024-27316. gRPC 1.51 keeps all until it has taken more than it may, and
        # then closes the connection some time later.
        sent = 64 * MIB
        part = b"".join(literal(f"x-{i}", 1000 * "v") for i in range(16))
        with self.attack(BASE_MEMORY + 4 * sent, bystanders_wait=True):
            client = self.attacker()
            client.send(frame(HEADERS, stream=1, payload=CREATE))
            for _ in range(sent // len(part) // 50):
                if not client.send(50 * frame(CONTINUATION, stream=1, payload=part)):
                    break

    def test_a_header_that_does_not_end(self):
        # CVE-2023-33953. gRPC 1.51 copies what it has with each frame that comes.
        sent = 2 * MIB
        with self.attack(BASE_MEMORY + 16 * sent, bystanders_wait=True):
            client = self.attacker()
            client.send(frame(HEADERS, stream=1, payload=CREATE + b"\0" + attacker.string(b"x") +
                              attacker.integer(1 << 30, 7)))
            for _ in range(sent // 16_000):
                client.send(frame(CONTINUATION, stream=1, payload=16_000 * b"v"))


class MessagesTest(attacker.TestCase):

    def test_compressed_messages_are_refused_before_they_grow(self):
        for coding, window in (("gzip", zlib.MAX_WBITS | 16), ("deflate", zlib.MAX_WBITS)):
            compressor = zlib.compressobj(9, zlib.DEFLATED, window)
            bomb = b"".join(compressor.compress(bytes(MIB)) for _ in range(256))
            bomb += compressor.flush()
            self.assertLess(len(bomb), MIB)
            request = b"\1" + struct.pack(">I", len(bomb)) + bomb
            with self.subTest(coding=coding), self.attack():
                headers = call_headers(CREATE_THREAD, more=[("grpc-encoding", coding)])
                for _ in range(4):
                    client = self.attacker()
                    client.send(header_frames(1, headers) + data_frames(1, request))
                    self.assertEqual(client.await_status(), Code.UNIMPLEMENTED)

    def test_messages_that_say_they_are_huge(self):
        with self.attack(BASE_MEMORY + 2 * 64 * MIB):
            for length in (0xFFFFFFFF, 0x7FFFFFFF):
                client = self.attacker()
                client.send(header_frames(1, CREATE) +
                            data_frames(1, b"\0" + struct.pack(">I", length), end=False))
                for _ in range(32):
                    if not client.send(data_frames(1, bytes(MIB), end=False)):
                        break

    def test_messages_that_nest_without_end(self):
        # The shape of CVE-2024-7254: groups in groups, in a field that nobody knows.
        nested = MIB * b"\xc3\x3e"
        with self.attack():
            client = self.attacker()
            client.send(header_frames(1, CREATE) + data_frames(
                1, b"\0" + struct.pack(">I", len(nested)) + nested))
            self.assertEqual(client.await_status(), Code.INVALID_ARGUMENT)


if __name__ == "__main__":
    unittest.main()
