"""Requests that break a rule: what the caller hears, and that nothing is written."""

import unittest

import grpc
from google.protobuf import timestamp_pb2

import harness
from harness import Client, Code, EmailAddress, Member, Recipient, Thread
from harness import conversation_messages, group_messages, post_messages, thread_messages

SOME_UUID = "6f1c3bd6-7dd1-4f0c-9f0e-0d5c2ad3a7b1"
NIL_UUID = "00000000-0000-0000-0000-000000000000"

# gRPC clients accept this much of trailers by default.
MAX_TRAILER_BYTES = 8 << 10

FILES = (conversation_messages, group_messages, post_messages, thread_messages)
METHODS = [f"/{service.full_name}/{method.name}"
           for file in FILES for service in file.DESCRIPTOR.services_by_name.values()
           for method in service.methods]


def recipient(**fields):
    return Recipient(email_address=EmailAddress(**fields))


class BadInputTestCase(harness.RefusalTestCase):
    """The group `g` has the owner ann and one thread."""

    def prepare(self, server):
        application = server.client()
        server.client("ann").create_group("g")
        self.thread = application.create_thread("groups/g", Thread(topic="The only one"))
        self.conversation = f"groups/g/conversations/{self.thread.conversation_id}"

    def tearDown(self):
        self.assertEqual([group.id for group in self.application.list_groups().groups], ["g"])
        self.assertEqual(list(self.application.list_threads("groups/g").threads), [self.thread])
        members = self.application.list_members("groups/g").members
        self.assertEqual([member.id for member in members], ["ann"])
        super().tearDown()

    def assert_thread_refused(self, fields, thread, parent="groups/g", request_id=""):
        return self.assert_invalid(fields, self.application.create_thread, parent, thread,
                                   request_id)


