"""Creates that are sent more than once under the same request_id."""

import concurrent.futures
import functools
import threading
import time
import unittest

import grpc
from google.protobuf import timestamp_pb2

import harness
from harness import Client, Code, EmailAddress, Recipient, Thread

REQUEST_ID = "6f1c3bd6-7dd1-4f0c-9f0e-0d5c2ad3a7b1"


class IdempotencyTestCase(harness.TestCase):

    flags = ()

    def setUp(self):
        super().setUp()
        self.restart()

    def restart(self):
        self.server = self.start_server(*self.flags)
        channel = self.server.connect()
        self.application = Client(channel)
        self.ann, self.bob = Client(channel, "ann"), Client(channel, "bob")

    def stored_counts(self):
        self.assertEqual(self.server.stop(), 0)
        return harness.stored_counts(self.store)

    def at_once(self, start_call):
        """The futures of 100 calls, sent by 10 threads over 10 connections. `start_call` takes
        a client and the number of the call."""
        barrier = threading.Barrier(10)

        def send(sender):
            client = self.server.client("ann")
            client.list_groups()
            barrier.wait(harness.PATIENCE_SECONDS)
            futures = [start_call(client, sender * 10 + i) for i in range(10)]
            for future in futures:
                future.exception()  # Waits until it has ended, in whatever way.
            return futures

        with concurrent.futures.ThreadPoolExecutor(10) as senders:
            return [future for futures in senders.map(send, range(10)) for future in futures]


