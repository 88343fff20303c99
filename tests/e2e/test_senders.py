"""Whose posts a group takes: accepted, rejected and external senders; changes of groups."""

import unittest

import harness
from harness import (Client, Code, Conversation, Group, Sender, Thread, mailbox, pages, text_post)

ACCEPTED = "groups/g/acceptedSenders"
REJECTED = "groups/g/rejectedSenders"


class SenderTestCase(harness.TestCase):
    """The group `g` has the owner olga and the members ann and bob."""

    def setUp(self):
        super().setUp()
        self.server = self.start_server()
        channel = self.server.connect()
        self.application = Client(channel)
        self.olga, self.ann, self.bob = (Client(channel, user) for user in ("olga", "ann", "bob"))
        self.olga.create_group("g", display_name="Retail")
        self.olga.add_member("groups/g", "ann", mail="ann@example.com")
        self.olga.add_member("groups/g", "bob", mail="bob@example.com")

    def ids(self, parent):
        return [sender.id for page in pages(self.olga.list_senders, parent, page_size=2)
                for sender in page.senders]


class SenderListTest(SenderTestCase):

    def test_a_sender_comes_back_as_it_was_added(self):
        for parent in (ACCEPTED, REJECTED):
            for sender in (f"user of {parent[9:12]}", f"{parent[9:12]}@example.com"):
                added = self.olga.add_sender(parent, sender)
                self.assertEqual(added, Sender(name=f"{parent}/{sender}", id=sender))
                self.assertIn(added, list(self.olga.list_senders(parent).senders))

    def test_the_lists_are_apart_and_by_id(self):
        for sender in ("zoe", "Ann", "\u00e9va", "mia"):
            self.olga.add_sender(ACCEPTED, sender)
        self.olga.add_sender("me/joinedGroups/g/rejectedSenders", "bob")
        self.assertEqual(self.ids(ACCEPTED), ["Ann", "mia", "zoe", "\u00e9va"])
        self.assertEqual(self.ids(REJECTED), ["bob"])
        for group in ("me/joinedGroups/g", "users/olga/joinedGroups/g"):
            self.assertEqual(self.ids(f"{group}/acceptedSenders"), self.ids(ACCEPTED))
            self.assertEqual(self.ids(f"{group}/rejectedSenders"), self.ids(REJECTED))
        token = self.olga.list_senders(ACCEPTED, page_size=1).next_page_token
        self.assert_invalid(["page_token"], self.olga.list_senders, REJECTED, page_token=token)

    def test_a_sender_is_on_one_list_once(self):
        self.olga.add_sender(ACCEPTED, "ann")
        refusal = self.assert_refused(Code.ALREADY_EXISTS, "RESOURCE_EXISTS",
                                      self.olga.add_sender, ACCEPTED, "ann")
        self.assertEqual(refusal.resource, ("threadstore/Sender", f"{ACCEPTED}/ann"))
        self.assert_refused(Code.INVALID_ARGUMENT, "INVALID_FIELD",
                            self.olga.add_sender, REJECTED, "ann")
        self.assertEqual((self.ids(ACCEPTED), self.ids(REJECTED)), (["ann"], []))

        self.olga.remove_sender("me/joinedGroups/g/acceptedSenders/ann")
        self.olga.add_sender(REJECTED, "ann")
        self.assertEqual((self.ids(ACCEPTED), self.ids(REJECTED)), ([], ["ann"]))

    def test_a_sender_that_is_not_on_the_list_is_not_found(self):
        self.olga.add_sender(ACCEPTED, "ann")
        for name in (f"{ACCEPTED}/bob", f"{REJECTED}/ann"):
            self.assert_not_found(("Sender", name), self.olga.remove_sender, name)
        self.assertEqual(self.ids(ACCEPTED), ["ann"])

    def test_what_no_sender_can_be(self):
        for sender in ("", "a/b", "a\nb", "u" * 257):
            self.assert_invalid(["sender.id"], self.olga.add_sender, ACCEPTED, sender)
        for parent in ("groups/g", "groups/g/senders", "groups/g/members", ""):
            self.assert_invalid(["parent"], self.olga.add_sender, parent, "ann")
            self.assert_invalid(["parent"], self.olga.list_senders, parent)

    def test_only_owners_keep_the_lists(self):
        self.olga.add_sender(REJECTED, "zoe")
        for call in (lambda: self.ann.add_sender(ACCEPTED, "ann"),
                     lambda: self.ann.remove_sender(f"{REJECTED}/zoe"),
                     lambda: self.ann.update_group(Group(name="groups/g", display_name="Mine"))):
            self.assert_refused(Code.PERMISSION_DENIED, "NOT_AN_OWNER", call)
        self.assertEqual([sender.id for sender in self.ann.list_senders(REJECTED).senders],
                         ["zoe"])
        self.application.remove_sender(f"{REJECTED}/zoe")
        self.application.add_sender(ACCEPTED, "ann")
        self.assertEqual((self.ids(ACCEPTED), self.ids(REJECTED)), (["ann"], []))

    def test_the_lists_survive_a_restart_and_go_with_the_group(self):
        self.olga.add_sender(ACCEPTED, "ann")
        self.olga.add_sender(REJECTED, "bob")
        self.assertEqual(self.server.stop(), 0)
        self.olga = self.start_server().client("olga")
        self.assertEqual((self.ids(ACCEPTED), self.ids(REJECTED)), (["ann"], ["bob"]))
        self.olga.delete_group("groups/g")
        self.olga.create_group("g")
        self.assertEqual((self.ids(ACCEPTED), self.ids(REJECTED)), ([], []))


