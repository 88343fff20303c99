"""gRPC reflection: what grpcurl needs to call a server without its proto files."""

import threading
import unittest

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool

import harness
from grpc.reflection.v1alpha import reflection_pb2, reflection_pb2_grpc


class ReflectionTest(harness.TestCase):

    def ask(self, server, **question):
        stub = reflection_pb2_grpc.ServerReflectionStub(server.connect())
        request = reflection_pb2.ServerReflectionRequest(**question)
        return next(stub.ServerReflectionInfo(iter([request]), timeout=harness.PATIENCE_SECONDS))

    def file(self, server, **question):
        answer = self.ask(server, **question)
        self.assertFalse(answer.HasField("error_response"), answer)
        # Files may come with what they import; grpcurl asks for the rest by name.
        files = [descriptor_pb2.FileDescriptorProto.FromString(file)
                 for file in answer.file_descriptor_response.file_descriptor_proto]
        self.assertGreaterEqual(len(files), 1)
        return files[0]

    def test_services_are_listed(self):
        answer = self.ask(self.start_server(), list_services="*")
        self.assertEqual(
            {service.name for service in answer.list_services_response.service},
            {"threadstore.v1.AdminService", "threadstore.v1.ConversationService",
             "threadstore.v1.GroupService", "threadstore.v1.PostService", "threadstore.v1.ThreadService",
             "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"})

    def test_each_service_is_described_with_all_that_it_imports(self):
        server = self.start_server()
        services = self.ask(server, list_services="*").list_services_response.service
        for name in (service.name for service in services):
            if name.startswith("grpc.reflection."):
                continue  # grpcurl does not describe the service that describes.
            with self.subTest(service=name):
                files = {}
                wanted = [self.file(server, file_containing_symbol=name)]
                while wanted:
                    file = wanted.pop()
                    files[file.name] = file
                    wanted += [self.file(server, file_by_filename=imported)
                               for imported in file.dependency if imported not in files]
                pool = descriptor_pool.DescriptorPool()
                self.add_with_imports(pool, files)
                self.assertGreater(len(pool.FindServiceByName(name).methods), 0)
                if name == "threadstore.v1.ThreadService":
                    self.assertIn("threadstore/v1/thread_service.proto", files)
                    self.assertIn("google/api/http.proto", files)

    @staticmethod
    def add_with_imports(pool, files):
        added = set()

        def add(name):
            if name not in added:
                added.add(name)
                for imported in files[name].dependency:
                    add(imported)
                pool.Add(files[name])
        for name in files:
            add(name)

    def test_symbols_are_found_by_name(self):
        server = self.start_server()
        for symbol, file in (
                ("threadstore.v1.ConversationThread", "threadstore/v1/conversation_thread.proto"),
                ("threadstore.v1.PostService", "threadstore/v1/post_service.proto"),
                ("threadstore.v1.ErrorReason", "threadstore/v1/error_reason.proto"),
                ("google.rpc.ErrorInfo", "google/rpc/error_details.proto"),
                ("google.rpc.BadRequest", "google/rpc/error_details.proto")):
            with self.subTest(symbol=symbol):
                self.assertEqual(self.file(server, file_containing_symbol=symbol).name, file)

    def test_its_streams_are_bounded(self):
        server = self.start_server()
        listing = reflection_pb2.ServerReflectionRequest(list_services="*")
        streams, codes = [], []
        for _ in range(100):
            goes_on = threading.Event()
            self.addCleanup(goes_on.set)

            def requests(goes_on=goes_on):
                yield listing
                goes_on.wait(harness.PATIENCE_SECONDS)
            stub = reflection_pb2_grpc.ServerReflectionStub(server.connect())
            streams.append(stub.ServerReflectionInfo(requests()))
            try:
                next(streams[-1])
            except grpc.RpcError as error:
                codes.append(error.code())
        self.assertEqual(set(codes), {harness.Code.RESOURCE_EXHAUSTED})
        self.assertGreater(len(codes), 60)
        self.assertEqual(server.health(), harness.Health.SERVING)
        for stream in streams:
            stream.cancel()
        while not self.can_list(server):
            pass

    def can_list(self, server):
        try:
            return self.ask(server, list_services="*").HasField("list_services_response")
        except grpc.RpcError as error:
            self.assertEqual(error.code(), harness.Code.RESOURCE_EXHAUSTED)
            return False

    def test_it_can_be_turned_off(self):
        server = self.start_server("--reflection=false")
        with self.assertRaises(grpc.RpcError) as caught:
            self.ask(server, list_services="*")
        self.assertEqual(caught.exception.code(), harness.Code.UNIMPLEMENTED)
        self.assertEqual(server.health(), harness.Health.SERVING)


if __name__ == "__main__":
    unittest.main()
