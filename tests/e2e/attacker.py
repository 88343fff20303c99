"""What a client sends that means harm: HTTP/2 frame by frame, with no library that would refuse."""

import contextlib
import http.client
import pathlib
import select
import socket
import struct
import threading
import time

import grpc
import hpack

import harness
from harness import Code, Health, health_pb2, health_pb2_grpc

# RFC 9113, section 6.
(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
 CONTINUATION) = range(10)
ACK, END_STREAM, END_HEADERS = 1, 1, 4
CANCEL = struct.pack(">I", 8)
INITIAL_WINDOW_SIZE = 4

FRAME_HEADER_SIZE = 9
MAX_FRAME_SIZE = 16384

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

MIB = 1 << 20

# What a server takes at rest, with its allocator's slack under load.
BASE_MEMORY = 100 * MIB


def frame(kind, flags=0, stream=0, payload=b""):
    return (len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) +
            payload)


def integer(value, prefix_bits):
    """An integer of HPACK (RFC 7541, section 5.1), the bits before its prefix 0."""
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([value])
    value -= limit
    encoded = [limit]
    while value >= 128:
        encoded.append(value % 128 + 128)
        value //= 128
    return bytes([*encoded, value])


def string(text):
    return integer(len(text), 7) + text


def literal(name, value):
    """A header that is not to be kept in the table."""
    return b"\0" + string(name.encode()) + string(value.encode())


def kept_literal(name, value):
    """A header that is to be kept in the table, as its newest entry: NEWEST_ENTRY says it again."""
    return b"\x40" + string(name.encode()) + string(value.encode())


NEWEST_ENTRY = b"\xbe"


def call_headers(path, replaced=(), more=()):
    """The header block of a call."""
    headers = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "test",
               "te": "trailers", "content-type": "application/grpc"} | dict(replaced)
    return b"".join(literal(*header) for header in [*headers.items(), *more])


def header_frames(stream, block, flags=0):
    """A header block in as many frames as it takes."""
    parts = [block[at:at + MAX_FRAME_SIZE] for at in range(0, len(block), MAX_FRAME_SIZE)]
    frames = [frame(CONTINUATION if i else HEADERS, 0 if i else flags, stream, part)
              for i, part in enumerate(parts[:-1])]
    last = CONTINUATION if frames else HEADERS
    return b"".join(frames) + frame(last, END_HEADERS | (0 if frames else flags), stream, parts[-1])


def data_frames(stream, data, end=True):
    parts = [data[at:at + MAX_FRAME_SIZE] for at in range(0, len(data), MAX_FRAME_SIZE)]
    return b"".join(frame(DATA, END_STREAM if end and i == len(parts) - 1 else 0, stream, part)
                    for i, part in enumerate(parts))


class Attacker:
    """A connection of HTTP/2 whose settings both sides have agreed on."""

    def __init__(self, address, settings=b"", reads=True):
        """Without `reads` it never takes what the server sends after its settings."""
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), harness.PATIENCE_SECONDS)
        self._reads = reads
        self._received = b""
        self.frames = []  # (kind, flags, stream, payload) of what the server has sent.
        self.socket.sendall(PREFACE + frame(SETTINGS, payload=settings))
        while not any(kind == SETTINGS for kind, *_ in self.frames):
            self._receive()
        self.socket.sendall(frame(SETTINGS, ACK))

    def _receive(self):
        """Takes what has come; False if the server has closed the connection."""
        data = self.socket.recv(MIB)
        self._received += data
        while len(self._received) >= FRAME_HEADER_SIZE:
            end = FRAME_HEADER_SIZE + int.from_bytes(self._received[:3], "big")
            if len(self._received) < end:
                break
            kind, flags = self._received[3:5]
            stream = int.from_bytes(self._received[5:FRAME_HEADER_SIZE], "big")
            self.frames.append((kind, flags, stream, self._received[FRAME_HEADER_SIZE:end]))
            self._received = self._received[end:]
        return bool(data)

    def send(self, data):
        """Whether the server has taken all; it may close the connection, or read no more while it
        cannot write."""
        left = memoryview(data)
        with contextlib.suppress(ConnectionError):
            while left:
                patience = harness.PATIENCE_SECONDS if self._reads else 0
                readable, writable, _ = select.select(
                    [self.socket] if self._reads else [], [self.socket], [], patience)
                if readable and not self._receive():
                    return False
                if writable:
                    left = left[self.socket.send(left[:1 << 16]):]
                elif not self._reads:
                    return False
            return True
        return False

    def await_status(self):
        """The status of the first call that ends; None if the server closes the connection before
        one has."""
        decoder = hpack.Decoder()
        seen = 0
        while True:
            for kind, _, _, payload in self.frames[seen:]:
                headers = dict(decoder.decode(payload)) if kind == HEADERS else {}
                if (status := headers.get("grpc-status")) is not None:
                    return next(code for code in Code if code.value[0] == int(status))
            seen = len(self.frames)
            if not self._receive_more():
                return None

    def _receive_more(self):
        """Takes what comes next; False if the server has closed the connection."""
        with contextlib.suppress(ConnectionError):
            return self._receive()
        return False

    def await_end(self):
        """Returns when the server has closed the connection."""
        while self._receive_more():
            pass

    def close(self):
        self.socket.close()


