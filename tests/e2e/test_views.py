"""Filters, orders by topic, masks and expansions of gets and lists."""

import unittest

from google.protobuf import field_mask_pb2

import harness
from harness import Code, ItemBody, Post, Thread, all_threads, mailbox, pages


def paths(*names):
    return field_mask_pb2.FieldMask(paths=names)


class ViewsTest(harness.TestCase):

    def setUp(self):
        super().setUp()
        self.client = self.start_server().client()
        self.client.create_group("g", allow_external_senders=True)
        self.threads = [
            self.client.create_thread("groups/g", Thread(
                topic=topic, is_locked=topic == "b", to_recipients=[mailbox("Zoe", "zoe@x")]))
            for topic in ("c", "a", "b")]

    def topics(self, **fields):
        return [thread.topic for thread in
                all_threads(self.client, "groups/g", page_size=1, **fields)]

    def reply(self, text):
        return self.client.reply_to_thread(self.threads[0].name, Post(
            sender=mailbox("Ann", "ann@x"), body=ItemBody(content=text)))

    def test_orders(self):
        for order_by, expected in (("topic", "abc"), ("topic desc", "cba"),
                                   ("lastDeliveredDateTime", "cab"),
                                   ("lastDeliveredDateTime desc", "bac"),
                                   ("createdDateTime asc", "cab")):
            with self.subTest(order_by=order_by):
                self.assertEqual(self.topics(order_by=order_by), list(expected))

    def test_filters(self):
        second = self.threads[1].created_date_time.ToJsonString()
        for text, expected in (("isLocked eq true", "b"), ("topic in ('a', 'c')", "ac"),
                               ("contains(topic, 'x')", ""), (f"createdDateTime ge {second}", "ba"),
                               (f"lastDeliveredDateTime lt {second} or topic eq 'b'", "bc")):
            with self.subTest(filter=text):
                self.assertEqual(self.topics(filter=text), list(expected))
        self.assert_invalid(["filter"], self.client.list_threads, "groups/g", filter="topic is 'a'")
        self.assert_invalid(["filter"], self.client.list_conversations, "groups/g",
                            filter="isLocked eq true")
        self.reply("needle")
        self.reply("hay")
        found = [post for page in pages(self.client.list_posts, self.threads[0].name,
                                        filter="contains(body/content, 'needle')")
                 for post in page.posts]
        self.assertEqual([post.body.content for post in found], ["needle"])

    def test_a_token_belongs_to_its_filter(self):
        token = self.client.list_threads("groups/g", page_size=1, filter="topic ne 'x'",
                                         ).next_page_token
        self.assert_invalid(["page_token"], self.client.list_threads, "groups/g", page_token=token)

    def test_masks(self):
        thread = self.client.get_thread(self.threads[0].name, read_mask=paths("topic", "id"))
        self.assertEqual(thread, Thread(id=self.threads[0].id, topic="c"))
        page = self.client.list_threads("groups/g", page_size=2, read_mask=paths("topic"))
        self.assertEqual(list(page.threads), [Thread(topic="b"), Thread(topic="a")])
        rest = self.client.list_threads("groups/g", page_token=page.next_page_token,
                                        read_mask=paths("*"))
        self.assertEqual(list(rest.threads), [self.threads[0]])
        post = self.reply("text")
        self.assertEqual(self.client.get_post(post.name, read_mask=paths("body.content")),
                         Post(body=ItemBody(content="text")))
        self.assert_invalid(["read_mask"], self.client.get_thread, self.threads[0].name,
                            read_mask=paths("subject"))

    def test_expansions(self):
        name = self.threads[0].name
        first = self.reply("first")
        reply = self.client.reply_to_post(first.name, Post(
            sender=mailbox("Bob"), body=ItemBody(content="second")))
        thread = self.client.get_thread(name, expand=paths("posts"), read_mask=paths("topic"))
        self.assertEqual(thread, Thread(topic="c", posts=self.client.list_posts(name).posts))
        expanded = self.client.get_post(reply.name, expand=paths("in_reply_to"))
        self.assertEqual(expanded.in_reply_to_post, self.client.get_post(first.name))
        conversation = self.client.get_conversation(
            f"groups/g/conversations/{self.threads[1].conversation_id}", expand=paths("threads"))
        self.assertEqual(list(conversation.threads), [self.threads[1]])
        for _ in range(101):
            self.reply("more")
        page = self.client.list_threads("groups/g", expand=paths("posts"))
        self.assertEqual([len(thread.posts) for thread in page.threads], [100, 0, 0])
        rest = self.client.list_posts(name, page_token=page.threads[0].posts_next_page_token)
        self.assertEqual(len(rest.posts), 3)
        self.assert_refused(Code.INVALID_ARGUMENT, "INVALID_FIELD", self.client.get_thread, name,
                            expand=paths("threads"))


if __name__ == "__main__":
    unittest.main()
