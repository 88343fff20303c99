"""What is acknowledged is on disk: through kill -9, SIGTERM, deadlines and cancelled calls."""

import os
import random
import resource
import threading
import time
import unittest
import uuid

import grpc

import harness
import mixed_load
from harness import Code, EmailAddress, Recipient, Thread

# How often the server is killed; `./dev torture` asks for more.
ROUNDS = int(os.environ.get("THREADSTORE_TORTURE_ROUNDS", "5"))

# How a call ends that a stopping server no longer takes.
STOPPED = (Code.UNAVAILABLE, Code.CANCELLED)


def rich_request(parent, topic):
    """A create with rows in every table, under an id of its own."""
    def recipients(kind, count):
        return [Recipient(email_address=EmailAddress(name=f"{kind} {i} of {topic}", address=str(i)))
                for i in range(count)]
    return harness.create_request(parent, Thread(
        topic=topic, preview=f"Preview of {topic}", has_attachments=True, is_locked=True,
        to_recipients=recipients("to", 3), cc_recipients=[*recipients("cc", 1), Recipient()],
        unique_senders=[f"sender {i} of {topic}" for i in range(2)]), str(uuid.uuid4()))


class Load:
    """Threads that create, each over a connection of its own, until calls fail."""

    def __init__(self, server, prefix, senders=8):
        self.acknowledged = []  # (request, answer)
        self.unanswered = []    # (request, how its call ended)
        self._lock = threading.Lock()
        self._well_under_way = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(server.client(), f"{prefix}-{sender}"))
            for sender in range(senders)]
        for thread in self._threads:
            thread.start()

    def _send(self, client, prefix):
        number = 0
        while True:
            request = rich_request("groups/g", f"{prefix}-{number}")
            number += 1
            try:
                answer = client.call(client.threads.CreateThread, request)
            except grpc.RpcError as error:
                with self._lock:
                    self.unanswered.append((request, error.code()))
                return
            with self._lock:
                self.acknowledged.append((request, answer))
                if len(self.acknowledged) >= 100:
                    self._well_under_way.set()

    def await_well_under_way(self):
        if not self._well_under_way.wait(harness.PATIENCE_SECONDS):
            raise AssertionError(f"only {len(self.acknowledged)} creates")

    def await_end(self):
        for thread in self._threads:
            thread.join(harness.PATIENCE_SECONDS)
            if thread.is_alive():
                raise AssertionError("a call has no end")


class DurabilityTestCase(harness.TestCase):

    flags = ()

    def setUp(self):
        super().setUp()
        self.server = self.start_server(*self.flags)
        self.server.client().create_group("g")

    def assert_sound_database(self):
        """Of a stopped server."""
        with harness.open_stored(self.store) as database:
            for check, answer in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
                self.assertEqual(database.execute(f"PRAGMA {check}").fetchall(), answer)
            mismatches = (harness.TESTDATA / "usage_mismatches.sql").read_text()
            self.assertEqual(database.execute(mismatches).fetchall(), [("",)])

    def assert_sound(self):
        """The store of a stopped server: sound as a database, and every thread of a rich request
        whole."""
        self.assert_sound_database()
        with harness.open_stored(self.store) as database:
            def query(statement):
                return database.execute(statement).fetchall()
            self.assertEqual(query("""
                SELECT topic FROM threads WHERE
                  (SELECT count(*) FROM recipients WHERE thread_key = threads.key) <> 5
                  OR (SELECT count(*) FROM unique_senders WHERE thread_key = threads.key) <> 2
                  OR (SELECT count(*) FROM idempotency_keys WHERE resource_id = threads.id) <> 1
                """), [])
            self.assertEqual(query("""
                SELECT key FROM conversations WHERE
                  (SELECT count(*) FROM threads WHERE conversation_key = conversations.key) <> 1
                """), [])
            for table in ("recipients", "unique_senders"):
                self.assertEqual(query(f"SELECT * FROM {table}"
                                       " WHERE thread_key NOT IN (SELECT key FROM threads)"), [])
            self.assertEqual(query("SELECT * FROM idempotency_keys"
                                   " WHERE resource_id NOT IN (SELECT id FROM threads)"
                                   " AND group_key IN (SELECT key FROM groups WHERE NOT deleted)"),
                             [])

    def assert_kept(self, client, acknowledged):
        threads = {thread.name: thread for thread in
                   harness.all_threads(client, "groups/g", page_size=1000)}
        for _, answer in acknowledged:
            self.assertEqual(threads.get(answer.name), answer)
        self.assertEqual(client.get_thread(acknowledged[-1][1].name), acknowledged[-1][1])

    def assert_sending_again_makes_each_once(self, client, requests, before=()):
        """`before` are requests that have been sent again already."""
        for request in requests:
            client.call(client.threads.CreateThread, request)
        topics = [thread.topic for thread in harness.all_threads(client, "groups/g",
                                                                 page_size=1000)]
        self.assertEqual(sorted(topics),
                         sorted(request.thread.topic for request in [*before, *requests]))


