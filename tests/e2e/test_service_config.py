"""client/service_config.json: what gRPC makes of it in a client that is not C++."""

import concurrent.futures
import json
import os
import signal
import unittest

import grpc

import harness
from harness import Code, health_pb2, health_pb2_grpc
from harness import admin_messages, conversation_messages, group_messages, post_messages
from harness import thread_messages
from google.api import annotations_pb2

TEXT = (harness.SOURCE / "client/service_config.json").read_text()
CONFIG = json.loads(TEXT)

FILES = (admin_messages, conversation_messages, group_messages, post_messages, thread_messages)
METHODS = {f"/{service.full_name}/{method.name}": method
           for file in FILES for service in file.DESCRIPTOR.services_by_name.values()
           for method in service.methods}


UNARY = {name: method for name, method in METHODS.items()
         if not (method.client_streaming or method.server_streaming)}


def is_read(method):
    return bool(method.GetOptions().Extensions[annotations_pb2.http].get)


class FakeServer(grpc.GenericRpcHandler):
    """Answers every call; a first try with the code that its metadata asks for."""

    def __init__(self, serving=True):
        self.calls = 0
        self._health = Health(serving)
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=4))
        self._server.add_generic_rpc_handlers([self])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def service(self, handler_call_details):
        if handler_call_details.method not in METHODS:
            return None
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, _, context):
        self.calls += 1
        metadata = dict(context.invocation_metadata())
        if "fail-with" in metadata and "grpc-previous-rpc-attempts" not in metadata:
            context.abort(Code[metadata["fail-with"]], "the first try")
        return b""

    def stop(self):
        self._health.release()
        self._server.stop(grace=None).wait()


class Health(health_pb2_grpc.HealthServicer):

    def __init__(self, serving):
        self._status = harness.Health.SERVING if serving else harness.Health.NOT_SERVING
        self._released = concurrent.futures.Future()

    def Watch(self, request, context):
        yield health_pb2.HealthCheckResponse(status=self._status)
        self._released.result()

    def release(self):
        self._released.set_result(None)


class ServiceConfigTest(harness.TestCase):

    def start_fake_server(self, **settings):
        server = FakeServer(**settings)
        self.addCleanup(server.stop)
        return server

    def connect(self, *addresses, config=TEXT):
        channel = grpc.insecure_channel("ipv4:" + ",".join(addresses), options=[
            ("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1),
            ("grpc.service_config", config)])
        self.addCleanup(channel.close)
        return channel

    def test_every_method_is_listed_once(self):
        listed = [f"/{name['service']}/{name['method']}"
                  for methods in CONFIG["methodConfig"] for name in methods["name"]]
        self.assertEqual(sorted(listed), sorted(METHODS))

    def test_only_what_cannot_do_the_work_twice_is_tried_again(self):
        channel = self.connect(self.start_fake_server().address)
        futures = {
            (name, code): channel.unary_unary(name).future(
                b"", metadata=[("fail-with", code.name)], timeout=harness.PATIENCE_SECONDS)
            for name in UNARY
            for code in Code if code is not Code.OK}
        for (name, code), future in futures.items():
            # An UNAVAILABLE may come from a connection that broke after the work was done, and a
            # RESOURCE_EXHAUSTED from a gRPC that ran out of memory then.
            repeated = set()
            if is_read(METHODS[name]):
                repeated = {Code.CANCELLED, Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE}
            self.assertEqual(future.code(), Code.OK if code in repeated else code, (name, code))

    def test_a_read_outlasts_its_server_and_a_create_does_not(self):
        server = self.start_server()
        server.client().create_group("g")
        client = harness.Client(self.connect(server.address))
        client.get_group("groups/g")
        # Keeps the calls between being sent and being answered.
        server.process.send_signal(signal.SIGSTOP)
        os.waitpid(server.process.pid, os.WUNTRACED)
        read = client.start(client.groups.GetGroup,
                            group_messages.GetGroupRequest(name="groups/g"))
        create = client.start_create_thread("groups/g")
        # When this one has timed out, those before it on the connection have been sent.
        with self.assertRaises(grpc.RpcError):
            client.groups.ListGroups(group_messages.ListGroupsRequest(), timeout=0.5)
        server.kill()
        self.start_server(listen=server.address)
        self.assertEqual(read.result().id, "g")
        self.assertEqual(create.code(), Code.UNAVAILABLE)

    def test_what_begins_without_a_server_waits_for_it(self):
        server = self.start_server()
        server.client().create_group("g")
        client = harness.Client(self.connect(server.address))
        client.get_group("groups/g")
        self.assertEqual(server.stop(), 0)
        create = client.start_create_thread("groups/g")
        with self.assertRaises(grpc.RpcError) as caught:
            harness.Client(self.connect(server.address, config="{}")).get_group("groups/g")
        self.assertEqual(caught.exception.code(), Code.UNAVAILABLE)
        self.start_server(listen=server.address)
        self.assertIn("groups/g/threads/", create.result().name)

    def test_calls_are_spread_over_the_servers(self):
        servers = [self.start_fake_server() for _ in range(2)]
        call = self.connect(*(server.address for server in servers)).unary_unary(next(iter(UNARY)))
        for _ in range(10_000):
            call(b"", timeout=harness.PATIENCE_SECONDS)
            if all(server.calls for server in servers):
                return
        self.fail("one of the servers got no call")

    def test_a_server_that_does_not_serve_gets_no_calls(self):
        idle, busy = (self.start_fake_server(serving=serving) for serving in (False, True))
        call = self.connect(idle.address, busy.address).unary_unary(next(iter(UNARY)))
        for _ in range(50):
            call(b"", timeout=harness.PATIENCE_SECONDS)
        self.assertEqual((idle.calls, busy.calls), (0, 50))


if __name__ == "__main__":
    unittest.main()
