"""Conversations: making, reading, listing and deleting them."""

import unittest
import uuid

import harness
from harness import (UNKNOWN_ID, Attachment, Client, Code, Conversation, Extension, Thread, pages,
                     resources, text_post)

REQUEST_ID = "6f1c3bd6-7dd1-4f0c-9f0e-0d5c2ad3a7b1"
ALIASES = ("groups/g", "me/joinedGroups/g", "users/ann/joinedGroups/g")


def conversation_of(thread):
    return f"groups/g/conversations/{thread.conversation_id}"


class ConversationTestCase(harness.TestCase):
    """The group `g` has the owner ann and the member bob."""

    def setUp(self):
        super().setUp()
        self.server = self.start_server()
        channel = self.server.connect()
        self.application = Client(channel)
        self.ann, self.bob = Client(channel, "ann"), Client(channel, "bob")
        self.ann.create_group("g")
        self.ann.add_member("groups/g", "bob", display_name="Bob")

    def create(self, topic="Plans", parent="groups/g"):
        return self.ann.create_conversation(parent, Conversation(
            topic=topic, threads=[Thread(posts=[text_post(f"About {topic}")])]))

    def conversations(self, parent="groups/g", **fields):
        return [conversation for page in pages(self.ann.list_conversations, parent, **fields)
                for conversation in page.conversations]

    def topics(self, **fields):
        return [conversation.topic for conversation in self.conversations(**fields)]


class CreateConversationTest(ConversationTestCase):

    def test_it_comes_with_its_threads_and_their_posts(self):
        created = self.ann.create_conversation("groups/g", Conversation(topic="Plans", threads=[
            Thread(posts=[text_post("One")]),
            Thread(topic="Other plans", is_locked=True, posts=[text_post("Two")]),
            Thread()]))
        self.assertEqual(uuid.UUID(created.id).version, 7)
        self.assertEqual(created.name, f"groups/g/conversations/{created.id}")
        self.assertEqual([(thread.topic, thread.preview, len(thread.posts), thread.is_locked)
                          for thread in created.threads],
                         [("Plans", "One", 1, False), ("Other plans", "Two", 1, True),
                          ("Plans", "", 0, False)])
        for thread in created.threads:
            self.assertEqual(thread.conversation_id, created.id)
            self.assertEqual(thread.name, f"groups/g/threads/{thread.id}")
            self.assertEqual(list(self.ann.list_posts(thread.name).posts), list(thread.posts))
            thread.ClearField("posts")
            self.assertEqual(self.ann.get_thread(thread.name), thread)
        listed = self.ann.list_threads(created.name).threads
        self.assertCountEqual([thread.name for thread in listed],
                              [thread.name for thread in created.threads])

        self.assertEqual(created.topic, "Plans")
        self.assertEqual(list(created.unique_senders), ["ann"])
        self.assertGreater(created.created_date_time.seconds, 0)
        created.ClearField("threads")
        self.assertEqual(self.ann.get_conversation(created.name), created)
        self.assertEqual(self.conversations(), [created])

    def test_it_is_made_and_read_under_each_name_of_its_group(self):
        for parent in ALIASES:
            created = self.create(parent=parent)
            created.ClearField("threads")
            for group in ALIASES:
                name = f"{group}/conversations/{created.id}"
                self.assertEqual(self.ann.get_conversation(name), created)
        for parent in ALIASES:
            self.assertEqual(len(self.conversations(parent)), 3)

    def test_an_application_names_the_senders(self):
        self.ann.update_group(harness.Group(name="groups/g", allow_external_senders=True))
        sender = harness.mailbox("Robot", "robot@example.com")
        created = self.application.create_conversation("groups/g", Conversation(
            topic="Plans", threads=[Thread(posts=[text_post("Beep", sender=sender)])]))
        self.assertEqual(list(created.unique_senders), ["Robot"])
        self.assert_invalid(
            ["conversation.threads[0].posts[0].sender"], self.application.create_conversation,
            "groups/g", Conversation(topic="Plans", threads=[Thread(posts=[text_post("Beep")])]))

    def test_every_violation_is_named_at_once(self):
        self.assert_invalid(
            ["parent", "conversation.id", "conversation.topic",
             "conversation.threads[0].posts", "conversation.threads[1].id", "request_id"],
            self.ann.create_conversation, "groups", Conversation(id=UNKNOWN_ID, threads=[
                Thread(posts=[text_post("One"), text_post("Two")]), Thread(id=UNKNOWN_ID)]), "x")
        for threads in ([], [Thread()] * 21):
            self.assert_invalid(["conversation.threads"], self.ann.create_conversation, "groups/g",
                                Conversation(topic="Plans", threads=threads))
        self.assertEqual(self.conversations(), [])
        self.assertEqual(list(self.ann.list_threads("groups/g").threads), [])

    def test_the_same_request_makes_one(self):
        request = Conversation(topic="Once", threads=[Thread(posts=[text_post("Once")])])
        created = self.ann.create_conversation("groups/g", request, REQUEST_ID)
        for parent in ALIASES:
            again = self.ann.create_conversation(parent, request, REQUEST_ID)
            self.assertEqual(again.id, created.id)
        self.assertEqual(self.topics(), ["Once"])
        self.assertEqual(len(self.ann.list_threads("groups/g").threads), 1)
        request.threads[0].posts[0].body.content = "Twice"
        self.assert_refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED",
                            self.ann.create_conversation, "groups/g", request, REQUEST_ID)
        self.ann.delete_conversation(created.name)
        request.threads[0].posts[0].body.content = "Once"
        self.assert_not_found(("Conversation", created.name), self.ann.create_conversation,
                              "groups/g", request, REQUEST_ID)

    def test_conversations_survive_a_restart(self):
        created = self.create()
        created.ClearField("threads")
        self.assertEqual(self.server.stop(), 0)
        again = self.start_server().client("ann")
        self.assertEqual(again.get_conversation(created.name), created)