class ThreadIdempotencyTest(IdempotencyTestCase):

    thread = Thread(topic="Once", preview="p", unique_senders=["s"],
                    to_recipients=[Recipient(email_address=EmailAddress(name="n"))])

    def setUp(self):
        super().setUp()
        self.ann.create_group("g")

    def create(self, client=None, parent="groups/g", thread=None, request_id=REQUEST_ID):
        return (client or self.ann).create_thread(parent, thread or self.thread, request_id)

    def assert_reused(self, *args, **kwargs):
        refusal = self.assert_refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED",
                                      self.create, *args, **kwargs)
        self.assertEqual(refusal.fields, ["request_id"])

    def test_a_hundred_at_once_make_one_thread(self):
        futures = self.at_once(lambda client, number: client.start_create_thread(
            "groups/g" if number % 2 else "me/joinedGroups/g", self.thread, REQUEST_ID))
        answers = [future.result() for future in futures]
        self.assertEqual(answers, [answers[0]] * 100)
        self.assertEqual(list(self.ann.list_threads("groups/g").threads), [answers[0]])
        self.assertEqual(self.stored_counts(), {
            "groups": 1, "members": 1, "conversations": 1, "threads": 1, "recipients": 1,
            "unique_senders": 1, "idempotency_keys": 1, "changes": 1, "group_usage": 1})

    def test_of_different_requests_at_once_one_wins(self):
        futures = self.at_once(lambda client, number: client.start_create_thread(
            "groups/g", Thread(topic=str(number)), REQUEST_ID))
        made = [future.result() for future in futures if future.code() == Code.OK]
        self.assertEqual(len(made), 1)
        refusals = [harness.Refusal(future) for future in futures if future.code() != Code.OK]
        self.assertEqual({refusal.reason for refusal in refusals}, {"REQUEST_ID_REUSED"})
        self.assertEqual(list(self.ann.list_threads("groups/g").threads), made)

    def test_without_a_request_id_each_create_makes_a_thread(self):
        ids = {self.create(request_id="").id for _ in range(3)}
        self.assertEqual(len(ids), 3)

    def test_the_same_request_is_known_after_a_restart(self):
        created = self.create()
        self.assertEqual(self.server.stop(), 0)
        self.restart()
        self.assertEqual(self.create(), created)
        self.assert_reused(thread=Thread(topic="Other"))
        self.assertEqual(list(self.ann.list_threads("groups/g").threads), [created])

    def test_the_same_request_is_known_after_a_crash(self):
        created = self.create()
        self.server.kill()
        self.restart()
        self.assertEqual(self.create(), created)

    def test_names_of_one_parent_make_the_same_request(self):
        created = self.create()
        for parent in ("me/joinedGroups/g", "users/ann/joinedGroups/g"):
            self.assertEqual(self.create(parent=parent), created)

        conversation = f"conversations/{created.conversation_id}"
        other_id = REQUEST_ID.replace("6f", "7f")
        joined = self.create(parent=f"groups/g/{conversation}", request_id=other_id)
        self.assertNotEqual(joined.id, created.id)
        for group in ("me/joinedGroups/g", "users/ann/joinedGroups/g"):
            for name in (conversation, f"conversations/{created.conversation_id.upper()}"):
                self.assertEqual(self.create(parent=f"{group}/{name}", request_id=other_id), joined)
        self.assertEqual(len(self.ann.list_threads("groups/g").threads), 2)

    def test_what_the_server_ignores_makes_no_difference(self):
        created = self.create()
        thread = Thread(name="x", conversation_id="x", etag="x",
                        created_date_time=timestamp_pb2.Timestamp(seconds=1),
                        last_modified_date_time=timestamp_pb2.Timestamp(seconds=1))
        thread.MergeFrom(self.thread)
        self.assertEqual(self.create(thread=thread), created)
        self.assertEqual(self.create(request_id=REQUEST_ID.upper()), created)

    def test_another_request_under_the_same_id_is_refused(self):
        created = self.create()

        def changed(**fields):
            thread = Thread()
            thread.CopyFrom(self.thread)
            for name in fields:
                thread.ClearField(name)
            thread.MergeFrom(Thread(**fields))
            return thread
        for thread in (changed(topic="once"), changed(has_attachments=True),
                       changed(is_locked=True), changed(preview=""),
                       changed(unique_senders=["s", "s"]), changed(to_recipients=[]),
                       changed(to_recipients=[Recipient()]),
                       changed(to_recipients=[
                           Recipient(email_address=EmailAddress(name="n", address=""))]),
                       changed(cc_recipients=self.thread.to_recipients),
                       changed(last_delivered_date_time=created.last_delivered_date_time)):
            with self.subTest(thread=str(thread)):
                self.assert_reused(thread=thread)
        self.assert_reused(parent=f"groups/g/conversations/{created.conversation_id}")
        self.assertEqual(self.create(), created)
        self.assertEqual(self.stored_counts()["threads"], 1)

    def test_request_ids_of_other_callers_and_other_groups_are_others(self):
        self.ann.create_group("h")
        self.ann.add_member("groups/g", "bob")
        calls = [(self.ann, "groups/g"), (self.ann, "groups/h"), (self.bob, "groups/g"),
                 (self.application, "groups/g")]
        created = [self.create(client, parent) for client, parent in calls]
        self.assertEqual(len({thread.id for thread in created}), len(calls))
        self.assertEqual([self.create(client, parent) for client, parent in calls], created)

    def test_an_application_is_one_caller_under_every_name(self):
        created = self.create(self.application)
        self.assertEqual(self.create(self.application, "users/ann/joinedGroups/g"), created)

    def test_a_refused_request_uses_up_no_id(self):
        self.assert_invalid(["thread.topic"], self.create, thread=Thread(preview="p"))
        self.assert_refused(Code.PERMISSION_DENIED, "NOT_A_MEMBER", self.create, self.bob)
        self.assert_refused(Code.NOT_FOUND, "RESOURCE_NOT_FOUND", self.create,
                            parent=f"groups/g/conversations/{REQUEST_ID}")
        created = self.create()
        self.assertEqual(self.create(), created)
        self.ann.add_member("groups/g", "bob")
        self.assertNotEqual(self.create(self.bob).id, created.id)

    def test_the_id_that_made_a_group_makes_no_thread_in_it(self):
        self.ann.create_group("h", REQUEST_ID)
        self.assert_reused(parent="groups/h")