class CrashTest(DurabilityTestCase):

    def delete_a_group_of_many_threads(self):
        """Leaves the server removing rows."""
        client = self.server.client()
        client.create_group("doomed")
        calls = [client.start(client.threads.CreateThread, rich_request("groups/doomed", str(i)))
                 for i in range(500)]
        for call in calls:
            call.result()
        client.delete_group("groups/doomed", force=True)

    def assert_group_is_deleted(self, client):
        self.assert_not_found(("Group", "groups/doomed"), client.list_threads, "groups/doomed")

    def assert_deleted_groups_leave_nothing(self):
        """Of a stopped server; no event tells of the end of purging."""
        def marked():
            with harness.open_stored(self.store) as database:
                return database.execute("SELECT count(*) FROM groups WHERE deleted").fetchone()[0]
        while marked():
            self.server = self.start_server()
            time.sleep(0.1)
            self.assertEqual(self.server.stop(), 0)
        with harness.open_stored(self.store) as database:
            self.assertEqual(database.execute("SELECT count(*) FROM threads"
                                              " WHERE group_key NOT IN (SELECT key FROM groups)")
                             .fetchone(), (0,))

    def test_kill_9_under_load_loses_nothing_acknowledged(self):
        loads, kept = [], 0
        for round_number in range(ROUNDS):
            self.delete_a_group_of_many_threads()
            load = mixed_load.MixedLoad(self, self.server, round_number)
            loads.append(load)
            load.await_well_under_way()
            time.sleep(random.uniform(0, 0.5))  # So that no two rounds end at the same place.
            self.server.process.kill()
            load.await_end()
            self.server.wait()

            self.server = self.start_server()
            client = self.server.client()
            self.assert_group_is_deleted(client)
            kept += load.check_after_crash(client)
            self.assertEqual(self.server.stop(), 0)
            self.assert_sound_database()
            self.server = self.start_server()
        client = self.server.client()
        for load in loads:
            load.check_again(client)
        self.assertEqual(self.server.stop(), 0)
        self.assert_deleted_groups_leave_nothing()
        self.assert_sound_database()
        writes = sum(load.acknowledged for load in loads)
        records = sum(load.importer.acknowledged for load in loads)
        unanswered = sum(len(load.writers) for load in loads)
        print(f"{ROUNDS} rounds of kill -9: {writes} writes and {records} imported records"
              f" acknowledged, 0 lost; {unanswered} writes unanswered, {kept} of them kept")


