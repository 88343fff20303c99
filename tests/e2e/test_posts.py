"""Posts: replying, editing, deleting, forwarding, and what a thread derives from its posts."""

import unittest
import uuid

from google.protobuf import json_format

import harness
from harness import (UNKNOWN_ID, Attachment, Client, Code, Extension, ItemBody, Post, Thread,
                     mailbox, pages, text_post)
from harness import resources

REQUEST_ID = "6f1c3bd6-7dd1-4f0c-9f0e-0d5c2ad3a7b1"
ROBOT = mailbox("Robot", "robot@example.com")


def note(name="note.txt", content=b"note"):
    return Attachment(display_name=name, file=resources.FileAttachment(content_bytes=content))


class PostTestCase(harness.TestCase):
    """The group `g` has the owner olga and the members ann and bob, and takes posts from anyone;
    ann has a thread in it whose first post is hers."""

    group = {"allow_external_senders": True}

    def setUp(self):
        super().setUp()
        self.start()
        self.olga.create_group("g", **self.group)
        self.olga.add_member("groups/g", "ann", display_name="Ann Lee", mail="ann@example.com")
        self.olga.add_member("groups/g", "bob")
        created = self.ann.create_thread("groups/g", Thread(topic="Lunch",
                                                            posts=[text_post("Where?")]))
        self.first = created.posts[0]
        self.thread = self.ann.get_thread(created.name)

    def start(self):
        self.server = self.start_server()
        channel = self.server.connect()
        self.application = Client(channel)
        self.olga, self.ann, self.bob = (Client(channel, user) for user in ("olga", "ann", "bob"))

    def read_thread(self):
        return self.application.get_thread(self.thread.name)

    def posts(self, **fields):
        return [post for page in pages(self.application.list_posts, self.thread.name, **fields)
                for post in page.posts]

    def texts(self):
        return [post.body.content for post in self.posts()]

    def assert_etags_change(self, call):
        """Makes a call that must give the first post and its thread new etags."""
        before = self.application.get_post(self.first.name), self.read_thread()
        answer = call()
        after = self.application.get_post(self.first.name), self.read_thread()
        for old, new in zip(before, after):
            self.assertNotEqual(old.etag, new.etag)
            self.assertLessEqual(old.last_modified_date_time.ToNanoseconds(),
                                 new.last_modified_date_time.ToNanoseconds())
        return answer


class FirstPostTest(PostTestCase):

    def test_the_seed_with_a_post_says_what_the_post_says(self):
        sent = json_format.ParseDict(harness.seed("create_thread_request.json"), Thread())
        sent.posts.add(sender=ROBOT, body=ItemBody(
            content_type="html", content="<p>Hello,</p><p>world</p>"))
        created = self.application.create_thread("groups/g", sent)

        post = created.posts[0]
        self.assertEqual(created.preview, "Hello, world")
        self.assertEqual(list(created.unique_senders), ["Robot"])
        self.assertFalse(created.has_attachments)
        self.assertEqual(created.last_delivered_date_time, post.received_date_time)
        for kept in ("topic", "to_recipients", "cc_recipients", "is_locked"):
            self.assertEqual(getattr(created, kept), getattr(sent, kept))
        self.assertEqual(self.application.get_post(post.name), post)

        created.ClearField("posts")
        self.assertEqual(self.application.get_thread(created.name), created)

    def test_the_answer_to_a_create_has_the_post_as_stored(self):
        expected = Post(
            id=self.first.id, name=f"{self.thread.name}/posts/{self.first.id}",
            etag=self.first.etag, conversation_id=self.thread.conversation_id,
            conversation_thread_id=self.thread.id,
            body=ItemBody(content_type="text", content="Where?"),
            sender=mailbox("Ann Lee", "ann@example.com"))
        getattr(expected, "from").CopyFrom(expected.sender)
        for time in ("created_date_time", "last_modified_date_time", "received_date_time"):
            getattr(expected, time).CopyFrom(self.first.created_date_time)
        self.assertEqual(self.first, expected)
        self.assertEqual(uuid.UUID(self.first.id).version, 7)
        self.assertRegex(self.first.etag, '^"[^"]+"$')
        self.assertEqual(self.bob.get_post(self.first.name), self.first)
        self.assertEqual(self.posts(), [self.first])

    def test_a_thread_locked_at_its_creation_keeps_its_first_post(self):
        created = self.ann.create_thread("groups/g", Thread(
            topic="Announcement", is_locked=True, posts=[text_post("Read this")]))
        self.assertTrue(created.is_locked)
        self.assertEqual(created.preview, "Read this")
        refusal = self.assert_refused(Code.FAILED_PRECONDITION, "THREAD_LOCKED",
                                      self.ann.reply_to_thread, created.name, text_post("Yes"))
        self.assertEqual(refusal.resource, ("threadstore/ConversationThread", created.name))
        self.assertEqual(len(self.ann.list_posts(created.name).posts), 1)

    def test_a_thread_begins_with_one_post_at_most(self):
        self.assert_invalid(["thread.posts"], self.ann.create_thread, "groups/g", Thread(
            topic="Lunch", posts=[text_post("One"), text_post("Two")]))

    def test_a_create_with_a_post_is_idempotent(self):
        thread = Thread(topic="Once", posts=[text_post("Once")])
        created = self.ann.create_thread("groups/g", thread, REQUEST_ID)
        again = self.ann.create_thread("me/joinedGroups/g", thread, REQUEST_ID)
        self.assertEqual((again.id, again.etag), (created.id, created.etag))
        self.assertEqual(len(self.ann.list_posts(created.name).posts), 1)
        other = Thread(topic="Once", posts=[text_post("Twice")])
        self.assert_refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED",
                            self.ann.create_thread, "groups/g", other, REQUEST_ID)


