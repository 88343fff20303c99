"""Who may see and do what: users, applications, and the names they use."""

import unittest

import harness
from harness import (UNKNOWN_ID, Attachment, Client, Code, Conversation, Extension, Group, Member,
                     Post, Thread, User, mailbox, resources, text_post)


def calls_on(client, group, thread=None):
    """Every call that acts on a group: its name, the field that names the group, the call. With
    a thread of that group, the calls name it and its conversation."""
    thread_id = thread.id if thread else UNKNOWN_ID
    conversation = f"{group}/conversations/{thread.conversation_id if thread else UNKNOWN_ID}"
    thread_name = f"{group}/threads/{thread_id}"
    post_name = f"{thread_name}/posts/{UNKNOWN_ID}"
    attachment_name = f"{post_name}/attachments/{UNKNOWN_ID}"
    extension_name = f"{post_name}/extensions/com.example.a"
    senders = f"{group}/acceptedSenders"
    # Only an application says who posts.
    post = text_post("Hi") if client.metadata else text_post("Hi", sender=mailbox("Robot"))
    extension = Extension(extension_name="com.example.a", content_json="{}")
    return [
        ("GetGroup", "name", lambda: client.get_group(group)),
        ("DeleteGroup", "name", lambda: client.delete_group(group)),
        ("AddMember", "parent", lambda: client.add_member(group, "zoe")),
        ("RemoveMember", "name", lambda: client.remove_member(f"{group}/members/olga")),
        ("GetMember", "name", lambda: client.get_member(f"{group}/members/olga")),
        ("UpdateMember", "member.name", lambda: client.update_member(
            Member(name=f"{group}/members/olga", display_name="x"))),
        ("ListMembers of owners", "parent", lambda: client.list_members(f"{group}/owners")),
        ("AddMember to owners", "parent", lambda: client.add_member(
            f"{group}/owners", "zoe", Member.ROLE_OWNER)),
        ("RemoveMember from owners", "name",
         lambda: client.remove_member(f"{group}/owners/olga")),
        ("ListMembers", "parent", lambda: client.list_members(group)),
        ("UpdateGroup", "group.name",
         lambda: client.update_group(Group(name=group, display_name="x"))),
        ("AddSender", "parent", lambda: client.add_sender(senders, "zoe")),
        ("RemoveSender", "name", lambda: client.remove_sender(f"{senders}/zoe")),
        ("ListSenders", "parent", lambda: client.list_senders(senders)),
        ("CreateConversation", "parent", lambda: client.create_conversation(
            group, Conversation(topic="T", threads=[Thread()]))),
        ("GetConversation", "name", lambda: client.get_conversation(conversation)),
        ("ListConversations", "parent", lambda: client.list_conversations(group)),
        ("DeleteConversation", "name", lambda: client.delete_conversation(conversation)),
        ("CreateThread", "parent", lambda: client.create_thread(group)),
        ("CreateThread in conversation", "parent", lambda: client.create_thread(conversation)),
        ("GetThread", "name", lambda: client.get_thread(f"{group}/threads/{thread_id}")),
        ("GetThread in conversation", "name",
         lambda: client.get_thread(f"{conversation}/threads/{thread_id}")),
        ("ListThreads", "parent", lambda: client.list_threads(group)),
        ("ListThreads of conversation", "parent", lambda: client.list_threads(conversation)),
        ("UpdateThread", "thread.name",
         lambda: client.update_thread(Thread(name=thread_name, is_locked=True))),
        ("DeleteThread", "name", lambda: client.delete_thread(thread_name)),
        ("ReplyToThread", "name", lambda: client.reply_to_thread(thread_name, post)),
        ("GetPost", "name", lambda: client.get_post(post_name)),
        ("ListPosts", "parent", lambda: client.list_posts(thread_name)),
        ("UpdatePost", "post.name",
         lambda: client.update_post(Post(name=post_name, categories=["red"]))),
        ("DeletePost", "name", lambda: client.delete_post(post_name)),
        ("ReplyToPost", "name", lambda: client.reply_to_post(post_name, post)),
        ("ForwardPost", "name",
         lambda: client.forward_post(post_name, [mailbox(address="zoe@example.com")])),
        ("CreateAttachment", "parent", lambda: client.create_attachment(post_name, Attachment(
            display_name="a", file=resources.FileAttachment(content_bytes=b"a")))),
        ("GetAttachment", "name", lambda: client.get_attachment(attachment_name)),
        ("ListAttachments", "parent", lambda: client.list_attachments(post_name)),
        ("CreateExtension", "parent", lambda: client.create_extension(post_name, extension)),
        ("GetExtension", "name", lambda: client.get_extension(extension_name)),
        ("ListExtensions", "parent", lambda: client.list_extensions(post_name)),
        ("UpdateExtension", "extension.name", lambda: client.update_extension(
            Extension(name=extension_name, content_json="{}"))),
        ("DeleteExtension", "name", lambda: client.delete_extension(extension_name)),
    ]


