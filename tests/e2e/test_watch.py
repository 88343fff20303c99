"""WatchThreads: changes as they happen, each once and in order, whatever happens to the watch."""

import os
import threading
import unittest

import grpc

import harness
from harness import Code, Conversation, Refusal, Thread, text_post
from harness import thread_messages

CREATED = thread_messages.ThreadChange.KIND_CREATED
DELETED = thread_messages.ThreadChange.KIND_DELETED

# The environment may ask for others.
CHANGES = int(os.environ.get("THREADSTORE_WATCH_CHANGES", "100000"))
THREADS_OF_A_CREATE = 20
MIB = 1 << 20


class Follower:
    """A watch that collects what it is told, on a thread of its own."""

    def __init__(self, client, parent, token=""):
        self.call = client.watch(parent, token)
        first = next(self.call)
        self.token = first.delta_token
        self.changes = list(first.changes)
        self.error = None
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            for message in self.call:
                with self._news:
                    self.changes += message.changes
                    self.token = message.delta_token
                    self._news.notify_all()
        except grpc.RpcError as error:
            self.error = error

    def await_changes(self, count):
        with self._news:
            if not self._news.wait_for(lambda: len(self.changes) >= count,
                                       harness.PATIENCE_SECONDS):
                raise AssertionError(f"{len(self.changes)} changes, not {count}")

    def end(self):
        self._thread.join(harness.PATIENCE_SECONDS)
        return self.call.code()

    def cancel(self):
        self.call.cancel()
        self._thread.join(harness.PATIENCE_SECONDS)


def names(changes):
    return [change.name for change in changes]