class ReplyTest(PostTestCase):

    def test_a_user_posts_as_itself(self):
        for client, name, address in ((self.ann, "Ann Lee", "ann@example.com"),
                                      (self.bob, "bob", "")):
            sender = client.reply_to_thread(self.thread.name, text_post("Here")).sender
            self.assertEqual((sender.email_address.name, sender.email_address.address),
                             (name, address))

    def test_a_user_does_not_name_a_sender(self):
        self.assert_invalid(["post.sender"], self.ann.reply_to_thread, self.thread.name,
                            text_post("Here", sender=ROBOT))
        self.assert_invalid(["thread.posts[0].sender"], self.ann.create_thread, "groups/g",
                            Thread(topic="Lunch", posts=[text_post("Here", sender=ROBOT)]))

    def test_an_application_names_a_sender(self):
        for sender in (ROBOT, mailbox(name="Only a name"), mailbox(address="only@example.com")):
            post = self.application.reply_to_thread(self.thread.name,
                                                    text_post("Here", sender=sender))
            self.assertEqual(post.sender, sender)
            self.assertEqual(self.application.get_post(post.name), post)
        self.assertEqual(list(self.read_thread().unique_senders),
                         ["Ann Lee", "Robot", "Only a name", "only@example.com"])
        self.assert_invalid(["post.sender"], self.application.reply_to_thread, self.thread.name,
                            text_post("Here"))
        self.assert_invalid(["post.sender"], self.application.reply_to_post, self.first.name,
                            text_post("Here"))

    def test_a_reply_comes_back_as_it_was_sent(self):
        sent = Post(body=ItemBody(content_type="html",
                                  content="<p>e\u0301 \U0001f35c &amp;\r\n</p>"),
                    categories=["red", "Blue \u00e9"],
                    new_participants=[mailbox("Carl", "carl@example.com"), mailbox(name="Dora")])
        post = self.ann.reply_to_thread(self.thread.name, sent)
        for field, value in sent.ListFields():
            self.assertEqual(getattr(post, field.name), value)
        self.assertEqual(post.in_reply_to, "")
        self.assertFalse(post.has_attachments)
        self.assertEqual(self.bob.get_post(post.name), post)

    def test_a_thread_follows_its_posts(self):
        self.bob.reply_to_thread(self.thread.name, text_post("There"))
        self.ann.reply_to_thread(self.thread.name, text_post("No"))
        last = self.bob.reply_to_thread(self.thread.name, Post(body=ItemBody(
            content_type="html",
            content="<style>p {color: red}</style><p>Fish &amp; <b>chi</b>ps</p>"
                    "<div>today,<br>at   noon</div>")))
        thread = self.read_thread()
        self.assertEqual(thread.preview, "Fish & chips today, at noon")
        self.assertEqual(thread.last_delivered_date_time, last.received_date_time)
        self.assertEqual(list(thread.unique_senders), ["Ann Lee", "bob"])
        self.assertNotEqual(thread.etag, self.thread.etag)
        self.assertEqual(thread.created_date_time, self.thread.created_date_time)

    def test_a_preview_has_255_characters_and_cuts_none(self):
        self.ann.reply_to_thread(self.thread.name, text_post("\U0001f35c" * 1000))
        self.assertEqual(self.read_thread().preview, "\U0001f35c" * 255)

    def test_each_post_is_later_than_those_before(self):
        posts = [self.ann.reply_to_thread(self.thread.name, text_post(str(number)))
                 for number in range(20)]
        times = [post.created_date_time.ToNanoseconds() for post in [self.first, *posts]]
        self.assertEqual(times, sorted(set(times)))
        self.assertEqual([post.id for post in posts], sorted(post.id for post in posts))

    def test_replies_sent_together_are_all_kept(self):
        requests = [harness.thread_messages.ReplyToThreadRequest(
            name=self.thread.name, post=text_post(str(number))) for number in range(50)]
        futures = [self.ann.start(self.ann.threads.ReplyToThread, request) for request in requests]
        posts = [future.result() for future in futures]
        self.assertEqual(len({post.created_date_time.ToNanoseconds() for post in posts}), 50)
        stored = self.posts()
        self.assertEqual(len(stored), 51)
        self.assertEqual(self.read_thread().preview, stored[-1].body.content)

    def test_new_participants_are_added_to_the_recipients(self):
        carl, dora = mailbox("Carl", "carl@example.com"), mailbox(name="Dora")
        self.ann.reply_to_thread(self.thread.name, text_post("Hi", new_participants=[carl]))
        self.bob.reply_to_thread(self.thread.name, text_post("Hi", new_participants=[
            dora, mailbox("Karl", "carl@example.com"), dora]))
        self.assertEqual(list(self.read_thread().to_recipients), [carl, dora])
        self.assertEqual(list(self.read_thread().cc_recipients), [])

    def test_a_thread_has_500_recipients_at_most(self):
        def people(count):
            return [mailbox(address=f"{number}@example.com") for number in range(count)]
        self.ann.reply_to_thread(self.thread.name, text_post("All", new_participants=people(500)))
        self.ann.reply_to_thread(self.thread.name, text_post("Known", new_participants=people(9)))
        refusal = self.assert_refused(
            Code.FAILED_PRECONDITION, "TOO_MANY_RECIPIENTS", self.ann.reply_to_thread,
            self.thread.name, text_post("One more", new_participants=[mailbox(name="Zoe")]))
        self.assertEqual(refusal.resource, ("threadstore/ConversationThread", self.thread.name))
        self.assertEqual(self.texts(), ["Where?", "All", "Known"])
        self.assertEqual(list(self.read_thread().to_recipients), people(500))

    def test_a_reply_to_a_post_says_so(self):
        reply = self.bob.reply_to_post(self.first.name, text_post("There"))
        self.assertEqual(reply.in_reply_to, self.first.name)
        self.assertEqual(self.ann.get_post(reply.name), reply)
        self.assertEqual(self.texts(), ["Where?", "There"])
        self.ann.delete_post(self.first.name)
        self.assertEqual(self.ann.get_post(reply.name), reply)

    def test_a_reply_to_what_is_not_there_is_not_found(self):
        name = f"{self.thread.name}/posts/{UNKNOWN_ID}"
        self.assert_not_found(("Post", name), self.ann.reply_to_post, name, text_post("Hi"))
        other = self.ann.create_thread("groups/g", Thread(topic="Other"))
        name = f"{other.name}/posts/{self.first.id}"
        self.assert_not_found(("Post", name), self.ann.reply_to_post, name, text_post("Hi"))
        name = f"groups/g/threads/{UNKNOWN_ID}"
        self.assert_not_found(("ConversationThread", name), self.ann.reply_to_thread, name,
                              text_post("Hi"))

    def test_a_reply_must_be_given_without_an_id(self):
        request = harness.thread_messages.ReplyToThreadRequest(name=self.thread.name)
        self.assert_invalid(["post"], self.ann.call, self.ann.threads.ReplyToThread, request)
        self.assert_invalid(["post.id"], self.ann.reply_to_thread, self.thread.name,
                            text_post("Hi", id=UNKNOWN_ID))


