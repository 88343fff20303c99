"""ListThreadChanges: copies that follow what is stored."""

import unittest

import harness
from harness import Code, Conversation, Thread, mailbox, text_post
from harness import thread_messages

CREATED = thread_messages.ThreadChange.KIND_CREATED
UPDATED = thread_messages.ThreadChange.KIND_UPDATED
DELETED = thread_messages.ThreadChange.KIND_DELETED
START_NOW = thread_messages.ListThreadChangesRequest.START_NOW


def changes_after(client, parent, token, **fields):
    """All changes since a token, and the token after them."""
    changes = []
    while True:
        page = client.list_changes(parent, delta_token=token, **fields)
        changes += page.changes
        token = page.delta_token
        if not page.has_more:
            return changes, token


def summary(changes):
    return [(change.kind, change.name) for change in changes]


class ChangesTest(harness.TestCase):

    def setUp(self):
        super().setUp()
        self.server = self.start_server()
        self.application = self.server.client()
        self.application.create_group("g", allow_external_senders=True)
        self.application.add_member("groups/g", "ann")
        self.ann = self.server.client("ann")

    def test_what_changes_is_listed_with_what_it_is_now(self):
        _, token = changes_after(self.ann, "groups/g", "", start=START_NOW)
        thread = self.ann.create_thread("groups/g", Thread(topic="T", posts=[text_post("one")]))
        post = self.ann.reply_to_thread(thread.name, text_post("two"))
        changes, token = changes_after(self.ann, "groups/g", token)
        self.assertEqual(summary(changes), [
            (CREATED, thread.name), (CREATED, thread.posts[0].name),
            (CREATED, post.name), (UPDATED, thread.name)])
        self.assertEqual(changes[0].thread, self.ann.get_thread(thread.name))
        self.assertEqual(changes[1].post, self.ann.get_post(thread.posts[0].name))
        self.assertEqual(changes[2].post, post)

        self.ann.forward_post(post.name, [mailbox(address="bob@example.com")])
        self.ann.delete_thread(thread.name)
        changes, token = changes_after(self.ann, "groups/g", token)
        self.assertEqual([change.kind for change in changes], [CREATED, DELETED])
        self.assertTrue(changes[0].name.startswith(post.name + "/forwards/"))
        self.assertEqual(changes_after(self.ann, "groups/g", token)[0], [])

    def test_without_a_token_all_that_is_there_comes_first(self):
        threads = [self.ann.create_thread("groups/g", Thread(topic="T", posts=[text_post("p")]))
                   for _ in range(10)]
        for page_size in (1, 3, 0):
            changes, _ = changes_after(self.ann, "groups/g", "", page_size=page_size)
            self.assertEqual(summary(changes), [
                (CREATED, name) for thread in threads
                for name in (thread.name, thread.posts[0].name)])

    def test_conversations_and_threads_have_changes_of_their_own(self):
        conversation = self.ann.create_conversation("groups/g", Conversation(
            topic="C", threads=[Thread(), Thread()]))
        first, second = conversation.threads
        self.ann.create_thread("groups/g")
        post = self.ann.reply_to_thread(first.name, text_post("p"))
        self.assertEqual(
            sorted(summary(self.ann.list_changes(conversation.name).changes)),
            sorted([(CREATED, first.name), (CREATED, post.name), (CREATED, second.name)]))
        for parent in (first.name, f"{conversation.name}/threads/{first.id}",
                       f"me/joinedGroups/g/threads/{first.id}"):
            self.assertEqual(summary(self.ann.list_changes(parent).changes), [(CREATED, post.name)])

    def test_a_token_is_taken_through_every_alias_of_its_parent(self):
        token = self.ann.list_changes("groups/g").delta_token
        for parent in ("me/joinedGroups/g", "users/ann/joinedGroups/g"):
            self.assertEqual(self.ann.list_changes(parent, delta_token=token).delta_token, token)

    def test_a_token_of_another_parent_is_refused(self):
        thread = self.ann.create_thread("groups/g")
        token = self.ann.list_changes("groups/g").delta_token
        for parent in ("groups/other", thread.name,
                       f"groups/g/conversations/{thread.conversation_id}"):
            self.assert_invalid(["delta_token"], self.application.list_changes, parent,
                                delta_token=token)

    def test_a_token_of_another_store_has_expired(self):
        token = self.ann.list_changes("groups/g").delta_token
        self.assertEqual(self.server.stop(), 0)
        self.store = self.folder / "another.db"
        another = self.start_server().client()
        another.create_group("g")
        self.assert_refused(Code.OUT_OF_RANGE, "DELTA_TOKEN_EXPIRED", another.list_changes,
                            "groups/g", delta_token=token)

    def test_a_token_of_a_deleted_group_has_expired(self):
        token = self.application.list_changes("groups/g").delta_token
        self.application.delete_group("groups/g", force=True)
        self.assert_refused(Code.OUT_OF_RANGE, "DELTA_TOKEN_EXPIRED",
                            self.application.list_changes, "groups/g", delta_token=token)
        self.application.create_group("g")
        self.assert_refused(Code.OUT_OF_RANGE, "DELTA_TOKEN_EXPIRED",
                            self.application.list_changes, "groups/g", delta_token=token)

    def test_tokens_survive_a_restart(self):
        token = self.ann.list_changes("groups/g").delta_token
        self.assertEqual(self.server.stop(), 0)
        self.ann = self.start_server().client("ann")
        thread = self.ann.create_thread("groups/g")
        changes, _ = changes_after(self.ann, "groups/g", token)
        self.assertEqual(summary(changes), [(CREATED, thread.name)])

    def test_changes_are_forgotten_when_there_are_too_many(self):
        self.assertEqual(self.server.stop(), 0)
        self.ann = self.start_server("--max_changes=2").client("ann")
        token = self.ann.list_changes("groups/g").delta_token
        for _ in range(10):
            self.ann.create_thread("groups/g")
            # Changes are kept until the index of words has them.
            self.ann.search_threads("groups/g", query="topic")
        self.assert_refused(Code.OUT_OF_RANGE, "DELTA_TOKEN_EXPIRED", self.ann.list_changes,
                            "groups/g", delta_token=token)

    def test_requests_that_break_rules(self):
        for field, fields in (("parent", {"parent": "groups/g/posts/p"}),
                              ("parent", {"parent": "groups/-/threads/1"}),
                              ("delta_token", {"delta_token": "x"}),
                              ("page_size", {"page_size": -1}),
                              ("start", {"start": 7})):
            with self.subTest(field=field, **fields):
                self.assert_invalid([field], self.application.list_changes,
                                    **({"parent": "groups/g"} | fields))

    def test_only_members_may_follow(self):
        bob = self.server.client("bob")
        self.assert_refused(Code.PERMISSION_DENIED, "NOT_A_MEMBER", bob.list_changes, "groups/g")
        self.assert_not_found(("Group", "groups/g"), bob.list_changes, "me/joinedGroups/g")
        self.assert_not_found(("Group", "groups/x"), self.application.list_changes, "groups/x")
        unknown = f"groups/g/threads/{harness.UNKNOWN_ID}"
        self.assert_not_found(("ConversationThread", unknown), self.ann.list_changes, unknown)


if __name__ == "__main__":
    unittest.main()
