"""The log on standard error: one JSON object a line, and nothing of what callers wrote."""

import datetime
import fcntl
import json
import os
import socket
import unittest

import grpc

import harness
from harness import EmailAddress, ItemBody, Post, Recipient, Thread

SECRET = "Ünmistakable-secret"


class LogTest(harness.TestCase):

    def records(self, server):
        """The lines of the log, after a check that each is what a log collector expects."""
        records = []
        for line in server.log().splitlines():
            record = json.loads(line)
            self.assertEqual(list(record)[:3], ["time", "severity", "event"], line)
            time = datetime.datetime.fromisoformat(record["time"])
            self.assertEqual(time.utcoffset(), datetime.timedelta(0), line)
            self.assertIn(record["severity"], ("info", "warning", "error"))
            self.assertTrue(record["event"])
            records.append(record)
        return records

    @staticmethod
    def refuse(call, *args, **kwargs):
        try:
            call(*args, **kwargs)
        except grpc.RpcError:
            return
        raise AssertionError("the call was not refused")

    def test_a_quiet_life(self):
        server = self.start_server()
        self.assertEqual(server.stop(), 0)
        records = self.records(server)
        events = [record["event"] for record in records]
        self.assertEqual([events[0], *events[-3:]], ["start", "ready", "drain", "stopped"])
        self.assertRegex(records[0]["version"], r"^\d+\.\d+\.\d+$")
        self.assertEqual(records[0]["store"], f"sqlite:{self.store}")
        self.assertEqual(records[-3]["grpc"], server.address)

    def test_each_change_says_who_did_it(self):
        server = self.start_server()
        application, ann = server.client(), server.client("ann")
        application.create_group("g")
        application.add_member("groups/g", "ann")
        thread = ann.create_thread("groups/g", Thread(topic="t"))
        post = ann.reply_to_thread(thread.name, Post(body=ItemBody(content="x")))
        ann.update_thread(Thread(name=thread.name, is_locked=True), "is_locked")
        ann.list_threads("groups/g")
        self.refuse(ann.delete_group, "groups/g")
        self.refuse(ann.delete_thread, "groups/g/threads/" + "0" * 8)
        ann.delete_thread(thread.name)
        second = ann.create_thread("groups/g", Thread(topic="t"))
        ann.delete_thread(second.name.replace("groups", "me/joinedGroups", 1))
        application.remove_member("groups/g/members/ann")
        application.delete_group("groups/g")
        self.assertEqual(server.stop(), 0)
        changes = [(record["method"].rsplit(".", 1)[1], record["principal"], record["resource"])
                   for record in self.records(server) if record["event"] == "change"]
        self.assertEqual(changes, [
            ("CreateGroup", "application:", "groups/g"),
            ("AddMember", "application:", "groups/g/members/ann"),
            ("CreateThread", "user:ann", thread.name),
            ("ReplyToThread", "user:ann", post.name),
            ("UpdateThread", "user:ann", thread.name),
            ("DeleteThread", "user:ann", thread.name),
            ("CreateThread", "user:ann", second.name),
            ("DeleteThread", "user:ann", second.name),
            ("RemoveMember", "application:", "groups/g/members/ann"),
            ("DeleteGroup", "application:", "groups/g")])

    def test_changes_are_not_logged_if_that_is_not_wanted(self):
        server = self.start_server("--audit_log=false")
        server.client().create_group("g")
        self.assertEqual(server.stop(), 0)
        self.assertNotIn("change", [record["event"] for record in self.records(server)])

    def test_a_log_that_nobody_takes_stops_nothing(self):
        log = self.folder / "server.log"
        os.mkfifo(log)
        nobody = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, nobody)
        fcntl.fcntl(nobody, fcntl.F_SETPIPE_SZ, 4096)  # Taken up by some lines.
        server = self.start_server("--audit_log=true")
        client = server.client()
        client.create_group("g")
        for number in range(200):
            client.create_thread("groups/g", Thread(topic=str(number)))
        self.assertEqual(server.health(), harness.Health.SERVING)
        self.assertEqual(server.stop(), 0)

    def test_whatever_callers_send_the_log_holds_none_of_it(self):
        server = self.start_server()
        client = server.client()
        client.create_group("g", display_name=SECRET, mail=SECRET)
        client.add_member("groups/g", "ann", display_name=SECRET)
        thread = Thread(topic=SECRET, preview=SECRET, unique_senders=[SECRET], to_recipients=[
            Recipient(email_address=EmailAddress(name=SECRET, address=SECRET))])
        client.create_thread("groups/g", thread)
        client.list_threads("groups/g")

        self.refuse(client.create_thread, SECRET, thread, SECRET)
        self.refuse(client.create_thread, f"groups/{SECRET}", Thread(topic=SECRET * 100))
        self.refuse(client.list_threads, "groups/g", order_by=SECRET, page_token=SECRET)
        self.refuse(client.remove_member, f"groups/g/members/{SECRET}x")
        channel = server.connect()
        create = "/threadstore.v1.ThreadService/CreateThread"
        secret = SECRET.encode()
        for method, payload in ((create, secret + b"\xff"), (create, b"\x0a\x20\xff" + secret),
                                (f"{create}Nothing", secret), (create, secret * (1 << 19))):
            self.refuse(channel.unary_unary(method), payload, timeout=harness.PATIENCE_SECONDS)
        greedy = server.client()
        greedy.metadata = [("authorization", "t" * (64 << 10))]
        self.refuse(greedy.list_groups)
        cancelled = client.start_create_thread("groups/g", thread)
        cancelled.cancel()

        self.assertEqual(server.stop(), 0)
        self.records(server)
        self.assertNotIn("secret", server.log())

    def test_bytes_that_are_not_http2_leave_the_log_readable(self):
        server = self.start_server()
        host, port = server.address.rsplit(":", 1)
        for sent in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00", b"\0" * 100,
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
        self.assertEqual(server.health(), harness.Health.SERVING)
        self.assertEqual(server.stop(), 0)
        self.records(server)


if __name__ == "__main__":
    unittest.main()
