"""`cmake --install`: what it leaves, and that others can build and run on nothing else."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import harness

BUILD = pathlib.Path(os.environ["THREADSTORE_E2E_BUILD"])
CMAKE = os.environ["THREADSTORE_E2E_CMAKE"]
CONFIGURATION = os.environ["THREADSTORE_E2E_CONFIGURATION"].lower()

INSTALLED = f"""
bin/threadctl
bin/threadstored
include/threadstore/client/error_details.h
include/threadstore/client/thread_client.h
include/threadstore/third_party/google/api/annotations.pb.h
include/threadstore/third_party/google/api/http.pb.h
include/threadstore/third_party/google/rpc/code.pb.h
include/threadstore/third_party/google/rpc/error_details.pb.h
include/threadstore/third_party/google/rpc/status.pb.h
include/threadstore/third_party/grpc/health/v1/health.pb.h
include/threadstore/v1/admin_service.grpc.pb.h
include/threadstore/v1/admin_service.pb.h
include/threadstore/v1/conversation_service.grpc.pb.h
include/threadstore/v1/conversation_service.pb.h
include/threadstore/v1/conversation_thread.pb.h
include/threadstore/v1/error_reason.pb.h
include/threadstore/v1/group_service.grpc.pb.h
include/threadstore/v1/group_service.pb.h
include/threadstore/v1/post_service.grpc.pb.h
include/threadstore/v1/post_service.pb.h
include/threadstore/v1/thread_service.grpc.pb.h
include/threadstore/v1/thread_service.pb.h
lib/cmake/threadstore/threadstore-config-version.cmake
lib/cmake/threadstore/threadstore-config.cmake
lib/cmake/threadstore/threadstore-targets-{CONFIGURATION}.cmake
lib/cmake/threadstore/threadstore-targets.cmake
lib/libthreadstore_client.a
share/bash-completion/completions/threadctl
share/doc/threadstore/LICENSE
share/threadstore/proto/google/api/annotations.proto
share/threadstore/proto/google/api/http.proto
share/threadstore/proto/google/rpc/code.proto
share/threadstore/proto/google/rpc/error_details.proto
share/threadstore/proto/google/rpc/status.proto
share/threadstore/proto/threadstore/v1/admin_service.proto
share/threadstore/proto/threadstore/v1/conversation_service.proto
share/threadstore/proto/threadstore/v1/conversation_thread.proto
share/threadstore/proto/threadstore/v1/error_reason.proto
share/threadstore/proto/threadstore/v1/group_service.proto
share/threadstore/proto/threadstore/v1/post_service.proto
share/threadstore/proto/threadstore/v1/thread_service.proto
share/threadstore/service_config.json
""".split()


class InstallTest(harness.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(prefix="threadstore-prefix-")
        cls.addClassCleanup(folder.cleanup)
        cls.prefix = pathlib.Path(folder.name)
        cls.assert_runs(CMAKE, "--install", BUILD, "--prefix", cls.prefix)

    @staticmethod
    def assert_runs(*command, **settings):
        """What a command that succeeds prints."""
        # A compiler may take its time; ctest ends what never does.
        result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                                check=False, **settings)
        if result.returncode != 0:
            raise AssertionError(f"{command}:\n{result.stdout}{result.stderr}")
        return result.stdout

    def test_these_files_and_no_others(self):
        files = sorted(str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*")
                       if not path.is_dir())
        self.assertEqual(files, INSTALLED)

    def test_the_programs_run(self):
        for command in (("threadctl", "--version"), ("threadstored", "version")):
            printed = self.assert_runs(self.prefix / "bin" / command[0], *command[1:])
            self.assertRegex(printed, rf"^{command[0]} \d+\.\d+\.\d+\n$")

    def test_the_completion_is_the_programs(self):
        self.assertEqual(
            (self.prefix / "share/bash-completion/completions/threadctl").read_text(),
            self.assert_runs(self.prefix / "bin/threadctl", "completion", "bash"))

    def test_the_protos_compile_alone(self):
        protos = self.prefix / "share/threadstore/proto"
        self.assert_runs("protoc", f"-I{protos}", f"--python_out={self.folder}",
                         *protos.rglob("*.proto"))

    def test_a_project_builds_on_it(self):
        build = self.folder / "build"
        self.assert_runs(CMAKE, "-S", harness.SOURCE / "tests/consumer", "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.assert_runs(CMAKE, "--build", build)
        server = self.start_server(program=self.prefix / "bin/threadstored")
        name, reason, resource = self.assert_runs(build / "consumer", server.address).splitlines()
        self.assertEqual(server.client().get_thread(name).topic, "Hello")
        self.assertEqual((reason, resource),
                         ("ERROR_REASON_RESOURCE_NOT_FOUND", "groups/unknown"))

    def test_the_readmes_python_runs(self):
        readme = (harness.SOURCE / "client/README.md").read_text()
        section = readme.split("\n## Python\n")[1].split("\n## ")[0]
        commands, example = re.findall(r"^```\w+\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
        server = self.start_server()
        server.client().create_group("demo")
        thread = server.client().create_thread("groups/demo")
        (self.folder / "example.py").write_text(
            example.replace("127.0.0.1:50051", server.address))
        self.assertEqual(
            self.assert_runs("bash", "-euc", commands, cwd=self.folder,
                             env=os.environ | {"PROTO": f"{self.prefix}/share/threadstore/proto"}),
            f"{thread.name} {thread.topic}\n")


if __name__ == "__main__":
    unittest.main()