class IdempotentReplyTest(PostTestCase):

    def test_the_same_reply_makes_one_post(self):
        reply = text_post("Once", categories=["red"])
        post = self.bob.reply_to_thread(self.thread.name, reply, REQUEST_ID)
        conversation = f"conversations/{self.thread.conversation_id}"
        for name in (self.thread.name, f"me/joinedGroups/g/threads/{self.thread.id}",
                     f"groups/g/{conversation}/threads/{self.thread.id}"):
            self.assertEqual(self.bob.reply_to_thread(name, reply, REQUEST_ID.upper()), post)
        self.assertEqual(self.texts(), ["Where?", "Once"])

    def test_the_same_reply_to_a_post_makes_one_post(self):
        post = self.bob.reply_to_post(self.first.name, text_post("Once"), REQUEST_ID)
        again = self.bob.reply_to_post(self.first.name, text_post("Once"), REQUEST_ID)
        self.assertEqual(again, post)
        self.assertEqual(self.texts(), ["Where?", "Once"])

    def test_another_reply_under_the_same_id_is_refused(self):
        self.bob.reply_to_thread(self.thread.name, text_post("Once"), REQUEST_ID)
        for call in (
                lambda: self.bob.reply_to_thread(self.thread.name, text_post("Two"), REQUEST_ID),
                lambda: self.bob.reply_to_post(self.first.name, text_post("Once"), REQUEST_ID),
                lambda: self.bob.create_thread("groups/g", Thread(topic="Once"), REQUEST_ID)):
            refusal = self.assert_refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED", call)
            self.assertEqual(refusal.fields, ["request_id"])
        self.ann.reply_to_thread(self.thread.name, text_post("Hers"), REQUEST_ID)
        self.assertEqual(self.texts(), ["Where?", "Once", "Hers"])

    def test_the_answer_is_the_post_as_it_is_now(self):
        post = self.bob.reply_to_thread(self.thread.name, text_post("Once"), REQUEST_ID)
        edited = self.bob.update_post(Post(name=post.name, categories=["red"]), "categories")
        self.assertEqual(
            self.bob.reply_to_thread(self.thread.name, text_post("Once"), REQUEST_ID), edited)
        self.bob.delete_post(post.name)
        self.assert_not_found(("Post", post.name), self.bob.reply_to_thread, self.thread.name,
                              text_post("Once"), REQUEST_ID)

    def test_the_same_reply_is_known_after_the_thread_was_locked(self):
        post = self.bob.reply_to_thread(self.thread.name, text_post("Once"), REQUEST_ID)
        self.ann.update_thread(Thread(name=self.thread.name, is_locked=True))
        self.assertEqual(
            self.bob.reply_to_thread(self.thread.name, text_post("Once"), REQUEST_ID), post)