class WhoMayPostTest(SenderTestCase):

    def setUp(self):
        super().setUp()
        self.thread = self.olga.create_thread("groups/g", Thread(topic="Lunch",
                                                                 posts=[text_post("Where?")]))

    def ways_to_post(self, client, **sender):
        """Every call that posts."""
        post = text_post("Hi", **sender)
        return [
            lambda: client.reply_to_thread(self.thread.name, post),
            lambda: client.reply_to_post(self.thread.posts[0].name, post),
            lambda: client.create_thread("groups/g", Thread(topic="T", posts=[post])),
            lambda: client.create_conversation("groups/g", Conversation(
                topic="T", threads=[Thread(posts=[post])])),
        ]

    def assert_may_post(self, client, **sender):
        for call in self.ways_to_post(client, **sender):
            call()

    def assert_may_not_post(self, client, **sender):
        def counts():
            return (len(self.olga.list_threads("groups/g").threads),
                    len(self.olga.list_posts(self.thread.name).posts))
        before = counts()
        for call in self.ways_to_post(client, **sender):
            self.assert_refused(Code.PERMISSION_DENIED, "SENDER_NOT_ALLOWED", call)
        self.assertEqual(counts(), before)

    def test_members_may_post_unless_there_are_lists(self):
        for member in (self.olga, self.ann, self.bob):
            self.assert_may_post(member)

    def test_rejected_senders_may_not_post(self):
        self.olga.add_sender(REJECTED, "bob")
        self.olga.add_sender(REJECTED, "ann@example.com")
        for member in (self.ann, self.bob):
            self.assert_may_not_post(member)
            self.assert_refused(Code.PERMISSION_DENIED, "SENDER_NOT_ALLOWED",
                                member.create_thread, "groups/g")
            self.assertEqual(member.get_thread(self.thread.name).topic, "Lunch")
        self.assert_may_post(self.olga)
        self.olga.remove_sender(f"{REJECTED}/bob")
        self.assert_may_post(self.bob)

    def test_of_accepted_senders_only_those_may_post(self):
        self.olga.add_sender(ACCEPTED, "ann")
        self.assert_may_post(self.ann)
        for member in (self.bob, self.olga):
            self.assert_may_not_post(member)
        self.olga.add_sender(ACCEPTED, "bob@example.com")
        self.assert_may_post(self.bob)
        for sender in ("ann", "bob@example.com"):
            self.olga.remove_sender(f"{ACCEPTED}/{sender}")
        self.assert_may_post(self.olga)

    def test_external_senders_may_post_only_where_they_are_allowed(self):
        external = mailbox("Xenia", "xenia@example.org")
        self.assert_may_not_post(self.application, sender=external)
        self.assert_may_not_post(self.application, sender=mailbox(name="Ann"))
        self.assert_may_post(self.application, sender=mailbox("A.", "ann@example.com"))

        self.olga.update_group(Group(name="groups/g", allow_external_senders=True),
                               "allow_external_senders")
        self.assert_may_post(self.application, sender=external)
        self.olga.add_sender(REJECTED, "xenia@example.org")
        self.assert_may_not_post(self.application, sender=external)
        self.olga.remove_sender(f"{REJECTED}/xenia@example.org")
        self.olga.add_sender(ACCEPTED, "someone@example.org")
        self.assert_may_not_post(self.application, sender=external)
        self.olga.add_sender(ACCEPTED, "xenia@example.org")
        self.assert_may_post(self.application, sender=external)
        self.olga.update_group(Group(name="groups/g"), "allow_external_senders")
        self.assert_may_not_post(self.application, sender=external)

    def test_who_may_not_post_may_still_change_what_it_posted(self):
        post = self.bob.reply_to_thread(self.thread.name, text_post("Hi"))
        self.olga.add_sender(REJECTED, "bob")
        self.bob.update_post(harness.Post(name=post.name, categories=["red"]))
        self.bob.delete_post(post.name)


class UpdateGroupTest(SenderTestCase):

    def test_only_what_the_mask_names_is_changed(self):
        before = self.olga.get_group("groups/g")
        sent = Group(name="me/joinedGroups/g", display_name="Sales", mail="sales@example.com",
                     allow_external_senders=True, description="Who sells", mail_nickname="sales")
        for path in ("mail", "allow_external_senders", "display_name", "description",
                     "mail_nickname"):
            setattr(before, path, getattr(sent, path))
            self.assertEqual(self.olga.update_group(sent, path), before)
            self.assertEqual(self.ann.get_group("groups/g"), before)
        updated = self.application.update_group(Group(name="groups/g", display_name="Shop"))
        self.assertEqual((updated.display_name, updated.mail), ("Shop", "sales@example.com"))
        updated = self.application.update_group(Group(name="groups/g", display_name="Bare"), "*")
        self.assertEqual(updated, Group(name="groups/g", id="g", display_name="Bare",
                                        created_date_time=before.created_date_time))

    def test_what_cannot_be_changed(self):
        group = Group(name="groups/g", display_name="Sales")
        for path in ("id", "name", "created_date_time", "no_such_field"):
            self.assert_invalid(["update_mask"], self.olga.update_group, group, path)
        self.assert_invalid(["group.display_name", "group.mail"], self.olga.update_group,
                            Group(name="groups/g", display_name="n" * 257, mail="m" * 321))
        self.assert_invalid(["group.name"], self.olga.update_group, Group(name="g"))
        self.assertEqual(self.olga.get_group("groups/g").display_name, "Retail")


if __name__ == "__main__":
    unittest.main()
