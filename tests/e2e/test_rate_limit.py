"""Calls a second that each caller may make, over both faces."""

import contextlib
import http.client
import json
import time
import unittest

import harness
from harness import Attachment, Code, Member, resources

from grpc.reflection.v1alpha import reflection_pb2, reflection_pb2_grpc


def ask(server, method, path, body=None, source="127.0.0.1", **headers):
    """The response, read, with its JSON as `content`."""
    host, port = server.http_address.rsplit(":", 1)
    client = http.client.HTTPConnection(host, int(port), harness.PATIENCE_SECONDS,
                                        source_address=(source, 0))
    with contextlib.closing(client):
        if body is not None:
            headers["Content-Type"] = "application/json"
        client.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = client.getresponse()
        response.content = json.loads(response.read() or "null")
        return response


class RateLimitTest(harness.TestCase):

    def serve(self, *flags):
        """A server with a group of ann's and bob's, which starts anew with the flags."""
        server = self.start_server()
        server.client().create_group("g", members=[Member(id="ann", role=Member.ROLE_OWNER),
                                                   Member(id="bob")])
        server.client("ann").create_thread("groups/g")
        self.assertEqual(server.stop(), 0)
        return self.start_server(*flags, http_listen="127.0.0.1:0")

    def until(self, is_refused):
        """Calls until it is refused: as long as tokens come faster than calls, it is not."""
        deadline = time.monotonic() + harness.PATIENCE_SECONDS
        while not is_refused():
            self.assertLess(time.monotonic(), deadline, "it is never refused")

    def use_up(self, client):
        """Calls until one is refused, and returns the Refusal."""
        refusals = []

        def call():
            futures = [client.start(client.groups.GetGroup,
                                    harness.group_messages.GetGroupRequest(name="groups/g"))
                       for _ in range(10)]
            refusals.extend(harness.Refusal(future) for future in futures if future.exception())
            return refusals
        self.until(call)
        for refusal in refusals:
            self.assertEqual((refusal.code, refusal.reason),
                             (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED"), refusal)
        return refusals[0]

    def test_each_caller_has_calls_of_its_own(self):
        server = self.serve("--rate_limit=1", "--rate_burst=3")
        refusal = self.use_up(server.client("ann"))
        self.assertGreater(refusal.retry_delay.ToNanoseconds(), 0)
        self.assertLessEqual(refusal.retry_delay.ToMilliseconds(), 1000)
        self.assertEqual(server.client("bob").get_group("groups/g").id, "g")
        self.assertEqual(server.client().get_group("groups/g").id, "g")

    def test_calls_that_are_refused_count_too(self):
        server = self.serve("--rate_limit=1", "--rate_burst=3")
        eve = server.client("eve")
        reasons = set()

        def call():
            with self.assertRaises(harness.grpc.RpcError) as caught:
                eve.get_group("groups/g")
            reasons.add(harness.Refusal(caught.exception).reason)
            return "RATE_LIMITED" in reasons
        self.until(call)
        self.assertEqual(reasons, {"NOT_A_MEMBER", "RATE_LIMITED"})

    def test_health_and_reflection_are_not_limited(self):
        server = self.serve("--rate_limit=1", "--rate_burst=1")
        self.use_up(server.client())
        reflection = reflection_pb2_grpc.ServerReflectionStub(server.connect())
        question = reflection_pb2.ServerReflectionRequest(list_services="*")
        for _ in range(20):
            self.assertEqual(server.health(), harness.Health.SERVING)
            answer = next(reflection.ServerReflectionInfo(iter([question]),
                                                          timeout=harness.PATIENCE_SECONDS))
            self.assertTrue(answer.list_services_response.service)

    def test_streams_count_as_they_begin(self):
        server = self.serve("--rate_limit=1", "--rate_burst=3")
        ann = server.client("ann")
        watch = ann.watch("groups/g")
        next(watch)
        refused = []

        def call():
            another = ann.watch("groups/g")
            try:
                next(another)
                another.cancel()
            except harness.grpc.RpcError as error:
                refused.append(harness.Refusal(error))
            return refused
        self.until(call)
        self.assertEqual(refused[0].reason, "RATE_LIMITED")
        created = server.client("bob").create_thread("groups/g")
        while not (changes := next(watch).changes):
            pass
        self.assertEqual(changes[0].name, created.name)

    def test_both_faces_count_together(self):
        burst = 300
        server = self.serve("--rate_limit=1", f"--rate_burst={burst}")
        self.use_up(server.client("ann"))
        answers = []

        def call():
            answers.append(ask(server, "GET", "/v1.0/me", **{"x-threadstore-user": "ann"}))
            return answers[-1].status != 200
        self.until(call)
        self.assertLess(len(answers), burst // 2)
        self.assertEqual((answers[-1].status, answers[-1].headers["Retry-After"]), (429, "1"))
        self.assertEqual(answers[-1].content["error"]["code"], "ApplicationThrottled")
        bobs = ask(server, "GET", "/v1.0/me", **{"x-threadstore-user": "bob"})
        self.assertEqual(bobs.status, 200)

    def test_applications_without_a_name_count_by_address(self):
        server = self.serve("--rate_limit=1", "--rate_burst=3")
        self.use_up(server.client())
        self.until(lambda: ask(server, "GET", "/v1.0/groups").status == 429)
        self.assertEqual(ask(server, "GET", "/v1.0/groups", source="127.0.0.2").status, 200)

    def test_the_requests_of_a_batch_count_each(self):
        server = self.serve("--rate_limit=1", "--rate_burst=5")
        batch = {"requests": [{"id": str(i), "method": "GET", "url": "/me"} for i in range(20)]}
        responses = []

        def call():
            answer = ask(server, "POST", "/v1.0/$batch", batch, **{"x-threadstore-user": "ann"})
            self.assertEqual(answer.status, 200)
            responses[:] = answer.content["responses"]
            return any(response["status"] == 429 for response in responses)
        self.until(call)
        self.assertEqual({response["status"] for response in responses}, {200, 429})
        for response in responses:
            self.assertEqual(response["headers"].get("Retry-After"),
                             "1" if response["status"] == 429 else None)

    def test_a_request_of_http_counts_once(self):
        server = self.start_server()
        client = server.client()
        client.create_group("g", allow_external_senders=True)
        thread = client.create_thread("groups/g")
        post = client.reply_to_thread(thread.name,
                                      harness.text_post("p", sender=harness.mailbox("Ann")))
        for i in range(5):
            client.create_attachment(post.name, Attachment(
                display_name=str(i), file=resources.FileAttachment(content_bytes=b"x" * 10)))
        for _ in range(30):
            client.create_thread("groups/g")
        self.assertEqual(server.stop(), 0)
        server = self.start_server("--rate_limit=1", "--rate_burst=2", http_listen="127.0.0.1:0")
        attachments = ask(server, "GET", f"/v1.0/{post.name}/attachments")
        self.assertEqual(attachments.status, 200)
        contents = [attachment["contentBytes"] for attachment in attachments.content["value"]]
        self.assertEqual(contents, ["eHh4eHh4eHh4eA=="] * 5)
        skipped = ask(server, "GET", "/v1.0/groups/g/threads?$skip=30")
        self.assertEqual((skipped.status, len(skipped.content["value"])), (200, 1))

    def test_threadctl_comes_back_when_it_may(self):
        server = self.serve("--rate_limit=1", "--rate_burst=1")
        for _ in range(3):
            # So that it finds no token, unless it takes a second to begin.
            self.use_up(server.client("ann"))
            done = harness.run(harness.THREADCTL, f"--server={server.address}", "--user=ann",
                               "group", "get", "groups/g")
            self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