class NamesTest(PostTestCase):

    def thread_names(self, user):
        for group in ("groups/g", "me/joinedGroups/g", f"users/{user}/joinedGroups/g"):
            for collection in ("threads", f"conversations/{self.thread.conversation_id}/threads"):
                yield f"{group}/{collection}/{self.thread.id}"

    def test_a_post_is_read_and_changed_under_each_of_its_names(self):
        for number, thread in enumerate(self.thread_names("ann")):
            with self.subTest(thread=thread):
                name = f"{thread}/posts/{self.first.id}"
                self.assertEqual(self.ann.get_post(name), self.ann.get_post(self.first.name))
                self.assertEqual(list(self.ann.list_posts(thread).posts), self.posts())
                reply = self.ann.reply_to_thread(thread, text_post(f"Reply {number}"))
                self.assertEqual(reply.name, f"{self.thread.name}/posts/{reply.id}")
                reply = self.ann.reply_to_post(name, text_post(f"Reply {number}"))
                self.assertEqual(reply.in_reply_to, self.first.name)
                categories = [f"category {number}"]
                edited = self.ann.update_post(Post(name=name, categories=categories))
                self.assertEqual((edited.name, list(edited.categories)),
                                 (self.first.name, categories))
                attachment = self.ann.create_attachment(name, note())
                self.assertEqual(attachment.name,
                                 f"{self.first.name}/attachments/{attachment.id}")
                alias = f"{name}/attachments/{attachment.id}"
                self.assertEqual(self.ann.get_attachment(alias),
                                 self.ann.get_attachment(attachment.name))
                self.ann.delete_post(f"{thread}/posts/{reply.id}")
                self.assert_not_found(("Post", reply.name), self.ann.get_post, reply.name)

    def test_a_post_is_not_found_through_another_conversation_or_group(self):
        self.olga.create_group("h")
        other = self.ann.create_thread("groups/g", Thread(topic="Other"))
        for thread in (f"groups/g/conversations/{other.conversation_id}/threads/{self.thread.id}",
                       f"groups/h/threads/{self.thread.id}", other.name):
            name = f"{thread}/posts/{self.first.id}"
            for call in (lambda name=name: self.application.get_post(name),
                         lambda name=name: self.application.list_attachments(name),
                         lambda name=name: self.application.list_extensions(name),
                         lambda name=name: self.application.delete_post(name)):
                self.assert_refused(Code.NOT_FOUND, "RESOURCE_NOT_FOUND", call)
        self.assertEqual(self.texts(), ["Where?"])

    def test_posts_survive_a_restart(self):
        reply = self.ann.reply_to_post(self.first.name, text_post("There", categories=["red"]))
        before = self.posts(), self.read_thread()
        self.assertEqual(self.server.stop(), 0)
        self.start()
        self.assertEqual(self.ann.get_post(reply.name), reply)
        self.assertEqual((self.posts(), self.read_thread()), before)