class BadThreadTest(BadInputTestCase):

    def test_every_violation_is_named_at_once(self):
        self.assert_thread_refused(
            ["parent", "thread.id", "thread.topic", "thread.preview",
             "thread.to_recipients[1].email_address.name",
             "thread.to_recipients[2].email_address.address",
             "thread.to_recipients[2].email_address.address",
             "thread.cc_recipients[0].email_address.name",
             "thread.unique_senders[3]", "thread.last_delivered_date_time", "request_id"],
            Thread(
                id=SOME_UUID, preview="p" * 256,
                to_recipients=[recipient(name="fine"), recipient(name="n" * 257),
                               recipient(address="\0" + "a" * 320)],
                cc_recipients=[recipient(name="\0")],
                unique_senders=["fine", "", "fine", "s" * 257],
                last_delivered_date_time=timestamp_pb2.Timestamp(nanos=-1)),
            parent="groups/", request_id="no uuid")

    def test_each_violation_says_what_the_rule_is(self):
        refusal = self.assert_thread_refused(["thread.topic", "thread.preview"],
                                             Thread(preview="p" * 256))
        self.assertEqual(refusal.violations, [
            ("thread.topic", "must not be empty"),
            ("thread.preview", "must have at most 255 characters")])
        for field, description in refusal.violations:
            self.assertIn(f"{field}: {description}", refusal.message)

    def test_a_thread_must_be_given(self):
        def create():
            request = thread_messages.CreateThreadRequest(parent="groups/g")
            return self.application.call(self.application.threads.CreateThread, request)
        self.assert_invalid(["thread"], create)

    def test_a_new_conversation_needs_a_topic(self):
        for parent in ("groups/g", "users/ann/joinedGroups/g"):
            self.assert_thread_refused(["thread.topic"], Thread(preview="Where?"), parent)

    def test_u0000_is_refused_in_every_text(self):
        for position in ("\0", "\0abc", "ab\0c", "abc\0"):
            with self.subTest(text=position):
                self.assert_thread_refused(
                    ["thread.topic", "thread.preview", "thread.unique_senders[0]",
                     "thread.to_recipients[0].email_address.name",
                     "thread.to_recipients[0].email_address.address",
                     "thread.cc_recipients[0].email_address.name",
                     "thread.cc_recipients[0].email_address.address"],
                    Thread(topic=position, preview=position, unique_senders=[position],
                           to_recipients=[recipient(name=position, address=position)],
                           cc_recipients=[recipient(name=position, address=position)]))
                self.assert_thread_refused(["thread.topic"], Thread(topic=position),
                                           self.conversation)

    def test_a_time_outside_the_years_1_to_9999_is_refused(self):
        for seconds, nanos in ((-62135596801, 0), (253402300800, 0), (0, -1), (0, 1_000_000_000),
                               (2**63 - 1, 0), (-2**63, 0)):
            with self.subTest(seconds=seconds, nanos=nanos):
                time = timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos)
                self.assert_thread_refused(["thread.last_delivered_date_time"],
                                           Thread(topic="T", last_delivered_date_time=time))

    def test_the_client_does_not_choose_the_id(self):
        for thread_id in (SOME_UUID, "x", self.thread.id):
            self.assert_thread_refused(["thread.id"], Thread(topic="T", id=thread_id))

    def test_a_request_id_is_a_uuid(self):
        for request_id in (NIL_UUID, "x", SOME_UUID[:-1], SOME_UUID + "0",
                           SOME_UUID.replace("-", ""), SOME_UUID.replace("6f", "6g"),
                           f"{{{SOME_UUID}}}", f" {SOME_UUID}", "\0" * 36, "6" * 10_000):
            with self.subTest(request_id=request_id[:50]):
                self.assert_thread_refused(["request_id"], Thread(topic="T"),
                                           request_id=request_id)
                self.assert_invalid(["request_id"], self.application.create_group, "h", request_id)

    def test_thousands_of_violations_still_fit_into_a_status(self):
        wrong = "\0" + "w" * 400
        threads = [
            Thread(to_recipients=[recipient(name=wrong, address=wrong)] * 500,
                   cc_recipients=[recipient(name=wrong, address=wrong)] * 500,
                   unique_senders=[wrong] * 500),
            Thread(topic="T", unique_senders=["\0"] * 100),
        ]
        for thread in threads:
            with self.assertRaises(grpc.RpcError) as caught:
                self.application.create_thread("groups/g", thread)
            trailers = caught.exception.trailing_metadata()
            refusal = harness.Refusal(caught.exception)
            self.assertEqual((refusal.code, refusal.reason),
                             (Code.INVALID_ARGUMENT, "INVALID_FIELD"))
            self.assertLess(len(refusal.message) +
                            sum(len(key) + len(value) * 4 // 3 for key, value in trailers),
                            MAX_TRAILER_BYTES)
            self.assertGreater(len(refusal.violations), 10)
            self.assertRegex(refusal.violations[-1][1], "and [0-9]+ more violations")


class BadNameTest(BadInputTestCase):

    GROUPS = [
        "", "/", "g", "groups", "groups/", "groups//", "/groups/g", "groups/g/", "groups//g",
        "Groups/g", "group/g", "groups/.", "groups/..", "groups/a b", "groups/\u00e9",
        "groups/g%20", "groups/g\0", "groups/g\n", "groups/*", "groups/-/x", "groups/" + "g" * 129,
        "me", "me/", "me/joinedGroups", "me/joinedGroups/", "me/joinedgroups/g", "me/groups/g",
        "me/joinedGroups/g/", "users/joinedGroups/g", "users//joinedGroups/g", "users/ann/groups/g",
        "users/ann/joinedGroups", "users/ann/joinedGroups/", "users/a\x1fb/joinedGroups/g",
        "users/a\x7fb/joinedGroups/g", "users/" + "u" * 257 + "/joinedGroups/g",
        "users/" + "\u00e9" * 129 + "/joinedGroups/g", "//groups/g", "https://host/v1.0/groups/g",
        "v1.0/groups/g", "groups/g?x=1", "groups/g#x", "g" * 1_000_000,
    ]

    def conversations(self):
        """Names that are neither of a group nor of a conversation."""
        for group in self.GROUPS:
            yield f"{group}/conversations/{self.thread.conversation_id}"
        for group in ("groups/g", "users/ann/joinedGroups/g"):
            yield f"{group}/conversations"
            yield f"{group}/conversations/"
            yield f"{group}/conversations/x"
            yield f"{group}/Conversations/{self.thread.conversation_id}"
            yield f"{group}/conversations/{self.thread.conversation_id}/"
            yield f"{group}/conversations/{self.thread.conversation_id[1:]}"
            yield f"{group}/conversations/{self.thread.conversation_id}0"
            yield f"{group}/conversations/{self.thread.conversation_id.replace('-', '')}"
            yield f"{group}/conversations/{self.thread.conversation_id}/threads"
            yield f"{group}/threads"
            yield f"{group}/threads/{self.thread.id}"

    def threads(self):
        """Names that are no thread's."""
        for group in self.GROUPS:
            yield f"{group}/threads/{self.thread.id}"
        for parent in ("groups/g", self.conversation, "users/ann/joinedGroups/g"):
            yield parent
            yield f"{parent}/threads"
            yield f"{parent}/threads/"
            yield f"{parent}/threads/x"
            yield f"{parent}/Threads/{self.thread.id}"
            yield f"{parent}/threads/{self.thread.id}/"
            yield f"{parent}/threads/{self.thread.id}x"
            yield f"{parent}/threads/{self.thread.id}/posts"
            yield f"{parent}/threads//{self.thread.id}"

    def assert_all_invalid(self, field, call, names):
        for name in names:
            with self.subTest(call=call.__name__, name=name[:80]):
                self.assert_invalid([field], call, name)

    def test_malformed_names_of_groups(self):
        self.assert_all_invalid("name", self.application.get_group, self.GROUPS)
        self.assert_all_invalid("name", self.application.delete_group, self.GROUPS)
        self.assert_all_invalid("parent", self.application.list_members, self.GROUPS)

        def add_zoe(name):
            return self.application.add_member(name, "zoe")
        self.assert_all_invalid("parent", add_zoe, self.GROUPS)

    def test_malformed_parents_of_threads(self):
        parents = [*self.GROUPS, *self.conversations()]
        self.assert_all_invalid("parent", self.application.create_thread, parents)
        self.assert_all_invalid("parent", self.application.list_threads, parents)

    def test_malformed_names_of_threads(self):
        self.assert_all_invalid("name", self.application.get_thread, self.threads())

    def test_malformed_names_of_members(self):
        names = [f"{group}/members/ann" for group in self.GROUPS]
        names += ["groups/g/members", "groups/g/members/", "groups/g/Members/ann",
                  "groups/g/members/ann/", "groups/g/members/a/b", "groups/g/members/a\0",
                  "groups/g/members/" + "u" * 257]
        self.assert_all_invalid("name", self.application.remove_member, names)

    def test_malformed_names_of_users(self):
        names = ["", "/", "you", "Me", "me/", "me/joinedGroups", "users", "users/", "users//",
                 "users/ann/", "users/a/b", "users/a\0b", "users/" + "u" * 257, "groups/g"]
        self.assert_all_invalid("parent", self.application.list_joined_groups, names)


class BadGroupTest(BadInputTestCase):

    def test_group_ids_that_are_none(self):
        for group_id in (".", "..", "a b", "a/b", "groups/a", "\u00e9", "a\0", "a:b", "a@b",
                         "g" * 129, "g" * 1_000_000):
            with self.subTest(group_id=group_id[:50]):
                self.assert_invalid(["group_id"], self.application.create_group, group_id)

    def test_every_violation_of_a_group_is_named_at_once(self):
        self.assert_invalid(
            ["group_id", "group.display_name", "group.display_name", "group.mail", "group.mail",
             "request_id"],
            self.application.create_group, "a b", display_name="\0" * 257, mail="\0" * 321,
            request_id="x")

    def test_every_violation_of_a_member_is_named_at_once(self):
        def add():
            request = group_messages.AddMemberRequest(parent="groups", member=Member(
                id="", display_name="\0" * 257, mail="\0" * 321, role=7))
            return self.application.call(self.application.groups.AddMember, request)
        self.assert_invalid(
            ["parent", "member.id", "member.display_name", "member.display_name", "member.mail",
             "member.mail", "member.role"], add)

    def test_user_ids_that_are_none(self):
        for user in ("", "a/b", "a\0", "\n", "\x7f", "u" * 257, "\u00e9" * 129):
            with self.subTest(user=user[:50]):
                self.assert_invalid(["member.id"], self.application.add_member, "groups/g", user)

    def test_a_member_must_be_given(self):
        def add():
            request = group_messages.AddMemberRequest(parent="groups/g")
            return self.application.call(self.application.groups.AddMember, request)
        self.assert_invalid(["member.id"], add)


class BadPageTest(BadInputTestCase):

    def prepare(self, server):
        super().prepare(server)
        application = server.client()
        for group in ("h", "i"):
            application.create_group(group)
            application.add_member(f"groups/{group}", "ann")
            application.add_member(f"groups/{group}", "mia")
            for _ in range(2):
                thread = application.create_thread(f"groups/{group}")
                conversation = f"groups/{group}/conversations/{thread.conversation_id}"
                application.create_thread(conversation)

    def tearDown(self):
        # What is stored is more than the base class expects, and compared as a whole.
        harness.RefusalTestCase.tearDown(self)

    def lists(self):
        """Every list that has a second page, with the query that it belongs to."""
        application = self.application
        threads = application.list_threads("groups/h").threads
        conversations = [f"groups/h/conversations/{thread.conversation_id}" for thread in threads]
        for parent in ("groups/h", "groups/i", conversations[0], conversations[-1]):
            for order_by in ("", "create_time", "create_time desc"):
                yield (("ListThreads", parent, order_by),
                       lambda parent=parent, order_by=order_by, **fields:
                       application.list_threads(parent, order_by=order_by, **fields))
        for parent in ("groups/h", "groups/i"):
            yield (("ListMembers", parent),
                   lambda parent=parent, **fields: application.list_members(parent, **fields))
        yield ("ListGroups",), application.list_groups
        for user in ("ann", "mia"):
            yield (("ListJoinedGroups", user),
                   lambda user=user, **fields:
                   application.list_joined_groups(f"users/{user}", **fields))

    def test_a_page_token_serves_only_the_query_it_came_from(self):
        lists = list(self.lists())
        tokens = [(query, list_page(page_size=1).next_page_token) for query, list_page in lists]
        for query, list_page in lists:
            for other_query, token in tokens:
                with self.subTest(query=query, token_of=other_query):
                    self.assertNotEqual(token, "")
                    if query == other_query:
                        list_page(page_token=token)
                    else:
                        self.assert_invalid(["page_token"], list_page, page_token=token)

    def test_page_tokens_that_are_none(self):
        for query, list_page in self.lists():
            token = list_page(page_size=1).next_page_token
            cut = [token[:length] for length in range(1, len(token))]
            for bad in (*cut, "x", "!", "====", "AAAA", "A" + token, "\0", "\u00e9", "A" * 1025,
                        "A" * 1_000_000):
                with self.subTest(query=query, token=bad[:50]):
                    self.assert_invalid(["page_token"], list_page, page_token=bad)

    def test_a_page_size_is_not_negative(self):
        for query, list_page in self.lists():
            for size in (-1, -1000, -2**31):
                with self.subTest(query=query, size=size):
                    self.assert_invalid(["page_size"], list_page, page_size=size)

    def test_orders_that_are_none(self):
        for order_by in ("preview", "create_time asc desc", "create_time,id", "CREATE_TIME",
                         "create_time DESC", "desc", "create_time desc x", "create_time\0",
                         "create_time\tdesc", "x" * 1_000_000):
            with self.subTest(order_by=order_by[:50]):
                self.assert_invalid(["order_by"], self.application.list_threads, "groups/h",
                                    order_by=order_by)

    def test_every_violation_of_a_list_is_named_at_once(self):
        self.assert_invalid(["parent", "page_size", "order_by", "page_token"],
                            self.application.list_threads, "groups", page_size=-1, order_by="x",
                            page_token="x")
        self.assert_invalid(["parent", "page_size", "page_token"],
                            self.application.list_members, "groups", page_size=-1, page_token="x")
        self.assert_invalid(["page_size", "page_token"],
                            self.application.list_groups, page_size=-1, page_token="x")
        self.assert_invalid(["parent", "page_size", "page_token"],
                            self.application.list_joined_groups, "", page_size=-1, page_token="x")


class BadBytesTest(BadInputTestCase):

    def setUp(self):
        super().setUp()
        self.channel = self.server.connect()

    def send(self, method, payload):
        return self.channel.unary_unary(method)(payload, timeout=harness.PATIENCE_SECONDS)

    def test_bytes_that_do_not_parse_harm_no_other_call(self):
        client = Client(self.channel)
        watch = harness.health_pb2_grpc.HealthStub(self.channel).Watch(
            harness.health_pb2.HealthCheckRequest(), timeout=harness.PATIENCE_SECONDS)
        self.assertEqual(next(watch).status, harness.Health.SERVING)
        for method in METHODS:
            for payload in (b"\xff", b"\xff" * 1000, b"\x0a\x7f", b"\x00", b"\x0b",
                            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"):
                with self.subTest(method=method, payload=payload[:20]):
                    self.assert_refused(Code.INVALID_ARGUMENT, "MALFORMED_REQUEST",
                                        self.send, method, payload)
                    self.assertEqual(client.get_thread(self.thread.name), self.thread)
        self.assertTrue(watch.is_active())
        watch.cancel()

    def test_text_that_is_not_utf8_is_refused(self):
        not_utf8 = (b"\xff", b"a\xe2", b"\xc3\x28", b"\xc0\x80", b"\xed\xa0\x80",
                    b"\xf5\x80\x80\x80")
        for method in METHODS:
            # Of every request, field 1 or 2 is a text, or a message that this is not either.
            field = 2 if method.endswith("/ListGroups") else 1
            for text in not_utf8:
                with self.subTest(method=method, text=text):
                    payload = bytes([field << 3 | 2, len(text)]) + text
                    self.assert_refused(Code.INVALID_ARGUMENT, "MALFORMED_REQUEST",
                                        self.send, method, payload)

    def test_text_inside_a_thread_that_is_not_utf8_is_refused(self):
        marker = "not UTF-8"
        thread = Thread(topic="T", preview=marker, unique_senders=[marker],
                        to_recipients=[recipient(name=marker)],
                        cc_recipients=[recipient(address=marker)])
        payload = harness.create_request("groups/g", thread).SerializeToString()
        for count in range(payload.count(marker.encode())):
            pieces = payload.split(marker.encode())
            broken = b"".join(piece + (b"\xff" * len(marker) if i == count else marker.encode())
                              for i, piece in enumerate(pieces[:-1])) + pieces[-1]
            self.assert_refused(Code.INVALID_ARGUMENT, "MALFORMED_REQUEST", self.send,
                                "/threadstore.v1.ThreadService/CreateThread", broken)

    def test_an_empty_request_breaks_rules_but_parses(self):
        for method in METHODS:
            if method.endswith(("/ListGroups", "/CreateGroup")):
                continue
            with self.subTest(method=method):
                self.assert_refused(Code.INVALID_ARGUMENT, "INVALID_FIELD", self.send, method, b"")

    def test_a_method_that_does_not_exist(self):
        for method in ("/threadstore.v1.ThreadService/Nothing",
                       "/threadstore.v2.ThreadService/GetThread"):
            with self.assertRaises(grpc.RpcError) as caught:
                self.send(method, b"")
            self.assertEqual(caught.exception.code(), Code.UNIMPLEMENTED)

    def test_a_message_past_5_mib_is_refused_and_the_server_lives(self):
        thread = Thread(topic="T", preview="p" * (5 << 20))
        with self.assertRaises(grpc.RpcError) as caught:
            Client(self.channel).create_thread("groups/g", thread)
        self.assertEqual(caught.exception.code(), Code.RESOURCE_EXHAUSTED)
        self.assertEqual(Client(self.channel).get_thread(self.thread.name), self.thread)

    def test_far_too_much_metadata_is_refused_and_harms_no_other_connection(self):
        watch = harness.health_pb2_grpc.HealthStub(self.channel).Watch(
            harness.health_pb2.HealthCheckRequest(), timeout=harness.PATIENCE_SECONDS)
        self.assertEqual(next(watch).status, harness.Health.SERVING)
        for size in (64 << 10, 1 << 20):
            greedy = self.server.client()
            greedy.metadata = [("authorization", "Bearer " + "t" * size)]
            with self.assertRaises(grpc.RpcError) as caught:
                greedy.create_thread("groups/g")
            self.assertEqual(caught.exception.code(), Code.RESOURCE_EXHAUSTED)
            self.assertEqual(Client(self.channel).get_thread(self.thread.name), self.thread)
        self.assertTrue(watch.is_active())
        watch.cancel()


if __name__ == "__main__":
    unittest.main()