class WatchTest(harness.TestCase):

    def serve(self, *flags):
        self.server = self.start_server(*flags)
        self.application = self.server.client()
        self.application.create_group("g", allow_external_senders=True)
        self.application.add_member("groups/g", "ann")
        self.ann = self.server.client("ann")

    def follow(self, client, parent, token=""):
        follower = Follower(client, parent, token)
        self.addCleanup(follower.cancel)
        return follower

    def create_many(self, changes):
        """Creates threads, several at once, and tells their names in no order."""
        request = harness.conversation_messages.CreateConversationRequest(
            parent="groups/g", conversation=Conversation(
                topic="C", threads=[Thread()] * THREADS_OF_A_CREATE))
        created = []
        calls = []
        for _ in range(changes // THREADS_OF_A_CREATE):
            calls.append(self.application.start(
                self.application.conversations.CreateConversation, request))
            if len(calls) == 32:
                created += names(calls.pop(0).result().threads)
        return created + [name for call in calls for name in names(call.result().threads)]

    def test_changes_come_as_they_happen(self):
        self.serve()
        watch = self.follow(self.ann, "groups/g")
        through_me = self.follow(self.ann, "me/joinedGroups/g")
        thread = self.ann.create_thread("groups/g", Thread(topic="T", posts=[text_post("one")]))
        post = self.ann.reply_to_thread(thread.name, text_post("two"))
        expected = [thread.name, thread.posts[0].name, post.name, thread.name]
        for follower in (watch, through_me):
            follower.await_changes(4)
            self.assertEqual(names(follower.changes), expected)
        # What a list gives after the watch's token is what the watch has not had.
        page = self.ann.list_changes("groups/g", delta_token=watch.token)
        self.assertEqual(list(page.changes), [])

    def test_conversations_and_threads_are_watched_by_themselves(self):
        self.serve()
        thread = self.ann.create_thread("groups/g")
        other = self.ann.create_thread("groups/g")
        conversation = f"groups/g/conversations/{thread.conversation_id}"
        of_thread = self.follow(self.ann, thread.name)
        of_conversation = self.follow(self.ann, conversation)
        self.ann.reply_to_thread(other.name, text_post("elsewhere"))
        post = self.ann.reply_to_thread(thread.name, text_post("here"))
        of_thread.await_changes(1)
        of_conversation.await_changes(2)
        self.assertEqual(names(of_thread.changes), [post.name])
        self.assertEqual(names(of_conversation.changes), [post.name, thread.name])

    def test_a_watch_that_is_killed_and_resumed_sees_each_change_once_in_order(self):
        self.serve()
        token = start = self.application.list_changes("groups/g").delta_token
        created = []
        writer = threading.Thread(target=lambda: created.extend(self.create_many(CHANGES)))
        writer.start()
        seen = []
        for round_ in range(10):
            follower = self.follow(self.server.client(), "groups/g", token)
            follower.await_changes(CHANGES * (round_ + 1) // 10 - len(seen))
            follower.cancel()
            seen += names(follower.changes)
            token = follower.token
        writer.join()
        self.assertEqual(len(seen), CHANGES)
        self.assertEqual(sorted(seen), sorted(created))
        # In the order of the log.
        listed, token = [], start
        while len(listed) < CHANGES:
            page = self.application.list_changes("groups/g", delta_token=token, page_size=1000)
            listed += names(page.changes)
            token = page.delta_token
        self.assertEqual(seen, listed)

    def test_a_slow_watch_is_cut_off_and_others_are_not(self):
        self.serve()
        thread = self.application.create_thread("groups/g")
        slow = self.application.watch("groups/g")
        token = next(slow).delta_token
        # On a connection of its own, with its own window.
        follower = self.follow(self.server.client(), "groups/g")
        sender = harness.mailbox("Ann")
        posts = [self.application.reply_to_thread(
            thread.name, text_post("x" * (MIB - 1), sender=sender)).name for _ in range(40)]
        follower.await_changes(80)
        self.assertEqual(names(follower.changes)[::2], posts)
        with self.assertRaises(grpc.RpcError) as caught:
            for message in slow:
                token = message.delta_token
        refusal = Refusal(caught.exception)
        self.assertEqual((refusal.code, refusal.reason), (Code.ABORTED, "WATCH_TOO_SLOW"))
        info = refusal.detail(harness.error_details_pb2.ErrorInfo)
        self.assertEqual(info.metadata["delta_token"], token)
        # It goes on where it was.
        resumed = self.application.watch("groups/g", token)
        seen = []
        while not seen or seen[-1] != thread.name or posts[-1] not in seen:
            seen += names(next(resumed).changes)
        self.assertEqual([name for name in seen if name in posts], posts[-len(seen) // 2:])
        resumed.cancel()

    def test_slow_watches_keep_nobody_from_writing(self):
        self.serve("--request_memory=8MiB")
        thread = self.application.create_thread("groups/g")
        through = self.server.client()
        slow = [through.watch("groups/g") for _ in range(20)]
        for watch in slow:
            next(watch)
        sender = harness.mailbox("Ann")
        for _ in range(20):
            post = self.application.reply_to_thread(
                thread.name, text_post("x" * (MIB - 1), sender=sender))
            self.application.update_post(
                harness.Post(name=post.name, categories=["red"]), "categories")
        for watch in slow:
            watch.cancel()

    def test_the_server_ends_watches_when_it_drains(self):
        self.serve("--drain_timeout=60s")
        followers = [self.follow(self.server.client(), "groups/g") for _ in range(10)]
        followers += [self.follow(self.ann, "groups/g") for _ in range(90)]
        self.server.signal_stop()
        for follower in followers:
            self.assertEqual(follower.end(), Code.OK)
        self.assertEqual(self.server.wait(), 0)

    def test_a_watch_ends_before_its_connection_does(self):
        self.serve("--max_connection_age=1s", "--max_connection_age_grace=2s")
        for _ in range(3):
            self.assertEqual(self.follow(self.ann, "groups/g").end(), Code.OK)

    def test_a_watch_ends_no_earlier_than_it_has_to(self):
        for listen in ("127.0.0.1:0", "[::1]:0"):
            with self.subTest(listen=listen):
                server = self.start_server(
                    "--max_connection_age=1h", "--max_connection_age_grace=1s", listen=listen)
                watch = server.client().watch("groups/-", timeout=2)
                with self.assertRaises(grpc.RpcError) as caught:
                    for _ in watch:
                        pass
                self.assertEqual(caught.exception.code(), Code.DEADLINE_EXCEEDED)
                self.assertEqual(server.stop(), 0)

    def test_a_member_who_is_removed_is_told_no_more(self):
        self.serve()
        follower = self.follow(self.ann, "groups/g")
        self.application.remove_member("groups/g/members/ann")
        while follower.call.is_active():
            self.application.create_thread("groups/g")
        self.assertEqual(follower.end(), Code.PERMISSION_DENIED)
        self.assertEqual(Refusal(follower.error).reason, "NOT_A_MEMBER")

    def test_the_deletion_of_the_group_is_the_last_change(self):
        self.serve()
        thread = self.ann.create_thread("groups/g")
        followers = [self.follow(client, parent)
                     for client in (self.ann, self.application)
                     for parent in ("groups/g", thread.name)]
        self.application.delete_group("groups/g", force=True)
        for follower in followers:
            self.assertEqual(follower.end(), Code.NOT_FOUND)
            self.assertEqual([(change.kind, change.name) for change in follower.changes],
                             [(DELETED, "groups/g")])

    def test_applications_watch_all_groups(self):
        self.serve()
        self.application.create_group("h")
        watch = self.follow(self.application, "groups/-")
        created = [self.application.create_thread(f"groups/{group}").name for group in "ghgh"]
        watch.await_changes(4)
        self.assertEqual(names(watch.changes), created)
        watch.cancel()
        created = [self.application.create_thread(f"groups/{group}").name for group in "hg"]
        resumed = self.application.watch("groups/-", watch.token)
        self.assertEqual(names(next(resumed).changes), created)
        resumed.cancel()
        self.assert_invalid(["parent"], next, self.ann.watch("groups/-"))
        self.assert_invalid(["delta_token"], next,
                            self.application.watch("groups/g", watch.token))

    def test_watches_that_are_refused(self):
        self.serve()
        bob = self.server.client("bob")
        self.assert_refused(Code.PERMISSION_DENIED, "NOT_A_MEMBER", next, bob.watch("groups/g"))
        self.assert_not_found(("Group", "groups/x"), next, self.application.watch("groups/x"))
        self.assert_invalid(["parent"], next, self.ann.watch("groups"))
        self.assert_invalid(["delta_token"], next, self.ann.watch("groups/g", "x"))
        self.assert_refused(Code.INVALID_ARGUMENT, "USER_REQUIRED", next,
                            self.application.watch("me/joinedGroups/g"))

    def test_more_watches_than_may_be_open_are_refused(self):
        self.serve("--max_watches=4")
        first = self.follow(self.ann, "groups/g")
        self.follow(self.ann, "groups/g")
        self.assert_refused(Code.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", next,
                            self.ann.watch("groups/g"))
        for _ in range(2):
            self.follow(self.application, "groups/g")
        refusal = self.assert_refused(Code.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", next,
                                      self.ann.watch("groups/g"))
        self.assertGreater(refusal.retry_delay.ToMilliseconds(), 0)
        first.cancel()
        while True:  # When the server has heard of it.
            try:
                return self.follow(self.ann, "groups/g").cancel()
            except grpc.RpcError as error:
                self.assertEqual(error.code(), Code.RESOURCE_EXHAUSTED)

    def test_a_deadline_ends_a_watch(self):
        self.serve()
        watch = self.ann.watch("groups/g", timeout=1)
        next(watch)
        with self.assertRaises(grpc.RpcError) as caught:
            for _ in watch:
                pass
        self.assertEqual(caught.exception.code(), Code.DEADLINE_EXCEEDED)

    def test_without_a_deadline_a_watch_has_none(self):
        self.serve("--default_timeout=1ms")
        watch = self.follow(self.server.client(), "groups/g")
        through = self.server.client()
        for _ in range(5):
            through.create_thread("groups/g")
        watch.await_changes(5)

    def test_many_watches_are_all_told(self):
        self.serve()
        clients = [self.server.client() for _ in range(4)]
        followers = [self.follow(clients[i % 4], "groups/g") for i in range(200)]
        created = [self.application.create_thread("groups/g").name for _ in range(50)]
        for follower in followers:
            follower.await_changes(50)
            self.assertEqual(names(follower.changes), created)


if __name__ == "__main__":
    unittest.main()