class ListPostsTest(PostTestCase):

    def setUp(self):
        super().setUp()
        self.all = [self.first] + [
            self.ann.reply_to_thread(self.thread.name, text_post(str(number)))
            for number in range(6)]

    def test_pages_of_either_order(self):
        for order, expected in (("", self.all), ("create_time", self.all),
                                ("create_time desc", self.all[::-1])):
            for size, lengths in ((3, [3, 3, 1]), (7, [7]), (4, [4, 3]), (0, [7])):
                with self.subTest(order=order, page_size=size):
                    listed = list(pages(self.bob.list_posts, self.thread.name, page_size=size,
                                        order_by=order))
                    self.assertEqual([len(page.posts) for page in listed], lengths)
                    self.assertEqual([post for page in listed for post in page.posts], expected)

    def test_a_walk_goes_on_where_a_post_was_deleted(self):
        page = self.ann.list_posts(self.thread.name, page_size=3)
        self.ann.delete_post(page.posts[-1].name)
        rest = self.ann.list_posts(self.thread.name, page_token=page.next_page_token)
        self.assertEqual(list(rest.posts), self.all[3:])

    def test_a_token_is_for_its_thread_and_order(self):
        token = self.ann.list_posts(self.thread.name, page_size=3).next_page_token
        other = self.ann.create_thread("groups/g", Thread(topic="Other"))
        self.assert_invalid(["page_token"], self.ann.list_posts, other.name, page_token=token)
        self.assert_invalid(["page_token"], self.ann.list_posts, self.thread.name,
                            page_token=token, order_by="create_time desc")
        self.assert_invalid(["page_size", "order_by"], self.ann.list_posts, self.thread.name,
                            page_size=-1, order_by="last_delivered_date_time desc")

    def test_pages_of_large_posts_reach_a_client_with_default_settings(self):
        for _ in range(5):
            self.all.append(self.ann.reply_to_thread(self.thread.name, text_post("x" * (1 << 20))))
        for order, expected in (("create_time", self.all), ("create_time desc", self.all[::-1])):
            self.assertEqual(self.posts(page_size=1000, order_by=order), expected)

    def test_a_thread_without_posts_has_an_empty_list(self):
        thread = self.ann.create_thread("groups/g", Thread(topic="Empty"))
        page = self.ann.list_posts(thread.name)
        self.assertEqual(page, type(page)())
        name = f"groups/g/threads/{UNKNOWN_ID}"
        self.assert_not_found(("ConversationThread", name), self.ann.list_posts, name)


