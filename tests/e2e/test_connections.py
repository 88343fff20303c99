"""Connections as Kubernetes uses them: their keepalive, age, number and limits."""

import concurrent.futures
import contextlib
import resource
import socket
import time
import unittest

import grpc
import h2.events

import harness
import raw_client
from harness import Code, Health
from raw_client import CREATE_THREAD, RawClient


class ConnectionsTest(harness.TestCase):

    def raw_client(self, server, **settings):
        client = RawClient(server.address, **settings)
        self.addCleanup(client.close)
        return client

    def assert_serves(self, server):
        """A new connection is answered."""
        self.assertEqual(server.health(), Health.SERVING)

    def await_served(self, server):
        until = time.monotonic() + harness.PATIENCE_SECONDS
        while True:
            try:
                return self.assert_serves(server)
            except grpc.RpcError as error:
                self.assertEqual(error.code(), Code.UNAVAILABLE)
                self.assertLess(time.monotonic(), until, "no connection is accepted any more")

    def test_a_client_that_pings_now_and_then_without_calls_stays_connected(self):
        # Go and Java clients in Kubernetes ping every 20 or 30 s; gRPC's own limit is 5 minutes.
        # A third ping that came too soon would end the connection.
        server = self.start_server()
        channel = server.connect(("grpc.keepalive_time_ms", 10_500),
                                 ("grpc.keepalive_timeout_ms", 5_000),
                                 ("grpc.keepalive_permit_without_calls", 1),
                                 ("grpc.http2.max_pings_without_data", 0))
        grpc.channel_ready_future(channel).result(harness.PATIENCE_SECONDS)
        states = []
        channel.subscribe(states.append)
        time.sleep(36)
        self.assertEqual(set(states), {grpc.ChannelConnectivity.READY})

    def test_a_client_that_pings_all_the_time_is_sent_away(self):
        server = self.start_server()
        client = self.raw_client(server)
        for _ in range(4):
            client.ping()
        goaway = client.await_event(h2.events.ConnectionTerminated)
        self.assertEqual((goaway.error_code, goaway.additional_data),
                         (raw_client.ENHANCE_YOUR_CALM, b"too_many_pings"))
        self.assert_serves(server)

    def test_a_peer_that_gives_no_sign_of_life_is_disconnected(self):
        server = self.start_server("--keepalive_time=1s", "--keepalive_timeout=1s")
        client = self.raw_client(server)
        with contextlib.suppress(ConnectionResetError):
            while client.socket.recv(65536):  # The pings are among it, and not answered.
                pass

    def test_a_connection_ends_at_its_age_and_no_call_is_lost(self):
        server = self.start_server("--max_connection_age=1s", "--max_connection_age_grace=1s")
        old = self.raw_client(server)
        old.start_call(CREATE_THREAD)
        client = server.client()
        client.create_group("g")
        created = 0
        with concurrent.futures.ThreadPoolExecutor() as executor:
            goaway = executor.submit(old.await_event, h2.events.ConnectionTerminated)
            while not goaway.done():
                client.create_thread("groups/g")
                created += 1
        self.assertEqual(goaway.result().error_code, raw_client.NO_ERROR)
        # The call that does not end keeps the connection for the grace only.
        self.assertEqual(old.read(), [])
        client.create_thread("groups/g")
        self.assertEqual(len(harness.all_threads(client, "groups/g", page_size=1000)), created + 1)

    def test_the_longest_times_are_not_taken_for_none(self):
        server = self.start_server("--max_connection_age=480h", "--max_connection_age_grace=1h",
                                   "--keepalive_time=1h", "--keepalive_timeout=1h",
                                   "--keepalive_min_interval=1h")
        client = server.client()
        client.create_group("g")
        self.assertEqual(client.get_group("groups/g").id, "g")

    def test_calls_in_flight_on_a_connection_are_limited(self):
        server = self.start_server("--max_concurrent_streams=3")
        client = self.raw_client(server)
        settings = client.await_event(h2.events.RemoteSettingsChanged)
        self.assertEqual(settings.changed_settings[3].new_value, 3)

    def test_connections_are_limited(self):
        server = self.start_server("--max_connections=20")
        clients = [self.raw_client(server) for _ in range(20)]
        for client in clients:
            self.assertIsNotNone(client.await_event(h2.events.RemoteSettingsChanged))
        late = [self.raw_client(server) for _ in range(5)]
        for client in late:
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(client.read(), [])
        for client in clients:
            client.close()
        self.await_served(server)
        self.assertIn('"event":"connection refused"', server.log())

    def test_it_accepts_connections_again_after_descriptors_ran_out(self):
        server = self.start_server()
        pid = server.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        clients = [self.raw_client(server) for _ in range(3)]
        for client in clients:
            client.await_event(h2.events.RemoteSettingsChanged)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        waiting = self.raw_client(server)
        until = time.monotonic() + harness.PATIENCE_SECONDS
        while '"event":"connections wait"' not in server.log():
            self.assertLess(time.monotonic(), until, "descriptors did not run out")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        self.assertIsNotNone(waiting.await_event(h2.events.RemoteSettingsChanged))
        self.assert_serves(server)

    def test_channelz_is_served_on_request_only(self):
        def get_servers(server):
            method = server.connect().unary_unary("/grpc.channelz.v1.Channelz/GetServers")
            return method(b"", timeout=harness.PATIENCE_SECONDS)
        self.assertNotEqual(get_servers(self.start_server("--channelz")), b"")
        self.store = self.folder / "other.db"
        with self.assertRaises(grpc.RpcError) as caught:
            get_servers(self.start_server())
        self.assertEqual(caught.exception.code(), Code.UNIMPLEMENTED)

    def test_a_name_is_listened_on_with_all_its_addresses(self):
        try:
            socket.getaddrinfo("localhost", 0)
        except socket.gaierror as error:
            self.skipTest(f"this machine does not know localhost: {error}")
        server = self.start_server(listen="localhost:0")
        self.assert_serves(server)
        port = server.address.rsplit(":", 1)[1]
        RawClient(f"127.0.0.1:{port}").close()


if __name__ == "__main__":
    unittest.main()