class DerivedPropertiesTest(ConversationTestCase):

    def test_a_thread_brings_its_conversation(self):
        thread = self.ann.create_thread("groups/g", Thread(topic="Lunch", preview="Where?"))
        self.assertEqual(self.ann.get_conversation(conversation_of(thread)), Conversation(
            id=thread.conversation_id, name=conversation_of(thread), topic="Lunch",
            preview="Where?", last_delivered_date_time=thread.last_delivered_date_time,
            created_date_time=thread.created_date_time))

    def test_a_conversation_follows_its_threads(self):
        created = self.create()
        first = created.threads[0]
        second = self.bob.create_thread(created.name, Thread(
            topic="More plans", posts=[text_post("Second", attachments=[Attachment(
                display_name="a", file=resources.FileAttachment(content_bytes=b"a"))])]))
        conversation = self.ann.get_conversation(created.name)
        self.assertEqual((conversation.topic, conversation.preview, conversation.has_attachments,
                          list(conversation.unique_senders)),
                         ("Plans", "Second", True, ["ann", "Bob"]))
        self.assertEqual(conversation.last_delivered_date_time, second.last_delivered_date_time)

        reply = self.ann.reply_to_thread(first.name, text_post("First again"))
        conversation = self.ann.get_conversation(created.name)
        self.assertEqual(conversation.preview, "First again")
        self.assertEqual(conversation.last_delivered_date_time, reply.received_date_time)

        self.ann.delete_thread(second.name)
        conversation = self.ann.get_conversation(created.name)
        self.assertEqual((conversation.has_attachments, list(conversation.unique_senders)),
                         (False, ["ann"]))
        self.assertEqual(conversation.created_date_time, created.created_date_time)


class ListConversationsTest(ConversationTestCase):

    def setUp(self):
        super().setUp()
        self.created = [self.create(topic) for topic in "abcde"]

    def test_newest_activity_comes_first(self):
        self.assertEqual(self.topics(), list("edcba"))
        self.bob.reply_to_thread(self.created[1].threads[0].name, text_post("Up"))
        self.assertEqual(self.topics(), list("bedca"))
        self.bob.create_thread(self.created[0].name, Thread(topic="New", posts=[text_post("Up")]))
        self.assertEqual(self.topics(order_by="last_delivered_date_time desc"), list("abedc"))
        self.assertEqual(self.topics(order_by="create_time"), list("abcde"))
        self.assertEqual(self.topics(order_by="create_time desc"), list("edcba"))

    def test_pages_of_each_order(self):
        self.bob.create_thread(self.created[2].name, Thread(posts=[text_post("Up")]))
        for order in ("", "create_time", "create_time desc"):
            whole = self.conversations(order_by=order)
            for size, lengths in ((2, [2, 2, 1]), (5, [5]), (0, [5])):
                with self.subTest(order=order, page_size=size):
                    listed = list(pages(self.ann.list_conversations, "groups/g", page_size=size,
                                        order_by=order))
                    self.assertEqual([len(page.conversations) for page in listed], lengths)
                    self.assertEqual([conversation for page in listed
                                      for conversation in page.conversations], whole)

    def test_a_walk_goes_on_where_a_conversation_was_deleted(self):
        for order, rest in (("", "cba"), ("create_time", "ce"), ("create_time desc", "a")):
            page = self.ann.list_conversations("groups/g", page_size=2, order_by=order)
            self.ann.delete_conversation(page.conversations[-1].name)
            after = self.ann.list_conversations("groups/g", order_by=order,
                                                page_token=page.next_page_token)
            self.assertEqual([conversation.topic for conversation in after.conversations],
                             list(rest))

    def test_a_token_is_for_its_list(self):
        token = self.ann.list_conversations("groups/g", page_size=1).next_page_token
        self.assert_invalid(["page_token"], self.ann.list_conversations, "groups/g",
                            page_token=token, order_by="create_time")
        self.assert_invalid(["page_token"], self.ann.list_threads, "groups/g", page_token=token)
        self.ann.create_group("h")
        self.assert_invalid(["page_token"], self.ann.list_conversations, "groups/h",
                            page_token=token)
        self.assert_invalid(["parent", "page_size", "page_token", "order_by"],
                            self.ann.list_conversations, "groups", page_size=-1, page_token="x",
                            order_by="preview")

    def test_a_group_without_conversations_has_an_empty_list(self):
        self.ann.create_group("h")
        page = self.ann.list_conversations("groups/h")
        self.assertEqual(page, type(page)())