class LockTest(PostTestCase):

    def setUp(self):
        super().setUp()
        self.locked = self.ann.update_thread(Thread(name=self.thread.name, is_locked=True),
                                             "is_locked")

    def test_a_locked_thread_says_so(self):
        self.assertTrue(self.locked.is_locked)
        self.assertNotEqual(self.locked.etag, self.thread.etag)
        self.assertEqual(self.read_thread(), self.locked)

    def test_a_locked_thread_takes_no_replies(self):
        for call in (lambda: self.ann.reply_to_thread(self.thread.name, text_post("No")),
                     lambda: self.bob.reply_to_post(self.first.name, text_post("No")),
                     lambda: self.application.reply_to_thread(self.thread.name,
                                                              text_post("No", sender=ROBOT))):
            refusal = self.assert_refused(Code.FAILED_PRECONDITION, "THREAD_LOCKED", call)
            self.assertEqual(refusal.resource,
                             ("threadstore/ConversationThread", self.thread.name))
        self.assertEqual(self.posts(), [self.first])
        self.assertEqual(self.read_thread(), self.locked)

    def test_a_locked_threads_posts_may_be_changed_and_deleted(self):
        edited = self.ann.update_post(Post(name=self.first.name, body=ItemBody(content="There")))
        self.assertEqual(edited.body.content, "There")
        self.assertEqual(self.read_thread().preview, "There")
        self.ann.delete_post(self.first.name)
        self.assertEqual(self.posts(), [])

    def test_an_unlocked_thread_takes_replies_again(self):
        self.ann.update_thread(Thread(name=self.thread.name), "is_locked")
        self.ann.reply_to_thread(self.thread.name, text_post("Yes"))
        self.assertEqual(self.texts(), ["Where?", "Yes"])


class UpdateThreadTest(PostTestCase):

    def test_the_threads_own_topic_may_be_sent_along(self):
        for paths in ((), ("topic", "is_locked"), ("*",)):
            updated = self.ann.update_thread(
                Thread(name=self.thread.name, topic="Lunch", is_locked=True), *paths)
            self.assertTrue(updated.is_locked)
            self.ann.update_thread(Thread(name=self.thread.name), "is_locked")
        self.assert_invalid(["thread.topic"], self.ann.update_thread,
                            Thread(name=self.thread.name, topic="Dinner", is_locked=True))
        self.assertFalse(self.read_thread().is_locked)

    def test_nothing_else_can_be_changed(self):
        for path in ("preview", "to_recipients", "name", "no_such_field"):
            self.assert_invalid(["update_mask"], self.ann.update_thread,
                                Thread(name=self.thread.name, preview="x"), path)

    def test_a_stale_etag_changes_nothing(self):
        self.bob.reply_to_thread(self.thread.name, text_post("There"))
        resource = ("threadstore/ConversationThread", self.thread.name)
        refusal = self.assert_refused(
            Code.ABORTED, "ETAG_MISMATCH", self.ann.update_thread,
            Thread(name=self.thread.name, etag=self.thread.etag, is_locked=True), "is_locked")
        self.assertEqual(refusal.resource, resource)
        refusal = self.assert_refused(Code.ABORTED, "ETAG_MISMATCH", self.ann.delete_thread,
                                      self.thread.name, self.thread.etag)
        self.assertEqual(refusal.resource, resource)
        current = self.read_thread()
        self.assertFalse(current.is_locked)
        locked = self.ann.update_thread(
            Thread(name=self.thread.name, etag=current.etag, is_locked=True), "is_locked")
        self.ann.delete_thread(self.thread.name, locked.etag)
        self.assert_not_found(("ConversationThread", self.thread.name), self.ann.get_thread,
                              self.thread.name)

    def test_a_thread_is_deleted_with_its_posts(self):
        attachment = self.ann.create_attachment(self.first.name, note())
        self.bob.delete_thread(f"me/joinedGroups/g/threads/{self.thread.id}")
        for call in (lambda: self.ann.get_thread(self.thread.name),
                     lambda: self.ann.list_posts(self.thread.name),
                     lambda: self.ann.get_post(self.first.name),
                     lambda: self.ann.get_attachment(attachment.name),
                     lambda: self.ann.reply_to_thread(self.thread.name, text_post("Hello?")),
                     lambda: self.ann.delete_thread(self.thread.name)):
            self.assert_refused(Code.NOT_FOUND, "RESOURCE_NOT_FOUND", call)
        self.assertEqual(list(self.ann.list_threads("groups/g").threads), [])