class GroupAccessTest(harness.RefusalTestCase):
    """The group `private` has the owner olga, the member mia and a thread; ann is in none. Its
    name is as long as `unknown`, so that errors about the two can be compared byte by byte."""

    def prepare(self, server):
        olga = server.client("olga")
        olga.create_group("private")
        olga.add_member("groups/private", "mia")
        self.thread = olga.create_thread("groups/private")
        server.client("pia").create_group("open")

    def setUp(self):
        super().setUp()
        channel = self.server.connect()
        self.ann = Client(channel, "ann")
        self.mia = Client(channel, "mia")

    def test_a_user_cannot_tell_an_unknown_group_from_one_it_is_not_in(self):
        calls = zip(calls_on(self.ann, "groups/private", self.thread),
                    calls_on(self.ann, "groups/unknown"))
        for (name, _, call_private), (_, _, call_unknown) in calls:
            with self.subTest(call=name):
                private, unknown = (
                    self.assert_refused(Code.PERMISSION_DENIED, "NOT_A_MEMBER", call)
                    for call in (call_private, call_unknown))
                self.assertEqual(private.message.replace("private", "unknown"), unknown.message)
                self.assertEqual(str(private.status).replace("private", "unknown"),
                                 str(unknown.status))

    def test_a_group_the_user_is_not_in_is_not_among_its_joined_groups(self):
        for prefix in ("me", "users/ann"):
            for group, thread in (("private", self.thread), ("unknown", None)):
                for name, _, call in calls_on(self.ann, f"{prefix}/joinedGroups/{group}", thread):
                    with self.subTest(call=name, prefix=prefix, group=group):
                        self.assert_not_found(("Group", f"groups/{group}"), call)

    def test_an_application_learns_that_a_group_is_unknown(self):
        for name, _, call in calls_on(self.application, "groups/unknown"):
            with self.subTest(call=name):
                self.assert_not_found(("Group", "groups/unknown"), call)

    def test_me_means_nothing_to_an_application(self):
        for group in ("private", "unknown"):
            for name, field, call in calls_on(self.application, f"me/joinedGroups/{group}"):
                with self.subTest(call=name, group=group):
                    refusal = self.assert_refused(Code.INVALID_ARGUMENT, "USER_REQUIRED", call)
                    self.assertEqual(refusal.fields, [field])
        refusal = self.assert_refused(Code.INVALID_ARGUMENT, "USER_REQUIRED",
                                      self.application.list_joined_groups, "me")
        self.assertEqual(refusal.fields, ["parent"])

    def test_an_application_sees_through_users_only_the_groups_that_user_is_in(self):
        for group, thread in (("private", self.thread), ("unknown", None)):
            for name, _, call in calls_on(self.application, f"users/ann/joinedGroups/{group}",
                                          thread):
                with self.subTest(call=name, group=group):
                    self.assert_not_found(("Group", f"groups/{group}"), call)

    def test_a_user_cannot_speak_for_another(self):
        for user in ("olga", "nobody"):
            for group in ("private", "unknown"):
                for name, _, call in calls_on(self.ann, f"users/{user}/joinedGroups/{group}"):
                    with self.subTest(call=name, user=user, group=group):
                        self.assert_refused(Code.PERMISSION_DENIED, "MISSING_PERMISSION", call)
            self.assert_refused(Code.PERMISSION_DENIED, "MISSING_PERMISSION",
                                self.ann.list_joined_groups, f"users/{user}")

    def test_a_member_reads_but_does_not_manage(self):
        for group in ("groups/private", "me/joinedGroups/private",
                      "users/mia/joinedGroups/private"):
            with self.subTest(group=group):
                self.assertEqual(self.mia.get_group(group).name, "groups/private")
                self.assertEqual(list(self.mia.list_threads(group).threads), [self.thread])
                self.assertEqual(len(self.mia.list_members(group).members), 2)
                for call in (lambda: self.mia.add_member(group, "zoe"),
                             lambda: self.mia.add_member(group, "olga"),
                             lambda: self.mia.remove_member(f"{group}/members/olga"),
                             lambda: self.mia.remove_member(f"{group}/members/nobody"),
                             lambda: self.mia.delete_group(group)):
                    self.assert_refused(Code.PERMISSION_DENIED, "NOT_AN_OWNER", call)

    def test_lists_show_a_caller_only_its_own_groups(self):
        def ids(groups):
            return [group.id for group in groups]
        self.assertEqual(ids(self.ann.list_groups().groups), [])
        self.assertEqual(ids(self.ann.list_joined_groups("me").groups), [])
        self.assertEqual(ids(self.mia.list_groups().groups), ["private"])
        self.assertEqual(ids(self.mia.list_joined_groups("users/mia").groups), ["private"])
        self.assertEqual(ids(self.application.list_groups().groups), ["open", "private"])
        self.assertEqual(ids(self.application.list_joined_groups("users/mia").groups), ["private"])
        self.assertEqual(ids(self.application.list_joined_groups("users/ann").groups), [])

    def test_a_thread_of_a_private_group_is_not_found_through_an_open_one(self):
        pia = self.server.client("pia")
        name = f"groups/open/threads/{self.thread.id}"
        self.assert_not_found(("ConversationThread", name), pia.get_thread, name)
        conversation = f"groups/open/conversations/{self.thread.conversation_id}"
        for call in (pia.list_threads, pia.create_thread):
            self.assert_not_found(("Conversation", conversation), call, conversation)

    def test_a_user_id_that_cannot_be_one_is_no_caller(self):
        for users in (["ann", "mia"], ["ann", "ann"], [""], ["a/b"], ["u" * 257]):
            with self.subTest(users=users):
                caller = Client(self.server.connect())
                caller.metadata = [("x-threadstore-user", user) for user in users]
                self.assert_refused(Code.UNAUTHENTICATED, "INVALID_CREDENTIALS",
                                    caller.list_groups)
                self.assert_refused(Code.UNAUTHENTICATED, "INVALID_CREDENTIALS",
                                    caller.create_thread, "groups/private")