class StopTest(DurabilityTestCase):

    def assert_all_kept_after(self, load):
        self.assertEqual(self.server.wait(), 0)
        self.assert_sound()
        self.server = self.start_server()
        client = self.server.client()
        self.assert_kept(client, load.acknowledged)
        requests = [request for request, _ in load.acknowledged + load.unanswered]
        self.assert_sending_again_makes_each_once(client, requests)

    def test_sigterm_under_load_loses_no_acknowledged_thread_and_answers_every_call(self):
        load = Load(self.server, "load")
        load.await_well_under_way()
        self.server.signal_stop()
        load.await_end()
        for _, code in load.unanswered:
            self.assertIn(code, STOPPED)
        self.assert_all_kept_after(load)

    def test_calls_in_flight_at_sigterm_are_all_answered(self):
        clients = [self.server.client() for _ in range(4)]
        for client in clients:
            client.list_groups()
        requests = [rich_request("groups/g", str(number)) for number in range(800)]
        futures = [clients[number % 4].start(clients[number % 4].threads.CreateThread, request)
                   for number, request in enumerate(requests)]
        futures[0].result()
        self.server.signal_stop()
        acknowledged = []
        for request, future in zip(requests, futures):
            if future.exception() is None:
                acknowledged.append((request, future.result()))
            else:
                self.assertIn(future.code(), STOPPED)
        self.assertEqual(self.server.wait(), 0)
        self.assert_sound()
        self.server = self.start_server()
        self.assert_kept(self.server.client(), acknowledged)

    def test_an_idle_server_with_idle_clients_stops(self):
        for _ in range(3):
            self.server.client().list_groups()
        self.server.signal_stop()
        self.assertEqual(self.server.wait(), 0)


class DiskFullTest(DurabilityTestCase):

    # With a line for each change the log would be a file that may not grow, too.
    flags = ("--audit_log=false",)

    def test_writes_stop_while_there_is_no_space_and_nothing_is_half_written(self):
        load = Load(self.server, "load")
        load.await_well_under_way()
        # Files that may not grow are a full disk. The server's log still may.
        pid = self.server.process.pid
        unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (8192, unlimited[1]))
        load.await_end()
        self.assertEqual({code for _, code in load.unanswered}, {Code.RESOURCE_EXHAUSTED})
        client = self.server.client()
        self.assert_refused(Code.RESOURCE_EXHAUSTED, "STORE_FULL", client.create_thread,
                            "groups/g")
        self.assertEqual(self.server.health(), harness.Health.SERVING)
        self.assert_kept(client, load.acknowledged)

        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
        requests = [request for request, _ in load.acknowledged + load.unanswered]
        self.assert_sending_again_makes_each_once(client, requests)
        self.assertEqual(self.server.stop(), 0)
        self.assert_sound()
        # The file system has space all the time, and so seems to have room again each time.
        log = self.server.log()
        self.assertEqual(log.count('"disk full, writes are refused"'), 1, log)
        self.assertLessEqual(log.count('"maintenance failed"'), 1, log)


class GivenUpTest(DurabilityTestCase):

    def finish(self, requests, futures):
        """Waits for all calls, and returns the answers of those that succeeded, after a check
        that what the others left behind is whole."""
        answers = [future.result() for future in futures if future.exception() is None]
        self.assertEqual(self.server.stop(), 0)
        self.assert_sound()
        self.server = self.start_server()
        client = self.server.client()
        stored = harness.all_threads(client, "groups/g", page_size=1000)
        by_name = {thread.name: thread for thread in stored}
        for answer in answers:
            self.assertEqual(by_name.get(answer.name), answer)
        self.assert_sending_again_makes_each_once(client, requests)

    def test_calls_with_tiny_deadlines_leave_nothing_half_written(self):
        client = self.server.client()
        requests = [rich_request("groups/g", str(number)) for number in range(400)]
        futures = [client.threads.CreateThread.future(request, timeout=number / 10_000)
                   for number, request in enumerate(requests)]
        for future in futures:
            future.exception()
            self.assertIn(future.code(), (Code.OK, Code.DEADLINE_EXCEEDED))
        self.finish(requests, [future for future in futures if future.code() == Code.OK])

    def test_cancelled_calls_leave_nothing_half_written(self):
        client = self.server.client()
        requests = [rich_request("groups/g", str(number)) for number in range(400)]
        futures = []
        for number, request in enumerate(requests):
            futures.append(client.start(client.threads.CreateThread, request))
            if number % 4 == 3:
                futures[number // 2].cancel()
        self.finish(requests, [future for future in futures if not future.cancelled()])


if __name__ == "__main__":
    unittest.main()