class UpdatePostTest(PostTestCase):

    def test_a_new_body_is_the_threads_preview_if_the_post_is_the_newest(self):
        body = ItemBody(content_type="html", content="<b>Here</b>")
        edited = self.assert_etags_change(
            lambda: self.ann.update_post(Post(name=self.first.name, body=body), "body"))
        self.assertEqual(edited.body, body)
        self.assertEqual(self.bob.get_post(self.first.name), edited)
        self.assertEqual(self.read_thread().preview, "Here")
        self.assertEqual(edited.created_date_time, self.first.created_date_time)

        self.bob.reply_to_thread(self.thread.name, text_post("There"))
        self.ann.update_post(Post(name=self.first.name, body=ItemBody(content="Somewhere")))
        self.assertEqual(self.read_thread().preview, "There")
        self.assertEqual(self.texts(), ["Somewhere", "There"])

    def test_a_body_is_text_unless_it_says_otherwise(self):
        edited = self.ann.update_post(Post(name=self.first.name, body=ItemBody(content="<b>")))
        self.assertEqual(edited.body.content_type, "text")
        self.assertEqual(self.read_thread().preview, "<b>")

    def test_only_what_the_mask_names_is_changed(self):
        sent = Post(name=self.first.name, body=ItemBody(content="New"), categories=["red"])
        edited = self.ann.update_post(sent, "categories")
        self.assertEqual((edited.body, list(edited.categories)), (self.first.body, ["red"]))
        edited = self.ann.update_post(Post(name=self.first.name, body=sent.body))
        self.assertEqual((edited.body.content, list(edited.categories)), ("New", ["red"]))
        edited = self.ann.update_post(Post(name=self.first.name), "categories")
        self.assertEqual(list(edited.categories), [])
        edited = self.ann.update_post(Post(name=self.first.name), "body")
        self.assertEqual(edited.body, ItemBody(content_type="text"))
        self.assertEqual(self.read_thread().preview, "")
        for path in ("sender", "new_participants", "attachments", "no_such_field"):
            self.assert_invalid(["update_mask"], self.ann.update_post, sent, path)

    def test_a_stale_etag_changes_nothing(self):
        edited = self.ann.update_post(Post(name=self.first.name, etag=self.first.etag,
                                           categories=["red"]))
        for call in (
                lambda: self.ann.update_post(Post(name=self.first.name, etag=self.first.etag,
                                                  categories=["blue"])),
                lambda: self.ann.delete_post(self.first.name, self.first.etag)):
            refusal = self.assert_refused(Code.ABORTED, "ETAG_MISMATCH", call)
            self.assertEqual(refusal.resource, ("threadstore/Post", self.first.name))
        self.assertEqual(self.posts(), [edited])
        self.ann.delete_post(self.first.name, edited.etag)
        self.assertEqual(self.posts(), [])


class AuthorTest(PostTestCase):

    def assert_not_the_author(self, call, *args):
        self.assert_refused(Code.PERMISSION_DENIED, "NOT_THE_AUTHOR", call, *args)

    def test_a_user_changes_only_its_own_posts(self):
        edit = Post(name=self.first.name, categories=["red"])
        for other in (self.bob, self.olga):
            self.assert_not_the_author(other.update_post, edit)
            self.assert_not_the_author(other.create_attachment, self.first.name, note())
        self.assert_not_the_author(self.bob.delete_post, self.first.name)
        self.assertEqual(self.posts(), [self.first])

    def test_an_author_changes_and_deletes(self):
        edit = Post(name=self.first.name, categories=["red"])
        self.assertEqual(list(self.ann.update_post(edit).categories), ["red"])
        self.ann.delete_post(self.first.name)
        self.assert_not_found(("Post", self.first.name), self.ann.delete_post, self.first.name)

    def test_an_owner_deletes_any_post(self):
        self.olga.delete_post(self.first.name)
        self.assertEqual(self.posts(), [])

    def test_an_application_changes_any_post(self):
        self.application.update_post(Post(name=self.first.name, categories=["red"]))
        through_bob = f"users/bob/joinedGroups/g/threads/{self.thread.id}/posts/{self.first.id}"
        self.application.update_post(Post(name=through_bob, categories=["blue"]))
        self.application.create_attachment(self.first.name, note())
        self.application.delete_post(self.first.name)
        self.assertEqual(self.posts(), [])

    def test_a_member_keeps_extensions_with_anyones_post(self):
        extension = self.bob.create_extension(self.first.name, Extension(
            extension_name="com.example.votes", content_json='{"bob": 1}'))
        self.assertEqual(self.ann.get_extension(extension.name), extension)


