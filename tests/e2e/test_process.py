"""threadstored as a process: its command line, its exit statuses, and stores it cannot use."""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import unittest

import harness
from harness import SERVER, run

USAGE, UNUSABLE_STORE = 64, 65

FLAGS = ("listen", "store", "allow_network_filesystem", "auth", "allow_unauthenticated",
         "reflection", "default_timeout", "drain_timeout", "max_connections",
         "max_concurrent_streams", "max_connection_age", "max_connection_age_grace",
         "keepalive_time", "keepalive_timeout", "keepalive_min_interval", "channelz",
         "write_queue", "read_queue", "reader_threads", "request_memory", "disk_reserve",
         "group_max_threads", "group_max_bytes",
         "request_id_retention", "change_retention", "max_changes", "max_watches")


def messages(stderr):
    """What a command says besides its log and, in a build that measures coverage, what gcov says
    when it may not write its files."""
    return [line for line in stderr.splitlines() if not line.startswith(("{", "profiling:"))]


class CommandLineTest(harness.TestCase):

    def assert_usage(self, *arguments, says, environment=None):
        with subprocess.Popen([SERVER, *arguments], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE,
                              env=harness.clean_environment(environment)) as process:
            # A server that has started after all says so, and would serve for ever.
            started = process.stdout.readline()
            if started:
                process.kill()
            stderr = process.stderr.read()
        self.assertEqual((process.returncode, started), (USAGE, ""), stderr)
        self.assertEqual(len(stderr.splitlines()), 1, stderr)
        self.assertIn(says, stderr)

    def test_a_bad_command_line_is_refused_with_one_line(self):
        self.assert_usage(says="--help")
        self.assert_usage("serf", says="--help")
        self.assert_usage("--bogus", says="--help")
        self.assert_usage("serve", "--bogus", says="--bogus")
        self.assert_usage("serve", "--bogus=1", says="--bogus")
        self.assert_usage("serve", "bogus", says="bogus")
        self.assert_usage("version", "bogus", says="bogus")
        self.assert_usage("migrate", "--listen=127.0.0.1:0", says="--listen")

    def test_a_value_that_a_flag_cannot_have_is_refused_with_one_line(self):
        for flag, values in {
                "listen": ("", "x", "127.0.0.1", ":1", "127.0.0.1:65536", "127.0.0.1:-1",
                           "127.0.0.1:x", "::1:1"),
                "store": ("", "x", "sqlite:", "postgresql://host/db", "/tmp/x.db"),
                "auth": ("", "jwt", "None"),
                "allow_unauthenticated": ("maybe",),
                "reflection": ("maybe",),
                "channelz": ("maybe",),
                "max_connections": ("0", "-1", "1000001", "x"),
                "max_concurrent_streams": ("0", "-1", "x"),
                "max_connection_age": ("0s", "999ms", "721h", "x"),
                "max_connection_age_grace": ("0s", "2h", "x"),
                "keepalive_time": ("0s", "2h", "x"),
                "keepalive_timeout": ("0s", "2h", "x"),
                "keepalive_min_interval": ("0s", "2h", "x"),
                "disk_reserve": ("-1", "x", "2000TiB"),
                "group_max_threads": ("-1", "x", "1.5", "1000000001"),
                "group_max_bytes": ("-1", "x", "2000TiB"),
                "default_timeout": ("", "5", "0s", "2h", "-1s", "x"),
                "drain_timeout": ("", "5", "-1s", "2h"),
                "write_queue": ("0", "-1", "1.5", "x", "1000001"),
                "read_queue": ("0", "-1", "x"),
                "reader_threads": ("0", "-1", "257", "x"),
                "request_memory": ("0", "1MiB", "x", "-1", "99999999999999999999"),
                "request_id_retention": ("0s", "999ms", "721h", "x"),
                "change_retention": ("0s", "999ms", "721h", "x"),
                "max_changes": ("0", "-1", "x", "1000000001"),
                "max_watches": ("0", "-1", "x", "1000001"),
        }.items():
            for value in values:
                with self.subTest(flag=flag, value=value):
                    others = [f"--{name}={fine}" for name, fine in
                              (("listen", "127.0.0.1:0"), ("store", f"sqlite:{self.store}"))
                              if name != flag]
                    self.assert_usage("serve", *others, f"--{flag}={value}", says=f"--{flag}")
                    if value:
                        self.assert_usage("serve", *others, says=flag,
                                          environment={f"THREADSTORE_{flag.upper()}": value})
        self.assertFalse(self.store.exists())

    def test_an_address_that_others_can_reach_needs_consent(self):
        for listen in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0"):
            with self.subTest(listen=listen):
                self.assert_usage("serve", f"--listen={listen}", f"--store=sqlite:{self.store}",
                                  says="--allow_unauthenticated")
        server = self.start_server("--allow_unauthenticated", listen="0.0.0.0:0")
        self.assertEqual(server.health(), harness.Health.SERVING)

    def test_help_says_each_flags_default(self):
        result = run(SERVER, "--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for command in ("serve", "migrate", "version"):
            self.assertIn(command, result.stdout)
        result = run(SERVER, "serve", "--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for flag in FLAGS:
            with self.subTest(flag=flag):
                self.assertRegex(result.stdout, rf"--{flag}\b[^\n]*=[^\n]+")
                self.assertIn(f"THREADSTORE_{flag.upper()}", result.stdout)

    def test_version(self):
        for arguments in (("version",), ("--version",)):
            result = run(SERVER, *arguments)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertRegex(result.stdout, r"^threadstored \d+\.\d+\.\d+\n$")


class ServeTest(harness.TestCase):

    def test_one_line_says_that_it_is_ready_and_where(self):
        server = self.start_server()
        self.assertRegex(server.ready_line, r"^ready grpc=127\.0\.0\.1:[1-9][0-9]*\n$")
        self.assertEqual(server.health(), harness.Health.SERVING)
        server.signal_stop()
        self.assertEqual(server.process.stdout.read(), b"")
        self.assertEqual(server.wait(), 0)

    def test_an_ipv6_address(self):
        with contextlib.closing(socket.socket(socket.AF_INET6)) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError:
                self.skipTest("this machine has no IPv6")
        server = self.start_server(listen="[::1]:0")
        self.assertRegex(server.address, r"^\[::1\]:[1-9][0-9]*$")
        self.assertEqual(server.health(), harness.Health.SERVING)

    def test_settings_come_from_the_environment_unless_a_flag_gives_them(self):
        # Kubernetes gives every container the likes of THREADSTORE_PORT.
        server = self.start_server("--write_queue=11", environment={
            "THREADSTORE_WRITE_QUEUE": "22", "THREADSTORE_READ_QUEUE": "33",
            "THREADSTORE_DRAIN_TIMEOUT": "7s", "THREADSTORE_REQUEST_MEMORY": "16MiB",
            "THREADSTORE_PORT": "tcp://10.0.0.1:50051", "THREADSTORE_SERVICE_HOST": "10.0.0.1"})
        start = server.log().splitlines()[0]
        for setting in ('"write_queue":11', '"read_queue":33', '"drain_timeout":"7s"',
                        '"request_memory":16777216'):
            self.assertIn(setting, start)

    def test_signals_end_it_with_status_0(self):
        for signal_number in (harness.signal.SIGTERM, harness.signal.SIGINT):
            server = self.start_server()
            self.assertEqual(server.health(), harness.Health.SERVING)
            server.process.send_signal(signal_number)
            self.assertEqual(server.wait(), 0)

    def test_a_port_in_use_is_refused(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
            result = run(SERVER, "serve", f"--listen=127.0.0.1:{port}", "--http_listen=",
                         f"--store=sqlite:{self.store}")
        self.assertNotIn(result.returncode, (0, USAGE, UNUSABLE_STORE))
        self.assertEqual(result.stdout, "")
        self.assertEqual(len(messages(result.stderr)), 1, result.stderr)
        self.assertIn(f"127.0.0.1:{port}", messages(result.stderr)[0])

    def test_two_servers_do_not_share_a_port(self):
        first = self.start_server()
        result = run(SERVER, "serve", f"--listen={first.address}", "--http_listen=",
                     f"--store=sqlite:{self.folder / 'other.db'}")
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(first.health(), harness.Health.SERVING)


class StoreTest(harness.TestCase):

    def assert_unusable(self, says, store=None, commands=("serve", "migrate"), as_user=()):
        """Neither command uses the store, each says why in one line, and nothing changes."""
        path = pathlib.Path(store or self.store)
        before = self.contents()
        for command in commands:
            with self.subTest(command=command):
                flags = ["--listen=127.0.0.1:0", "--http_listen="] if command == "serve" else []
                result = run(*as_user, SERVER, command, *flags, f"--store=sqlite:{path}")
                self.assertEqual((result.returncode, result.stdout), (UNUSABLE_STORE, ""), result)
                self.assertEqual(len(messages(result.stderr)), 1, result.stderr)
                self.assertRegex(messages(result.stderr)[0], says)
                self.assertEqual(self.contents(), before)

    def contents(self):
        """Every file of the test's folder, without the log and the locks."""
        return {path: path.read_bytes() for path in self.folder.rglob("*")
                if path.is_file() and path.suffix not in (".log", ".lock")}

    def make_store(self):
        server = self.start_server()
        server.client().create_group("g")
        thread = server.client().create_thread("groups/g")
        self.assertEqual(server.stop(), 0)
        return thread

    def change_metadata(self, assignments):
        with contextlib.closing(sqlite3.connect(self.store)) as database:
            with database:
                database.execute(f"UPDATE store_metadata SET {assignments}")

    def test_a_second_server_is_refused(self):
        first = self.start_server()
        first.client().create_group("g")
        for command in ("serve", "migrate"):
            flags = ["--listen=127.0.0.1:0", "--http_listen="] if command == "serve" else []
            result = run(SERVER, command, *flags, f"--store=sqlite:{self.store}")
            self.assertEqual((result.returncode, result.stdout), (UNUSABLE_STORE, ""))
            self.assertEqual(len(messages(result.stderr)), 1)
            self.assertRegex(messages(result.stderr)[0], "another server")
        self.assertEqual(first.client().get_group("groups/g").id, "g")

    def test_a_store_may_be_used_again_when_its_server_has_ended(self):
        self.make_store()
        self.start_server().kill()
        self.assertEqual(self.start_server().client().get_group("groups/g").id, "g")

    def test_a_file_that_is_no_database_is_refused(self):
        for content, says in ((b"This is not a database.\n" * 1000, "not an SQLite database"),
                              (b"x", "not an SQLite database"),
                              (b"SQLite format 3\0" + b"\xff" * 5000, "another application")):
            self.store.write_bytes(content)
            self.assert_unusable(says)

    def test_an_empty_file_becomes_a_store(self):
        self.store.touch()
        self.make_store()

    def test_a_database_of_another_application_is_refused(self):
        for statement in ("CREATE TABLE groups (id)", "PRAGMA application_id = 1234",
                          "CREATE TABLE store_metadata (version, min_compatible_version)"):
            self.store.unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(self.store)) as database:
                database.execute(statement)
                database.commit()
            self.assert_unusable("another application")

    def test_a_schema_that_needs_a_newer_server_is_refused(self):
        self.make_store()
        self.change_metadata("version = 99, min_compatible_version = 98")
        self.assert_unusable("99.*98")

    def test_a_newer_schema_that_this_server_can_serve_is_served(self):
        thread = self.make_store()
        self.change_metadata("version = 99")
        server = self.start_server()
        self.assertEqual(server.client().get_thread(thread.name), thread)
        server.client().create_thread("groups/g")
        self.assertEqual(server.stop(), 0)
        with harness.open_stored(self.store) as database:
            self.assertEqual(database.execute("SELECT version FROM store_metadata").fetchall(),
                             [(99,)])

    def test_a_folder_that_does_not_exist_is_refused(self):
        self.assert_unusable("No such file or directory", self.folder / "missing" / "store.db")

    def test_a_folder_is_refused(self):
        self.store.mkdir()
        self.assert_unusable("folder")

    def test_a_file_is_no_folder(self):
        self.store.write_bytes(b"")
        self.assert_unusable("Not a directory", self.store / "store.db")

    def test_a_file_that_was_cut_short_is_refused(self):
        self.make_store()
        for size in (100, 4096, self.store.stat().st_size // 2, self.store.stat().st_size - 1):
            with self.subTest(size=size):
                os.truncate(self.store, size)
                self.assert_unusable("damaged")

    def test_a_file_that_may_not_be_written_is_refused(self):
        self.make_store()
        as_user = ()
        if os.geteuid() == 0:
            # Root may write everything.
            as_user = ("setpriv", "--reuid=65534", "--clear-groups")
            os.chown(self.store, 65534, -1)
        self.store.chmod(0o400)
        for lock in self.folder.glob("*.lock"):
            lock.chmod(0o666)
        self.folder.chmod(0o777)
        self.assert_unusable("may not be written", as_user=as_user)

    def test_migrate_makes_a_store_and_then_has_nothing_to_do(self):
        result = run(SERVER, "migrate", f"--store=sqlite:{self.store}")
        self.assertEqual(result.returncode, 0, result)
        version = re.fullmatch(r"migrated from schema version 0 to ([1-9][0-9]*)\n",
                               result.stdout).group(1)
        before = harness.stored_rows(self.store)
        result = run(SERVER, "migrate", f"--store=sqlite:{self.store}")
        self.assertEqual((result.returncode, result.stdout),
                         (0, f"schema version {version}, nothing to do\n"))
        self.assertEqual(harness.stored_rows(self.store), before)
        self.make_store()

    def test_a_stopped_store_is_one_file_that_can_be_copied(self):
        thread = self.make_store()
        self.assertEqual([path.name for path in self.folder.glob("store.db*")
                          if path.suffix != ".lock"], ["store.db"])
        shutil.move(self.store, self.folder / "moved.db")
        self.store = self.folder / "moved.db"
        self.assertEqual(self.start_server().client().get_thread(thread.name), thread)


if __name__ == "__main__":
    unittest.main()
