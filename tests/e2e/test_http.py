"""The HTTP face as a listener: whom it serves, how many, for how long, and over TLS."""

import contextlib
import http.client
import json
import socket
import ssl
import time
import unittest
import warnings

import grpc

import harness
from harness import health_pb2, health_pb2_grpc

USAGE, UNAVAILABLE = 64, 69
NOWHERE = "/v1.0/nothing-is-here"


def split(address):
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


def connect(server):
    connection = socket.create_connection(split(server.http_address), harness.PATIENCE_SECONDS)
    connection.settimeout(harness.PATIENCE_SECONDS)
    return contextlib.closing(connection)


def ask(server, method="GET", path=NOWHERE, body=None, **headers):
    """The response, read, with its body as `content`; headers' underscores are hyphens."""
    client = http.client.HTTPConnection(*split(server.http_address), harness.PATIENCE_SECONDS)
    with contextlib.closing(client):
        client.request(method, path, body,
                       {name.replace("_", "-"): value for name, value in headers.items()})
        response = client.getresponse()
        response.content = response.read()
        return response


def ask_when_there_is_room(server):
    """The response to the first connection that is not refused: when the server notices that one is
    closed, nobody is told."""
    deadline = time.monotonic() + harness.PATIENCE_SECONDS
    while True:
        try:
            return ask(server)
        except ConnectionError:
            if time.monotonic() > deadline:
                raise


