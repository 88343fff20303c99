"""Certificates of the server and of its clients, over both faces, and how they change."""

import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import time
import unittest
import uuid

import grpc

import harness
from certificates import Authority, Mount
from harness import Code, Thread, health_pb2, health_pb2_grpc

USAGE = 64


def split(address):
    host, port = address.rsplit(":", 1)
    return host, int(port)


def wait_until(condition, what):
    """Until condition(), which takes its time, is true."""
    until = time.monotonic() + harness.PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"in vain: {what}")


class TlsTestCase(harness.TestCase):
    """A server on a mount with a certificate of self.authority, and clients that believe that."""

    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder, "authority")
        self.mount = Mount(self.folder)
        self.identity = self.authority.issue_server()
        self.mount.put(self.identity.contents())

    def start(self, *flags, clients=None):
        """`clients` is the Authority whose clients are served."""
        files = self.mount.folder
        if clients:
            self.put(self.identity, clients)
            flags = (f"--tls_client_ca={files / 'ca.crt'}", *flags)
        return self.start_server(
            f"--tls_cert={files / 'tls.crt'}", f"--tls_key={files / 'tls.key'}", *flags,
            http_listen="127.0.0.1:0")

    def put(self, identity, clients):
        self.mount.put(identity.contents() | {"ca.crt": clients.certificate.read_bytes()})

    def faces(self, server):
        return ((server.address, "h2"), (server.http_address, "http/1.1"))

    def context(self, identity=None, protocol="http/1.1"):
        context = ssl.create_default_context(cafile=self.authority.certificate)
        context.set_alpn_protocols([protocol])
        if identity:
            context.load_cert_chain(identity.certificate, identity.key)
        return context

    def connect(self, address, identity=None, protocol="http/1.1", context=None, session=None):
        context = context or self.context(identity, protocol)
        raw = socket.create_connection(split(address), harness.PATIENCE_SECONDS)
        try:
            return context.wrap_socket(raw, server_hostname="localhost", session=session)
        except BaseException:
            raw.close()
            raise

    def channel(self, server, identity=None):
        """A gRPC channel on a connection of its own."""
        credentials = grpc.ssl_channel_credentials(
            self.authority.certificate.read_bytes(),
            identity and identity.key.read_bytes(), identity and identity.certificate.read_bytes())
        channel = grpc.secure_channel(server.address, credentials, options=[
            ("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)])
        self.addCleanup(channel.close)
        return channel

    def client(self, server, identity=None, user=None):
        return harness.Client(self.channel(server, identity), user)

    def served(self, address, protocol):
        """The certificate that a new connection is shown, as PEM. None of a client is needed for
        that, since the server shows its own first."""
        with self.connect(address, protocol=protocol) as connection:
            return ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True)).strip()

    def await_served(self, server, identity):
        certificate = identity.certificate.read_text().strip()
        for address, protocol in self.faces(server):
            wait_until(lambda a=address, p=protocol: self.served(a, p) == certificate,
                       f"{protocol}: a new certificate")

    def events(self, server, event):
        records = map(json.loads, server.log().splitlines())
        return [record for record in records if record["event"] == event]

    def await_events(self, server, event, count):
        wait_until(lambda: len(self.events(server, event)) >= count, f"{count} times {event}")
        return self.events(server, event)

    def ask(self, connection, method="GET", path="/v1.0/groups", body=None, **headers):
        """(status, JSON) of the answer to a request on a connection that stays open."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        content = json.dumps(body).encode() if body else b""
        headers |= {"Host": "localhost", "Content-Length": str(len(content))}
        headers |= {"Content-Type": "application/json"} if body else {}
        lines = [f"{method} {path} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items()), "", ""]
        connection.sendall("\r\n".join(lines).encode() + content)
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        return response.status, json.loads(response.read() or b"null")

    def assert_serves(self, server, identity=None):
        """Both faces take a new connection, and a request on it."""
        self.client(server, identity).list_groups()
        with self.connect(server.http_address, identity) as connection:
            self.assertEqual(self.ask(connection)[0], 200)

    def is_refused(self, server, identity):
        """Whether neither face takes a request; both must do the same."""
        try:
            self.client(server, identity).list_groups()
            by_grpc = False
        except grpc.RpcError as error:
            self.assertEqual(error.code(), Code.UNAVAILABLE, error)
            by_grpc = True
        try:
            # In TLS 1.3 a client learns only by reading that its certificate was refused.
            with self.connect(server.http_address, identity) as connection:
                by_http = self.ask(connection)[0] != 200
        except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
            by_http = True
        self.assertEqual(by_grpc, by_http)
        return by_grpc


class ReloadTest(TlsTestCase):

    def test_new_connections_get_a_new_certificate_and_old_ones_go_on(self):
        server = self.start()
        watch = health_pb2_grpc.HealthStub(self.channel(server)).Watch(
            health_pb2.HealthCheckRequest(), timeout=harness.PATIENCE_SECONDS)
        self.assertEqual(next(watch).status, harness.Health.SERVING)
        with self.connect(server.http_address) as old:
            self.assertEqual(self.ask(old)[0], 200)
            for _ in range(2):
                identity = self.authority.issue_server()
                self.mount.put(identity.contents())
                self.await_served(server, identity)
            self.assertEqual(self.ask(old)[0], 200)
            server.signal_stop()
            self.assertEqual(next(watch).status, harness.Health.NOT_SERVING)
        watch.cancel()
        self.assertEqual(server.wait(), 0)
        self.assertEqual(len(self.events(server, "tls files taken")), 3)
        self.assertEqual(self.events(server, "tls files refused"), [])

    def test_files_that_are_written_in_place_are_read_again(self):
        certificate, key = self.folder / "tls.crt", self.folder / "tls.key"
        certificate.write_bytes(self.identity.certificate.read_bytes())
        key.write_bytes(self.identity.key.read_bytes())
        server = self.start_server(f"--tls_cert={certificate}", f"--tls_key={key}",
                                   http_listen="127.0.0.1:0")
        identity = self.authority.issue_server()
        certificate.write_bytes(identity.certificate.read_bytes())
        key.write_bytes(identity.key.read_bytes())
        self.await_served(server, identity)

    def test_files_that_cannot_be_used_change_nothing(self):
        server = self.start(clients=self.authority)
        client = self.authority.issue("/CN=client")
        good = self.identity.contents() | {"ca.crt": self.authority.certificate.read_bytes()}
        other = self.authority.issue_server().contents()
        refusals = 0
        for flag, change in (
                ("--tls_key", {"tls.key": other["tls.key"]}),
                ("--tls_cert", {"tls.crt": b"-----BEGIN CERTIFICATE-----\nno base64"}),
                ("--tls_cert", {"tls.crt": good["tls.crt"] + good["tls.crt"][:300]}),
                ("--tls_cert", {"tls.crt": b""}),
                ("--tls_key", {"tls.key": good["tls.crt"]}),
                ("--tls_client_ca", {"ca.crt": b""}),
                ("--tls_client_ca", {"ca.crt": good["tls.key"]})):
            with self.subTest(change=change):
                self.mount.put(good | change)
                refusals += 1
                refused = self.await_events(server, "tls files refused", refusals)[-1]
                self.assertEqual(refused["severity"], "warning")
                self.assertIn(flag, refused["message"])
                self.assertNotIn("PRIVATE", refused["message"])
                self.assert_serves(server, client)
                self.assertTrue(self.is_refused(server, None))
        (self.mount.folder / "tls.key").unlink()
        refused = self.await_events(server, "tls files refused", refusals + 1)[-1]
        self.assertIn("--tls_key", refused["message"])
        self.await_served(server, self.identity)
        identity = self.authority.issue_server()
        self.put(identity, self.authority)
        self.await_served(server, identity)
        self.assertEqual(len(self.events(server, "tls files refused")), refusals + 1)
        self.assert_serves(server, client)


class ProtocolTest(TlsTestCase):

    def negotiate(self, address, protocol, *words):
        result = subprocess.run(
            ["openssl", "s_client", "-connect", address, "-alpn", protocol, *words], input=b"",
            capture_output=True, timeout=harness.PATIENCE_SECONDS, check=False)
        return b"Cipher    : 0000" not in result.stdout and b"Cipher is (NONE)" not in result.stdout

    def test_old_tls_and_weak_ciphers_are_refused(self):
        server = self.start()
        for address, protocol in self.faces(server):
            with self.subTest(protocol=protocol):
                self.assertTrue(self.negotiate(address, protocol))
                self.assertTrue(self.negotiate(address, protocol, "-tls1_2"))
                for words in (("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
                              ("-tls1", "-cipher", "ALL:@SECLEVEL=0"),
                              ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"),
                              ("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0")):
                    self.assertFalse(self.negotiate(address, protocol, *words), words)


class ClientCertificateTest(TlsTestCase):

    def setUp(self):
        super().setUp()
        self.clients = Authority(self.folder, "clients")

    def test_only_clients_with_a_certificate_of_the_authority_are_served(self):
        server = self.start(clients=self.clients)
        self.assert_serves(server, self.clients.issue("/CN=client"))
        self.assert_serves(server, self.clients.issue("/CN=client", use="clientAuth"))
        for who, identity in (
                ("nobody", None),
                ("of another authority", self.authority.issue("/CN=client")),
                ("expired", self.clients.issue("/CN=client", days=-1)),
                ("a server's", self.clients.issue("/CN=client", use="serverAuth"))):
            with self.subTest(who=who):
                self.assertTrue(self.is_refused(server, identity))

    def test_authorities_are_reloaded(self):
        server = self.start(clients=self.clients)
        first = self.clients.issue("/CN=first")
        second_authority = Authority(self.folder, "second-authority")
        second = second_authority.issue("/CN=second")
        self.assertTrue(self.is_refused(server, second))
        with self.connect(server.http_address, first) as old:
            self.assertEqual(self.ask(old)[0], 200)
            both = self.clients.certificate.read_bytes() + second_authority.certificate.read_bytes()
            self.mount.put(self.identity.contents() | {"ca.crt": both})
            self.await_events(server, "tls files taken", 2)
            self.assert_serves(server, first)
            self.assert_serves(server, second)
            self.put(self.identity, second_authority)
            self.await_events(server, "tls files taken", 3)
            self.assertTrue(self.is_refused(server, first))
            self.assert_serves(server, second)
            self.assertEqual(self.ask(old)[0], 200)

    def test_no_session_is_resumed_without_a_look_at_the_certificate(self):
        server = self.start(clients=self.clients)
        client = self.clients.issue("/CN=client")
        for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.context(client)
            context.maximum_version = newest
            with self.connect(server.http_address, context=context) as first:
                self.assertEqual(self.ask(first)[0], 200)
                session = first.session
            with self.connect(server.http_address, context=context, session=session) as second:
                self.assertEqual(self.ask(second)[0], 200)
                self.assertFalse(second.session_reused)

    def test_threadctl_shows_its_certificate(self):
        server = self.start(clients=self.clients)
        client = self.clients.issue("/CN=client")

        def health(*flags, environment=None):
            return harness.run(harness.THREADCTL, f"--server={server.address}", "--timeout=5s",
                               *flags, "health", environment=environment)

        roots = f"--tls_ca={self.authority.certificate}"
        own = (f"--tls_cert={client.certificate}", f"--tls_key={client.key}")
        shown = health(roots, *own)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertEqual(health(roots, environment={
            "THREADSTORE_TLS_CERT": str(client.certificate),
            "THREADSTORE_TLS_KEY": str(client.key)}).returncode, 0)
        self.assertEqual(health(roots).returncode, Code.UNAVAILABLE.value[0])
        for flags in (own, (roots, own[0]), (roots, own[1]),
                      (roots, own[0], f"--tls_key={client.certificate}"),
                      (roots, f"--tls_cert={client.key}", own[1])):
            with self.subTest(flags=flags):
                wrong = health(*flags)
                self.assertEqual((wrong.returncode, wrong.stdout), (USAGE, ""), wrong)
                self.assertIn("TLS", wrong.stderr)


class IdentityTest(TlsTestCase):
    """Whose call it is shows in request ids: each caller has its own."""

    def setUp(self):
        super().setUp()
        self.server = self.start(clients=self.authority)
        self.client(self.server, self.authority.issue("/CN=setup")).create_group("g")
        self.request_id = str(uuid.uuid4())

    def create(self, identity, user=None):
        client = self.client(self.server, identity, user)
        return client.create_thread("groups/g", Thread(topic="t"), self.request_id).name

    def create_by_http(self, identity, **headers):
        with self.connect(self.server.http_address, identity) as connection:
            status, body = self.ask(connection, "POST", "/v1.0/groups/g/threads", {"topic": "t"},
                                    Idempotency_Key="key", **headers)
            self.assertEqual(status, 201, body)
            return body["id"]

    def create_in_batch(self, identity):
        part = {"id": "1", "method": "POST", "url": "/groups/g/threads", "body": {"topic": "t"},
                "headers": {"Content-Type": "application/json", "Idempotency-Key": "key"}}
        with self.connect(self.server.http_address, identity) as connection:
            _, body = self.ask(connection, "POST", "/v1.0/$batch", {"requests": [part]})
            return body["responses"][0]["body"]["id"]

    def test_a_certificate_names_an_application(self):
        issue = self.authority.issue
        spiffe = "URI:spiffe://example.org/billing"
        same = [issue("/CN=a", spiffe), issue("/CN=b", f"DNS:b,{spiffe},URI:https://b"),
                issue("", spiffe)]
        others = [issue("/CN=a"), issue("/O=Contoso/CN=a"), issue("/CN=a", "URI:https://b"),
                  issue("/CN=c", f"{spiffe},URI:spiffe://example.org/other"),
                  issue("/CN=a", "URI:spiffe://example.org/other")]
        for create in (self.create, self.create_by_http, self.create_in_batch):
            with self.subTest(create=create.__name__):
                self.assertEqual(len({create(identity) for identity in same}), 1)
                # The first and the third of the others have one subject, and no SPIFFE id.
                names = [create(identity) for identity in (same[0], *others)]
                self.assertEqual(names[1], names[3])
                self.assertEqual(len(set(names)), len(names) - 1)

    def test_users_are_named_as_ever(self):
        first, second = (self.authority.issue(f"/CN={name}") for name in "ab")
        self.client(self.server, first).add_member("groups/g", "ann")
        self.assertEqual(self.create(first, "ann"), self.create(second, "ann"))
        self.assertNotEqual(self.create(first, "ann"), self.create(first))
        self.assertEqual(self.create_by_http(first, x_threadstore_user="ann"),
                         self.create_by_http(second, x_threadstore_user="ann"))

    def test_a_certificate_without_a_name_names_nobody(self):
        nameless = self.authority.issue("", "DNS:somewhere")
        client = self.client(self.server, nameless)
        refusal = self.assert_refused(Code.UNAUTHENTICATED, "INVALID_CREDENTIALS",
                                      client.list_groups)
        self.assertIn("certificate", refusal.message)
        with self.connect(self.server.http_address, nameless) as connection:
            self.assertEqual(self.ask(connection)[0], 401)
            self.assertEqual(self.ask(connection, x_threadstore_user="ann",
                                      path="/v1.0/me/joinedGroups")[0], 200)

    def test_callers_cannot_say_what_their_certificate_is(self):
        client = self.authority.issue("/CN=client")
        request = harness.create_request("groups/g", Thread(topic="t"), self.request_id)
        stub = self.client(self.server, client).threads
        forged = stub.CreateThread(request, timeout=harness.PATIENCE_SECONDS, metadata=(
            ("x-threadstore-face-subject-bin", b"CN=other"),
            ("x-threadstore-face-spiffe-bin", b"spiffe://example.org/other")))
        self.assertEqual(forged.name, self.create(client))
        key = {"x_threadstore_face_subject_bin": "Q049b3RoZXI",
               "x_threadstore_face_spiffe_bin": "c3BpZmZlOi8vYQ"}
        self.assertEqual(self.create_by_http(client, **key), self.create_by_http(client))


class FlagTest(TlsTestCase):

    def test_authorities_that_cannot_be_used_are_refused(self):
        files = self.mount.folder
        for authorities, flags in (
                ("missing", (f"--tls_cert={files}/tls.crt", f"--tls_key={files}/tls.key")),
                ("tls.key", (f"--tls_cert={files}/tls.crt", f"--tls_key={files}/tls.key")),
                ("tls.crt", ())):
            with self.subTest(authorities=authorities):
                result = harness.run(harness.SERVER, "serve", "--listen=127.0.0.1:0",
                                     "--http_listen=", f"--store=sqlite:{self.store}", *flags,
                                     f"--tls_client_ca={files / authorities}")
                self.assertEqual((result.returncode, result.stdout), (USAGE, ""), result)
                self.assertIn("--tls_client_ca", result.stderr.splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
