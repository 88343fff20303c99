"""How many threads and bytes each group may have, over both faces."""

import contextlib
import http.client
import json
import unittest

import harness
from harness import Code, Thread, text_post


def ask(server, method, path, body=None):
    """The response, read, with its JSON as `content`."""
    host, port = server.http_address.rsplit(":", 1)
    client = http.client.HTTPConnection(host, int(port), harness.PATIENCE_SECONDS)
    with contextlib.closing(client):
        client.request(method, f"/v1.0{path}", json.dumps(body) if body is not None else None,
                       {"Content-Type": "application/json"} if body is not None else {})
        response = client.getresponse()
        response.content = json.loads(response.read() or "null")
        return response


class QuotaTest(harness.TestCase):

    def serve(self, *flags):
        server = self.start_server(*flags, http_listen="127.0.0.1:0")
        return server, server.client()

    def assert_beyond(self, quota, limit, call, *args, **kwargs):
        """A call is refused because of the quota of the group `g`."""
        refusal = self.assert_refused(Code.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", call, *args,
                                      **kwargs)
        info = refusal.detail(harness.error_details_pb2.ErrorInfo)
        self.assertEqual(dict(info.metadata),
                         {"quota": quota, "limit": str(limit), "resource": "groups/g"})
        self.assertIsNone(refusal.retry_delay)
        for part in ("groups/g", str(limit), "delete", f"--{quota}"):
            self.assertIn(part, refusal.message)

    def assert_http_beyond(self, response):
        self.assertEqual(response.status, 429, response.content)
        self.assertIsNone(response.headers["Retry-After"])
        error = response.content["error"]
        self.assertEqual(error["code"], "ErrorQuotaExceeded")
        self.assertIn("delete", error["message"])
        self.assertEqual(set(error["innerError"]), {"date", "request-id", "client-request-id"})

    def test_a_group_has_as_many_threads_as_it_may(self):
        server, client = self.serve("--group_max_threads=2")
        for group in ("g", "h"):
            client.create_group(group)
            for _ in range(2):
                client.create_thread(f"groups/{group}")
        self.assert_beyond("group_max_threads", 2, client.create_thread, "groups/g")
        self.assert_http_beyond(ask(server, "POST", "/groups/g/threads", {"topic": "T"}))
        name = client.list_threads("groups/g").threads[0].name
        self.assertEqual(ask(server, "DELETE", f"/{name}").status, 204)
        client.create_thread("groups/g")
        self.assert_beyond("group_max_threads", 2, client.create_thread, "groups/g")

    def test_a_group_has_as_many_bytes_as_it_may(self):
        server, client = self.serve("--group_max_bytes=1KiB")
        client.create_group("g", allow_external_senders=True)
        thread = client.create_thread("groups/g", Thread(topic="x" * 24))
        sender = harness.mailbox("Ann")
        post = client.reply_to_thread(thread.name, text_post("x" * 1000, sender=sender))
        self.assert_beyond("group_max_bytes", 1024, client.reply_to_thread, thread.name,
                           text_post("x", sender=sender))
        reply = {"post": {"body": {"content": "x"},
                          "sender": {"emailAddress": {"address": "ann@x"}}}}
        self.assert_http_beyond(ask(server, "POST", f"/{thread.name}/reply", reply))
        post.body.content = "shorter"
        client.update_post(post, "body")
        self.assertEqual(ask(server, "POST", f"/{thread.name}/reply", reply).status, 202)

    def test_a_quota_holds_for_what_was_there_before_it(self):
        server, client = self.serve()
        client.create_group("g")
        kept = [client.create_thread("groups/g", Thread(topic=topic)) for topic in "abc"]
        self.assertEqual(server.stop(), 0)
        server, client = self.serve("--group_max_threads=2", "--group_max_bytes=10GiB")
        self.assert_beyond("group_max_threads", 2, client.create_thread, "groups/g")
        for thread in kept:
            self.assertEqual(client.get_thread(thread.name), thread)
        for thread in kept[:2]:
            client.delete_thread(thread.name)
        client.create_thread("groups/g")
        self.assert_beyond("group_max_threads", 2, client.create_thread, "groups/g")


if __name__ == "__main__":
    unittest.main()