def read_all(connection):
    """What comes until the server closes the connection, or cuts it."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
    return received


class HttpTest(harness.TestCase):

    def start(self, *flags):
        return self.start_server(*flags, http_listen="127.0.0.1:0")

    def assert_error(self, status, response):
        self.assertEqual(response.status, status, response.content)
        self.assertEqual(response.headers["Content-Type"].partition(";")[0], "application/json")
        error = json.loads(response.content)["error"]
        self.assertTrue(error["code"] and error["message"])
        self.assertEqual(set(error["innerError"]), {"date", "request-id", "client-request-id"})

    def test_it_is_served_where_the_ready_line_says(self):
        server = self.start()
        self.assert_error(404, ask(server))

    def test_it_can_be_off(self):
        server = self.start_server()
        self.assertIsNone(server.http_address)
        self.assertEqual(server.health(), harness.Health.SERVING)

    def test_an_address_in_use_is_refused(self):
        server = self.start()
        result = harness.run(harness.SERVER, "serve", "--listen=127.0.0.1:0",
                             f"--http_listen={server.http_address}",
                             f"--store=sqlite:{self.folder / 'other.db'}")
        self.assertEqual((result.returncode, result.stdout), (UNAVAILABLE, ""))
        self.assertIn(server.http_address, result.stderr)

    def test_bodies_come_plain_chunked_or_compressed(self):
        server = self.start()
        self.assert_error(404, ask(server, "POST", body=b"{}"))
        self.assert_error(404, ask(server, "POST", body=iter([b"{", b"}"])))
        self.assert_error(400, ask(server, "POST", body=b"{}", Content_Encoding="gzip"))
        refused = ask(server, "POST", body=b"{}", Content_Encoding="br")
        self.assert_error(415, refused)
        self.assertEqual(refused.headers["Accept-Encoding"], "gzip")

    def test_what_is_too_large_is_refused(self):
        server = self.start()
        self.assert_error(414, ask(server, path="/" + 10_000 * "x"))
        self.assert_error(431, ask(server, X=40_000 * "x"))
        with connect(server) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n"
                               b"Content-Length: 1073741824\r\n\r\n")
            self.assertRegex(read_all(connection), rb"^HTTP/1.1 413 ")

    def test_floods_of_headers_do_no_harm(self):
        server = self.start("--max_connections=300")
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(connect(server)) for _ in range(200)]
            for connection in connections:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
            line = b"X: " + 1000 * b"x" + b"\r\n"
            for _ in range(40):
                for connection in connections:
                    with contextlib.suppress(ConnectionError):
                        connection.sendall(line)
            for connection in connections:
                self.assertRegex(read_all(connection), rb"^HTTP/1.1 431 ")
            self.assert_error(404, ask(server))
        self.assert_peak_memory_below(server, 200 << 20)

    def test_pages_and_hosts_of_others_are_refused(self):
        server = self.start("--http_cors_origins=https://app.example,https://other.example:8443",
                            "--http_public_url=https://public.example/base")
        self.assert_error(403, ask(server, Origin="https://evil.example"))
        self.assert_error(403, ask(server, Host="evil.example"))
        self.assert_error(404, ask(server, Host="public.example"))
        for origin in ("https://app.example", "https://other.example:8443"):
            response = ask(server, Origin=origin)
            self.assert_error(404, response)
            self.assertEqual(response.headers["Access-Control-Allow-Origin"], origin)
        preflight = ask(server, "OPTIONS", Origin="https://app.example",
                        Access_Control_Request_Method="POST",
                        Access_Control_Request_Headers="authorization")
        self.assertEqual((preflight.status, preflight.content), (204, b""))
        self.assertIn("POST", preflight.headers["Access-Control-Allow-Methods"])
        self.assertEqual(preflight.headers["Access-Control-Allow-Headers"], "authorization")

    def test_the_places_of_closed_connections_are_given_back(self):
        server = self.start("--max_connections=4")
        for _ in range(100):
            self.assert_error(404, ask_when_there_is_room(server))

    def test_connections_are_limited(self):
        server = self.start("--max_connections=4")
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                connection = stack.enter_context(connect(server))
                connection.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertRegex(connection.recv(65536), rb"^HTTP/1.1 ")
            # There is place for one more at most, and each face has its own.
            extra = [stack.enter_context(connect(server)) for _ in range(2)]
            self.assertEqual(read_all(extra[1]), b"")
            self.assertEqual(server.health(), harness.Health.SERVING)

    def test_what_comes_during_a_drain_is_refused(self):
        server = self.start()
        with connect(server) as half, connect(server) as idle:
            half.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
                         b"Expect: 100-continue\r\n\r\n")
            self.assertRegex(half.recv(65536), rb"^HTTP/1.1 100 ")
            server.signal_stop()
            answer = read_all(half)
            self.assertRegex(answer, rb"^HTTP/1.1 503 ")
            self.assertIn(b"\r\nRetry-After: ", answer)
            self.assertEqual(read_all(idle), b"")
        self.assertEqual(server.wait(), 0)


class TlsTest(harness.TestCase):

    def setUp(self):
        super().setUp()
        self.make_certificate("server", "/CN=localhost", "DNS:localhost,IP:127.0.0.1")

    def make_certificate(self, name, subject, names):
        harness.subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", self.folder / f"{name}.key", "-out", self.folder / f"{name}.pem",
             "-days", "2", "-subj", subject, "-addext", f"subjectAltName={names}"],
            check=True, capture_output=True)
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def start(self, *flags):
        return self.start_server(f"--tls_cert={self.folder / 'server.pem'}",
                                 f"--tls_key={self.folder / 'server.key'}", *flags,
                                 http_listen="127.0.0.1:0")

    def connect_tls(self, server, alpn=("http/1.1",), newest=ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=self.folder / "server.pem")
        if alpn:
            context.set_alpn_protocols(alpn)
        context.set_ciphers("ALL:@SECLEVEL=0")  # Otherwise the client itself refuses old TLS.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = newest
        raw = socket.create_connection(split(server.http_address), harness.PATIENCE_SECONDS)
        try:
            return contextlib.closing(context.wrap_socket(raw, server_hostname="localhost"))
        except BaseException:
            raw.close()
            raise

    def test_http_is_served_over_tls(self):
        server = self.start()
        with self.connect_tls(server, ["h2", "http/1.1"]) as connection:
            self.assertEqual(connection.selected_alpn_protocol(), "http/1.1")
            self.assertIn(connection.version(), ("TLSv1.2", "TLSv1.3"))
            for _ in range(2):
                connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n"
                                   b"Content-Length: 100000\r\n\r\n" + 100_000 * b"x")
                self.assertRegex(connection.recv(65536), rb"^HTTP/1.1 405 ")
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(b"\r\nConnection: close\r\n", read_all(connection))
        with self.connect_tls(server, alpn=()) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            self.assertRegex(read_all(connection), rb"^HTTP/1.1 403 ")

    def test_old_tls_and_other_protocols_are_refused(self):
        server = self.start()
        with self.assertRaisesRegex(ssl.SSLError, "(?i)no.application.protocol"):
            self.connect_tls(server, ["h2"])
        with self.assertRaisesRegex(ssl.SSLError, "(?i)protocol.version"):
            self.connect_tls(server, newest=ssl.TLSVersion.TLSv1_1)
        with self.connect_tls(server, newest=ssl.TLSVersion.TLSv1_2) as connection:
            self.assertEqual(connection.version(), "TLSv1.2")
        with connect(server) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertNotIn(b"HTTP/", read_all(connection))

    def test_a_drain_ends_tls_connections(self):
        server = self.start()
        with self.connect_tls(server) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertRegex(connection.recv(65536), rb"^HTTP/1.1 200 ")
            server.signal_stop()
            with contextlib.suppress(ssl.SSLEOFError):
                self.assertEqual(read_all(connection), b"")
        self.assertEqual(server.wait(), 0)

    def test_grpc_is_served_over_tls(self):
        server = self.start()
        roots = (self.folder / "server.pem").read_bytes()
        with grpc.secure_channel(server.address, grpc.ssl_channel_credentials(roots),
                                 [("grpc.enable_http_proxy", 0)]) as channel:
            client = harness.Client(channel)
            client.create_group("g")
            self.assertTrue(client.create_thread("groups/g").name)
        with self.assertRaises(grpc.RpcError) as caught:
            request = health_pb2.HealthCheckRequest()
            health_pb2_grpc.HealthStub(server.connect()).Check(request, timeout=10)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def test_threadctl_speaks_tls(self):
        server = self.start()
        other, _ = self.make_certificate("other", "/CN=localhost", "DNS:localhost,IP:127.0.0.1")

        def health(*flags):
            return harness.run(harness.THREADCTL, f"--server={server.address}", "--timeout=5s",
                               *flags, "health")

        trusted = health(f"--tls_ca={self.folder / 'server.pem'}")
        self.assertEqual((trusted.returncode, trusted.stderr), (0, ""))
        self.assertIn("SERVING", trusted.stdout)
        unavailable = grpc.StatusCode.UNAVAILABLE.value[0]
        self.assertEqual(health().returncode, unavailable)
        self.assertEqual(health(f"--tls_ca={other}").returncode, unavailable)
        for file in (self.folder / "missing.pem", self.folder / "server.key"):
            wrong = health(f"--tls_ca={file}")
            self.assertEqual(wrong.returncode, USAGE, wrong)
            self.assertEqual(wrong.stdout, "")

    def test_a_certificate_that_cannot_be_used_is_refused(self):
        other, key = self.make_certificate("other", "/CN=a", "DNS:a")
        missing = self.folder / "missing"
        for certificate, key, says in (
                (missing, key, "--tls_cert"), (other, missing, "--tls_key"),
                (key, key, "--tls_cert"), (other, other, "--tls_key"),
                (other, self.folder / "server.key", "--tls_key"),
                (other, "", "--tls_key"), ("", key, "--tls_cert")):
            with self.subTest(certificate=certificate, key=key):
                result = harness.run(harness.SERVER, "serve", "--listen=127.0.0.1:0",
                                     "--http_listen=127.0.0.1:0", f"--store=sqlite:{self.store}",
                                     f"--tls_cert={certificate}", f"--tls_key={key}")
                self.assertEqual((result.returncode, result.stdout), (USAGE, ""), result)
                self.assertIn(says, result.stderr.splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