class UserTest(harness.TestCase):

    def setUp(self):
        super().setUp()
        self.server = self.start_server()

    def calling_as(self, *metadata):
        caller = Client(self.server.connect())
        caller.metadata = list(metadata)
        return caller

    def test_a_user_sees_itself_and_nobody_else(self):
        ann = self.server.client("ann")
        for name in ("me", "users/ann"):
            self.assertEqual(ann.get_user(name), User(name="users/ann", id="ann"))
        self.assert_refused(Code.PERMISSION_DENIED, "MISSING_PERMISSION", ann.get_user, "users/bob")
        self.assert_invalid(["name"], ann.get_user, "ann")

    def test_an_application_may_name_any_user(self):
        application = self.server.client()
        self.assertEqual(application.get_user("users/bob"), User(name="users/bob", id="bob"))
        refusal = self.assert_refused(Code.INVALID_ARGUMENT, "USER_REQUIRED",
                                      application.get_user, "me")
        self.assertEqual(refusal.fields, ["name"])

    def test_ids_beyond_ascii_come_as_bytes(self):
        user = "J\u00fcrgen \u6771"
        caller = self.calling_as(("x-threadstore-user-bin", user.encode()))
        self.assertEqual(caller.get_user("me").id, user)
        caller.create_group("g")
        self.assertEqual([member.id for member in caller.list_members("groups/g/owners").members],
                         [user])
        ann = self.calling_as(("x-threadstore-user-bin", b"ann"))
        self.assertEqual(ann.get_user("me").id, "ann")

    def test_a_caller_has_one_name(self):
        text, binary = ("x-threadstore-user", "ann"), ("x-threadstore-user-bin", b"ann")
        for metadata in ((text, binary), (binary, binary), (text, text),
                         (("x-threadstore-user-bin", b""),), (("x-threadstore-user-bin", b"\xff"),),
                         (("x-threadstore-user-bin", b"a/b"),)):
            with self.subTest(metadata=metadata):
                self.assert_refused(Code.UNAUTHENTICATED, "INVALID_CREDENTIALS",
                                    self.calling_as(*metadata).get_user, "users/ann")


class MembershipChangeTest(harness.TestCase):

    def setUp(self):
        super().setUp()
        server = self.start_server()
        self.application = server.client()
        self.olga = server.client("olga")
        self.ann = server.client("ann")
        self.olga.create_group("g")

    def test_a_member_may_act_until_it_is_removed(self):
        self.olga.add_member("groups/g", "ann")
        request_id = "6f1c3bd6-7dd1-4f0c-9f0e-0d5c2ad3a7b1"
        thread = self.ann.create_thread("groups/g", request_id=request_id)
        self.olga.remove_member("groups/g/members/ann")

        for call in (lambda: self.ann.get_thread(thread.name),
                     lambda: self.ann.list_threads("groups/g"),
                     lambda: self.ann.create_thread("groups/g"),
                     lambda: self.ann.create_thread("groups/g", request_id=request_id)):
            self.assert_refused(Code.PERMISSION_DENIED, "NOT_A_MEMBER", call)
        self.assertEqual(list(self.olga.list_threads("groups/g").threads), [thread])

    def test_an_owner_may_make_others_owners(self):
        self.olga.add_member("groups/g", "ann", Member.ROLE_OWNER)
        self.ann.add_member("me/joinedGroups/g", "zoe")
        self.ann.remove_member("groups/g/members/olga")
        self.assertEqual([member.id for member in self.ann.list_members("groups/g").members],
                         ["ann", "zoe"])

    def test_user_ids_are_compared_exactly(self):
        self.olga.add_member("groups/g", "ann@example.com")
        self.assert_refused(Code.PERMISSION_DENIED, "NOT_A_MEMBER",
                            self.ann.get_group, "groups/g")
        self.olga.add_member("groups/g", "Ann")
        self.assert_refused(Code.PERMISSION_DENIED, "NOT_A_MEMBER",
                            self.ann.get_group, "groups/g")


if __name__ == "__main__":
    unittest.main()
