"""Attacks below and beside HTTP/2: connections without end, handshakes that stall, requests that
trickle, and bodies that grow."""

import contextlib
import gzip
import select
import socket
import struct
import subprocess
import time
import unittest

import attacker
import harness
from attacker import BASE_MEMORY, MIB, PREFACE

# The first bytes of a ClientHello of TLS that is 512 bytes long.
HALF_CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


def connect(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), harness.PATIENCE_SECONDS)


class ConnectionsTest(attacker.TestCase):

    def test_connections_that_are_dropped_at_once(self):
        reset = struct.pack("ii", 1, 0)
        for address in (self.server.address, self.server.http_address):
            with self.subTest(address=address), self.attack():
                for i in range(3000):
                    with connect(address) as connection:
                        if i % 3 == 0:
                            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                        elif i % 3 == 1:
                            connection.sendall(PREFACE[:1 + i % len(PREFACE)])

    def test_bodies_that_grow_are_refused_before_they_do(self):
        bomb = gzip.compress(bytes(256 * MIB))
        self.assertLess(len(bomb), MIB)
        with self.attack():
            for _ in range(10):
                with connect(self.server.http_address) as connection:
                    connection.sendall(
                        b"POST /v1.0/groups HTTP/1.1\r\nHost: localhost\r\n"
                        b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
                        b"Content-Length: %d\r\n\r\n" % len(bomb) + bomb)
                    self.assertRegex(connection.recv(65536), rb"^HTTP/1.1 413 ")


class StallsTest(attacker.TestCase):
    """Clients that begin and do not go on. They are cut off while others are served."""

    CLIENTS = 50

    def setUp(self):
        super().setUp()
        self.stalled = contextlib.ExitStack()
        self.addCleanup(self.stalled.close)

    def start_with_tls(self):
        certificate, key = self.folder / "tls.pem", self.folder / "tls.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost"],
            check=True, capture_output=True)
        self.store = self.folder / "tls.db"
        return self.start_server(f"--tls_cert={certificate}", f"--tls_key={key}",
                                 http_listen="127.0.0.1:0")

    def stall(self, address, beginning):
        for _ in range(self.CLIENTS):
            connection = self.stalled.enter_context(connect(address))
            connection.sendall(beginning)
            yield connection

    def await_closed(self, connections, trickle):
        """Returns when the server has closed all; until then, `trickle` get a byte more each time
        there is nothing to read."""
        connections = set(connections)
        until = time.monotonic() + harness.PATIENCE_SECONDS
        while connections:
            self.assertLess(time.monotonic(), until, "clients that stall are not cut off")
            readable, _, _ = select.select(connections, [], [], 0.5)
            for connection in readable:
                with contextlib.suppress(ConnectionError):
                    if connection.recv(65536):
                        continue
                connections.discard(connection)
            for connection in trickle & connections if not readable else ():
                with contextlib.suppress(ConnectionError):
                    connection.sendall(b"x")

    def test_clients_that_stall_are_cut_off(self):
        with_tls = self.start_with_tls()
        with self.attack():
            silent = [connection for address, beginning in [
                (self.server.address, b""),
                (self.server.address, PREFACE[:10]),
                (self.server.address, PREFACE),
                (self.server.http_address, b"GET / HT"),
                (with_tls.address, b""),
                (with_tls.address, HALF_CLIENT_HELLO),
                (with_tls.http_address, HALF_CLIENT_HELLO),
            ] for connection in self.stall(address, beginning)]
            trickle = set(self.stall(self.server.http_address, b"GET / HTTP/1.1\r\nHost: local"))
            self.await_closed([*silent, *trickle], trickle)
        self.assertIsNone(with_tls.process.poll())
        self.assert_peak_memory_below(with_tls, BASE_MEMORY)


if __name__ == "__main__":
    unittest.main()
