"""grpc.health.v1: whether the server says that it may get traffic."""

import unittest

import grpc

import harness
from harness import Code, Health, health_pb2, health_pb2_grpc

SERVICES = ("", "threadstore.v1.AdminService", "threadstore.v1.ConversationService",
            "threadstore.v1.GroupService", "threadstore.v1.PostService", "threadstore.v1.ThreadService")


class ServingStatusTest(harness.TestCase):

    def setUp(self):
        super().setUp()
        self.server = self.start_server()
        self.channel = self.server.connect()

    def watch(self, service):
        stub = health_pb2_grpc.HealthStub(self.channel)
        return stub.Watch(health_pb2.HealthCheckRequest(service=service),
                          timeout=harness.PATIENCE_SECONDS)

    def test_the_server_and_each_service_are_serving(self):
        for service in SERVICES:
            self.assertEqual(self.server.health(service), Health.SERVING)

    def test_a_service_that_does_not_exist_is_not_found(self):
        for service in ("threadstore.v1", "threadstore.v1.threadservice", "x"):
            with self.assertRaises(grpc.RpcError) as caught:
                self.server.health(service)
            self.assertEqual(caught.exception.code(), Code.NOT_FOUND)
        watch = self.watch("x")
        self.assertEqual(next(watch).status, Health.SERVICE_UNKNOWN)
        watch.cancel()

    def test_who_watches_learns_that_the_server_stops(self):
        watches = [self.watch(service) for service in SERVICES]
        for watch in watches:
            self.assertEqual(next(watch).status, Health.SERVING)
        self.server.signal_stop()
        for watch in watches:
            self.assertEqual(next(watch).status, Health.NOT_SERVING)
            watch.cancel()
        self.assertEqual(self.server.wait(), 0)

    def test_who_keeps_watching_does_not_keep_the_server_from_stopping(self):
        self.server.kill()
        server = self.start_server("--drain_timeout=10m")
        stub = health_pb2_grpc.HealthStub(server.connect())
        watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=harness.PATIENCE_SECONDS)
        self.assertEqual(next(watch).status, Health.SERVING)
        server.signal_stop()
        self.assertEqual(next(watch).status, Health.NOT_SERVING)
        with self.assertRaises(grpc.RpcError) as caught:
            next(watch)
        self.assertEqual(caught.exception.code(), Code.UNAVAILABLE)
        self.assertEqual(server.wait(), 0)


if __name__ == "__main__":
    unittest.main()