class DeleteConversationTest(ConversationTestCase):

    def setUp(self):
        super().setUp()
        self.kept = self.create("Kept")
        self.gone = self.create("Gone")
        self.thread = self.gone.threads[0]
        self.post = self.thread.posts[0]
        self.attachment = self.ann.create_attachment(self.post.name, Attachment(
            display_name="a", file=resources.FileAttachment(content_bytes=b"a")))
        self.extension = self.ann.create_extension(self.post.name, Extension(
            extension_name="com.example.a", content_json="{}"))

    def assert_all_gone(self):
        for group in ALIASES:
            conversation = f"{group}/conversations/{self.gone.id}"
            self.assert_not_found(("Conversation", self.gone.name),
                                  self.ann.get_conversation, conversation)
            for call in (self.ann.list_threads, self.ann.create_thread):
                self.assert_not_found(("Conversation", self.gone.name), call, conversation)
            for threads in (f"{group}/threads", f"{conversation}/threads"):
                thread = f"{threads}/{self.thread.id}"
                post = f"{thread}/posts/{self.post.id}"
                for call, name in (
                        (self.ann.get_thread, thread), (self.ann.list_posts, thread),
                        (self.ann.delete_thread, thread), (self.ann.get_post, post),
                        (self.ann.list_attachments, post), (self.ann.list_extensions, post),
                        (self.ann.delete_post, post),
                        (self.ann.get_attachment, f"{post}/attachments/{self.attachment.id}"),
                        (self.ann.get_extension, f"{post}/extensions/com.example.a")):
                    with self.subTest(call=call, name=name):
                        self.assert_refused(Code.NOT_FOUND, "RESOURCE_NOT_FOUND", call, name)
                self.assert_refused(Code.NOT_FOUND, "RESOURCE_NOT_FOUND",
                                    self.ann.reply_to_thread, thread, text_post("Hello?"))
                self.assert_refused(Code.NOT_FOUND, "RESOURCE_NOT_FOUND",
                                    self.ann.reply_to_post, post, text_post("Hello?"))
        for order in ("", "create_time", "create_time desc"):
            self.assertEqual(self.topics(order_by=order), ["Kept"])
            threads = self.ann.list_threads("groups/g", order_by=order).threads
            self.assertEqual([thread.topic for thread in threads], ["Kept"])

    def test_everything_of_it_is_gone(self):
        self.bob.create_thread(self.gone.name, Thread(posts=[text_post("More")]))
        self.bob.delete_conversation(f"me/joinedGroups/g/conversations/{self.gone.id}")
        self.assert_all_gone()
        self.assert_not_found(("Conversation", self.gone.name), self.ann.delete_conversation,
                              self.gone.name)
        self.assertEqual(self.ann.get_post(self.kept.threads[0].posts[0].name),
                         self.kept.threads[0].posts[0])

    def test_it_goes_with_its_last_thread(self):
        other = self.bob.create_thread(self.gone.name, Thread(posts=[text_post("More")]))
        self.ann.delete_thread(other.name)
        self.assertEqual(self.ann.get_conversation(self.gone.name).topic, "Gone")
        self.ann.delete_thread(self.thread.name)
        self.assert_all_gone()

    def test_it_stays_gone_after_a_restart(self):
        self.ann.delete_conversation(self.gone.name)
        self.assertEqual(self.server.stop(), 0)
        self.ann = self.start_server().client("ann")
        self.assert_all_gone()

    def test_a_group_whose_conversations_are_gone_is_empty(self):
        for conversation in (self.gone, self.kept):
            self.assert_refused(Code.FAILED_PRECONDITION, "GROUP_NOT_EMPTY",
                                self.ann.delete_group, "groups/g")
            self.ann.delete_conversation(conversation.name)
        self.ann.delete_group("groups/g")

    def test_it_is_not_found_through_another_group(self):
        self.ann.create_group("h")
        name = f"groups/h/conversations/{self.gone.id}"
        for call in (self.ann.get_conversation, self.ann.delete_conversation):
            self.assert_not_found(("Conversation", name), call, name)
        self.assertEqual(self.ann.get_conversation(self.gone.name).topic, "Gone")


if __name__ == "__main__":
    unittest.main()