class Bystander(threading.Thread):
    """A caller of both faces, again and again until it is stopped. `failures` are the answers that
    it should not have had."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self._server = server
        self._stopped = threading.Event()
        self.asked = 0
        self.failures = []

    def run(self):
        stub = health_pb2_grpc.HealthStub(self._server.connect())
        while not self._stopped.is_set():
            try:
                status = stub.Check(health_pb2.HealthCheckRequest(),
                                    timeout=harness.PATIENCE_SECONDS).status
                if status != Health.SERVING:
                    self.failures.append(status)
                if (code := get(self._server).status) != 200:
                    self.failures.append(code)
            except (grpc.RpcError, OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
            self.asked += 1

    def stop(self):
        self._stopped.set()
        self.join()


def get(server, path="/"):
    """The response of the HTTP face, read."""
    host, port = server.http_address.rsplit(":", 1)
    client = http.client.HTTPConnection(host, int(port), harness.PATIENCE_SECONDS)
    with contextlib.closing(client):
        client.request("GET", path)
        response = client.getresponse()
        response.content = response.read()
        return response


def descriptors(server):
    return len(list(pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir()))


class TestCase(harness.TestCase):
    """Tests that do harm to `self.server`."""

    FLAGS = ()

    def setUp(self):
        super().setUp()
        self.server = self.start_server(*self.FLAGS, http_listen="127.0.0.1:0")
        self._connections = contextlib.ExitStack()
        self.addCleanup(self._connections.close)

    def attacker(self, **settings):
        client = Attacker(self.server.address, **settings)
        self._connections.callback(client.close)
        return client

    @contextlib.contextmanager
    def attack(self, memory=BASE_MEMORY, bystanders_wait=False):
        """What is done meanwhile must leave the server whole: both faces answer during it, unless
        others are known to have to wait, and after it; the process has never had more memory than
        `memory`, and gives back all its descriptors."""
        get(self.server)
        self.assertEqual(self.server.health(), Health.SERVING)
        before = descriptors(self.server)
        bystander = Bystander(self.server)
        if not bystanders_wait:
            bystander.start()
        try:
            yield
        finally:
            if not bystanders_wait:
                bystander.stop()
        if not bystanders_wait:
            self.assertGreater(bystander.asked, 0)
            self.assertEqual(bystander.failures, [])
        self._connections.close()
        self.assertEqual(self.server.health(), Health.SERVING)
        self.assertEqual(get(self.server).status, 200)
        self.await_descriptors(before + 10)  # Those of our own channels, which are still open.
        self.assertIsNone(self.server.process.poll())
        self.assert_peak_memory_below(self.server, memory)

    def await_descriptors(self, most):
        until = time.monotonic() + harness.PATIENCE_SECONDS
        while descriptors(self.server) > most:
            self.assertLess(time.monotonic(), until, "descriptors are not given back")
            select.select([], [], [], 0.05)