class GroupIdempotencyTest(IdempotencyTestCase):

    def create(self, client=None, group_id="g", request_id=REQUEST_ID, **fields):
        return (client or self.ann).create_group(group_id, request_id, **fields)

    def assert_reused(self, *args, **kwargs):
        refusal = self.assert_refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED",
                                      self.create, *args, **kwargs)
        self.assertEqual(refusal.fields, ["request_id"])

    def test_a_hundred_at_once_make_one_group(self):
        request = harness.group_messages.CreateGroupRequest(group_id="g", request_id=REQUEST_ID)
        futures = self.at_once(lambda client, _: client.start(client.groups.CreateGroup, request))
        answers = [future.result() for future in futures]
        self.assertEqual(answers, [answers[0]] * 100)
        self.assertEqual(self.stored_counts(),
                         {"groups": 1, "members": 1, "idempotency_keys": 1})

    def test_the_same_request_is_known_after_a_restart(self):
        created = self.create(display_name="G")
        self.assertEqual(self.server.stop(), 0)
        self.restart()
        self.assertEqual(self.create(display_name="G"), created)

    def test_another_request_under_the_same_id_is_refused(self):
        self.create(display_name="G")
        self.assert_reused(display_name="H")
        self.assert_reused(display_name="G", mail="m")
        self.assert_reused(group_id="h", display_name="G")
        self.assertEqual([group.id for group in self.application.list_groups().groups], ["g"])

    def test_another_callers_request_finds_the_id_taken(self):
        self.create()
        for caller in (self.bob, self.application):
            self.assert_refused(Code.ALREADY_EXISTS, "RESOURCE_EXISTS", self.create, caller)

    def test_the_server_chooses_the_id_that_is_not_given(self):
        first = self.ann.create_group("", REQUEST_ID)
        self.assertTrue(first.id)
        self.assertEqual(first.name, f"groups/{first.id}")
        self.assertEqual(self.ann.create_group("", REQUEST_ID).id, first.id)
        others = {self.bob.create_group("", REQUEST_ID).id, self.ann.create_group("").id,
                  self.ann.create_group("").id}
        self.assertEqual(len(others | {first.id}), 4)

    def test_a_group_deleted_since_is_not_found(self):
        self.create()
        self.ann.delete_group("groups/g")
        self.assert_not_found(("Group", "groups/g"), self.create)
        self.assertEqual(list(self.application.list_groups().groups), [])
        self.bob.create_group("g")
        self.assert_not_found(("Group", "groups/g"), self.create)


class RetentionTest(IdempotencyTestCase):

    flags = ("--request_id_retention=1s",)

    def await_forgotten(self, is_forgotten):
        until = time.monotonic() + harness.PATIENCE_SECONDS
        while not is_forgotten():
            self.assertLess(time.monotonic(), until, "the request is still known")
            time.sleep(0.05)

    def reason(self, call, *args):
        """Why a call is refused; None if it is not."""
        try:
            call(*args)
            return None
        except grpc.RpcError as error:
            return harness.Refusal(error).reason

    def test_a_thread_is_made_anew_when_the_request_is_forgotten(self):
        self.application.create_group("g")
        create = functools.partial(self.application.create_thread, "groups/g",
                                   request_id=REQUEST_ID)
        first = create()
        self.await_forgotten(lambda: create() != first)
        listed = self.application.list_threads("groups/g", order_by="create_time").threads
        self.assertEqual([len(listed), listed[0]], [2, first])

    def test_the_id_may_name_another_request_when_the_first_is_forgotten(self):
        self.application.create_group("g")
        self.application.create_thread("groups/g", Thread(topic="First"), REQUEST_ID)

        def is_forgotten():
            reason = self.reason(self.application.create_thread, "groups/g",
                                 Thread(topic="Second"), REQUEST_ID)
            self.assertIn(reason, (None, "REQUEST_ID_REUSED"))
            return reason is None
        self.await_forgotten(is_forgotten)
        listed = self.application.list_threads("groups/g", order_by="create_time").threads
        self.assertEqual([thread.topic for thread in listed], ["First", "Second"])

    def test_a_group_still_exists_when_the_request_that_made_it_is_forgotten(self):
        self.application.create_group("g", REQUEST_ID)

        def is_forgotten():
            reason = self.reason(self.application.create_group, "g", REQUEST_ID)
            self.assertIn(reason, (None, "RESOURCE_EXISTS"))
            return reason == "RESOURCE_EXISTS"
        self.await_forgotten(is_forgotten)
        self.assertEqual(self.application.get_group("groups/g").id, "g")


if __name__ == "__main__":
    unittest.main()