class DeletePostTest(PostTestCase):

    def test_a_thread_says_what_the_posts_that_are_left_say(self):
        second = self.bob.reply_to_thread(self.thread.name,
                                          text_post("There", attachments=[note()]))
        third = self.ann.reply_to_thread(self.thread.name, text_post("No"))
        self.assertTrue(self.read_thread().has_attachments)

        self.ann.delete_post(self.first.name)
        thread = self.read_thread()
        self.assertEqual((thread.preview, list(thread.unique_senders)), ("No", ["bob", "Ann Lee"]))
        self.ann.delete_post(third.name)
        thread = self.read_thread()
        self.assertEqual((thread.preview, list(thread.unique_senders)), ("There", ["bob"]))
        self.assertEqual(thread.last_delivered_date_time, second.received_date_time)
        self.bob.delete_post(second.name)
        thread = self.read_thread()
        self.assertEqual((thread.preview, list(thread.unique_senders), thread.has_attachments),
                         ("", [], False))

    def test_a_thread_without_posts_was_delivered_when_it_was_created(self):
        thread = self.ann.create_thread("groups/g", Thread(topic="Later"))
        post = self.ann.reply_to_thread(thread.name, text_post("Now"))
        self.assertEqual(self.ann.get_thread(thread.name).last_delivered_date_time,
                         post.received_date_time)
        self.ann.delete_post(post.name)
        self.assertEqual(self.ann.get_thread(thread.name).last_delivered_date_time,
                         thread.last_delivered_date_time)

    def test_recipients_stay(self):
        carl = mailbox("Carl", "carl@example.com")
        post = self.ann.reply_to_thread(self.thread.name, text_post("Hi", new_participants=[carl]))
        self.ann.delete_post(post.name)
        self.assertEqual(list(self.read_thread().to_recipients), [carl])

    def test_a_reply_is_later_than_a_post_that_was_deleted(self):
        post = self.ann.reply_to_thread(self.thread.name, text_post("One"))
        self.ann.delete_post(post.name)
        again = self.ann.reply_to_thread(self.thread.name, text_post("Two"))
        self.assertGreater(again.id, self.first.id)
        self.assertNotEqual(again.id, post.id)


class GroupWithMailTest(PostTestCase):

    group = {"display_name": "Retail", "mail": "retail@example.com"}

    def test_posts_are_from_the_group_and_by_the_sender(self):
        self.assertEqual(getattr(self.first, "from"), mailbox("Retail", "retail@example.com"))
        self.assertEqual(self.first.sender, mailbox("Ann Lee", "ann@example.com"))
        self.assertEqual(self.posts(), [self.first])


class ForwardTest(PostTestCase):

    to = [mailbox("Carl", "carl@example.com"), mailbox(address="dora@example.com")]

    def test_a_forward_is_recorded(self):
        forward = self.bob.forward_post(self.first.name, self.to, comment="FYI")
        self.assertEqual(forward, resources.Forward(
            name=f"{self.first.name}/forwards/{forward.id}", id=forward.id, comment="FYI",
            to_recipients=self.to, created_date_time=forward.created_date_time))
        self.assertEqual(uuid.UUID(forward.id).version, 7)
        self.assertGreater(forward.created_date_time.seconds, 0)
        self.assertEqual(self.texts(), ["Where?"])

    def test_a_forward_is_recorded_once(self):
        forward = self.bob.forward_post(self.first.name, self.to, comment="FYI",
                                        request_id=REQUEST_ID)
        alias = f"me/joinedGroups/g/threads/{self.thread.id}/posts/{self.first.id}"
        self.assertEqual(self.bob.forward_post(alias, self.to, comment="FYI",
                                               request_id=REQUEST_ID), forward)
        for fields in ({"comment": "Else"}, {}):
            self.assert_refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED", self.bob.forward_post,
                                self.first.name, self.to, request_id=REQUEST_ID, **fields)

    def test_a_forward_needs_addresses(self):
        self.assert_invalid(["to_recipients"], self.bob.forward_post, self.first.name, [])
        self.assert_invalid(["to_recipients[1].email_address.address"], self.bob.forward_post,
                            self.first.name, [self.to[0], mailbox(name="Carl")])
        name = f"{self.thread.name}/posts/{UNKNOWN_ID}"
        self.assert_not_found(("Post", name), self.bob.forward_post, name, self.to)


if __name__ == "__main__":
    unittest.main()
