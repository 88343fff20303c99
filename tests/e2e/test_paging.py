"""Lists: sizes of pages, orders, and walks from the first page to the last."""

import functools
import threading
import unittest

from google.protobuf import timestamp_pb2

import harness
from harness import Client, Thread, all_threads, pages

BY_CREATION = {"order_by": "create_time"}


def create_many(client, parent, count):
    """`count` threads with topics 0, 1, ...: sent together, so created in any order."""
    futures = [client.start_create_thread(parent, Thread(topic=str(number)))
               for number in range(count)]
    return [future.result() for future in futures]


class TotalSizeTest(harness.TestCase):

    def test_lists_count_if_asked(self):
        application = self.start_server().client()
        application.create_group("g", allow_external_senders=True)
        locked = application.create_thread("groups/g", Thread(topic="a", is_locked=True))
        conversation = f"groups/g/conversations/{locked.conversation_id}"
        for topic in ("b", "c"):
            thread = application.create_thread(conversation, Thread(topic=topic))
        post = harness.text_post("Hi", sender=harness.mailbox("Robot"))
        for _ in range(2):
            application.reply_to_thread(thread.name, post)
        for list_page, total, some, filtered in (
                (functools.partial(application.list_threads, "groups/g"), 3, "isLocked eq false", 2),
                (functools.partial(application.list_threads, conversation), 3, "isLocked", 1),
                (functools.partial(application.list_conversations, "groups/g"), 1, "topic eq 'x'", 0),
                (functools.partial(application.list_posts, thread.name), 2, "hasAttachments", 0),
                (application.list_groups, 1, "id eq 'h'", 0)):
            self.assertFalse(list_page().HasField("total_size"))
            for page in pages(list_page, page_size=1, include_total_size=True):
                self.assertTrue(page.HasField("total_size"))
                self.assertEqual(page.total_size, total)
            page = list_page(filter=some, include_total_size=True)
            self.assertEqual((page.HasField("total_size"), page.total_size), (True, filtered))


class PageSizeTest(harness.TestCase):

    def setUp(self):
        super().setUp()
        self.server = self.start_server()
        self.application = self.server.client()
        self.application.create_group("g")

    def assert_sizes(self, total, list_page, items):
        """Pages of every size, of a list with `total` > 1000 entries."""
        for asked, given in ((0, 50), (1, 1), (50, 50), (1000, 1000), (1001, 1000),
                             (2**31 - 1, 1000)):
            with self.subTest(page_size=asked):
                page = list_page(page_size=asked)
                self.assertEqual(len(items(page)), given)
                rest = list_page(page_size=1000, page_token=page.next_page_token)
                self.assertEqual(len(items(rest)), min(total - given, 1000))

    def test_threads(self):
        create_many(self.application, "groups/g", 1005)
        self.assert_sizes(1005, functools.partial(self.application.list_threads, "groups/g"),
                          lambda page: page.threads)

    def test_members(self):
        requests = [harness.group_messages.AddMemberRequest(
            parent="groups/g", member=harness.Member(id=f"user {number}"))
                    for number in range(1005)]
        for future in [self.application.start(self.application.groups.AddMember, request)
                       for request in requests]:
            future.result()
        self.assert_sizes(1005, functools.partial(self.application.list_members, "groups/g"),
                          lambda page: page.members)

    def test_groups(self):
        requests = [harness.group_messages.CreateGroupRequest(group_id=f"g{number}")
                    for number in range(1004)]
        ann = self.server.client("ann")
        for future in [ann.start(ann.groups.CreateGroup, request) for request in requests]:
            future.result()
        self.assert_sizes(1005, self.application.list_groups, lambda page: page.groups)
        self.assert_sizes(1004, ann.list_groups, lambda page: page.groups)
        self.assert_sizes(1004, functools.partial(ann.list_joined_groups, "me"),
                          lambda page: page.groups)

    def test_the_last_page_has_no_token(self):
        create_many(self.application, "groups/g", 6)
        for size, lengths in ((6, [6]), (3, [3, 3]), (4, [4, 2]), (7, [6])):
            with self.subTest(page_size=size):
                listed = pages(self.application.list_threads, "groups/g", page_size=size)
                self.assertEqual([len(page.threads) for page in listed], lengths)
        self.application.create_group("empty")
        for list_page in (self.application.list_threads, self.application.list_members):
            page = list_page("groups/empty")
            self.assertEqual(page, type(page)())


class WalkTest(harness.TestCase):

    def setUp(self):
        super().setUp()
        self.server = self.start_server()
        channel = self.server.connect()
        self.application, self.ann = Client(channel), Client(channel, "ann")
        self.ann.create_group("g")

    def create(self, count, parent="groups/g"):
        """One after another, so that their order is known."""
        return [self.application.create_thread(parent, Thread(topic=str(number)))
                for number in range(count)]

    def test_orders(self):
        created = self.create(3)
        for topic, seconds in (("long ago", -1), ("far ahead", 2**33), ("in between", 10**9)):
            created.append(self.application.create_thread("groups/g", Thread(
                topic=topic, last_delivered_date_time=timestamp_pb2.Timestamp(seconds=seconds))))

        def listed(**fields):
            return all_threads(self.application, "groups/g", page_size=1, **fields)
        self.assertEqual(listed(order_by="create_time"), created)
        self.assertEqual(listed(order_by="create_time desc"), created[::-1])
        by_activity = [created[i] for i in (4, 2, 1, 0, 5, 3)]
        self.assertEqual(listed(), by_activity)
        for same_order in ("last_delivered_date_time desc", "  last_delivered_date_time   desc "):
            self.assertEqual(listed(order_by=same_order), by_activity)

    def test_walks_in_pages_of_any_size_visit_each_thread_once(self):
        self.create(23)
        for order_by in ("", "create_time", "create_time desc"):
            whole = self.application.list_threads("groups/g", page_size=1000, order_by=order_by)
            self.assertEqual(len({thread.id for thread in whole.threads}), 23)
            for size in (1, 7, 22, 23):
                with self.subTest(order_by=order_by, page_size=size):
                    self.assertEqual(all_threads(self.application, "groups/g", page_size=size,
                                                 order_by=order_by), list(whole.threads))

    def test_threads_of_one_moment_are_each_visited_once(self):
        moment = timestamp_pb2.Timestamp(seconds=1, nanos=1000)
        created = {self.application.create_thread(
            "groups/g", Thread(topic="T", last_delivered_date_time=moment)).id for _ in range(9)}
        for size in (1, 2, 4):
            listed = [thread.id for thread in all_threads(self.application, "groups/g",
                                                          page_size=size)]
            self.assertEqual((len(listed), set(listed)), (9, created))

    def test_a_conversation_lists_its_own_threads(self):
        first = self.create(1)[0]
        conversation = f"groups/g/conversations/{first.conversation_id}"
        threads = [first, *self.create(5, conversation)]
        self.create(5)
        for size in (1, 4, 1000):
            self.assertEqual(all_threads(self.application, conversation, page_size=size,
                                         **BY_CREATION), threads)
            self.assertEqual(all_threads(self.application, conversation, page_size=size),
                             threads[::-1])
            self.assertEqual(all_threads(self.application, conversation, page_size=size,
                                         order_by="create_time desc"), threads[::-1])

    def test_a_walk_by_creation_visits_all_that_were_there_while_others_write(self):
        created = self.create(60)
        writing, enough = threading.Event(), threading.Event()

        def write():
            writer = self.server.client()
            while not enough.is_set():
                writer.create_thread("groups/g", Thread(topic="meanwhile"))
                conversation = f"groups/g/conversations/{created[0].conversation_id}"
                writer.create_thread(conversation, Thread(
                    topic="meanwhile",
                    last_delivered_date_time=timestamp_pb2.Timestamp(seconds=1)))
                writing.set()

        writer = threading.Thread(target=write)
        writer.start()
        self.addCleanup(writer.join)
        self.addCleanup(enough.set)
        self.assertTrue(writing.wait(harness.PATIENCE_SECONDS))
        for order_by, expected in (("create_time", created), ("create_time desc", created[::-1])):
            walked, token = [], ""
            while len(walked) < len(expected):
                page = self.application.list_threads("groups/g", page_size=4, order_by=order_by,
                                                     page_token=token)
                walked += [thread for thread in page.threads if thread.topic != "meanwhile"]
                token = page.next_page_token
                if not token:
                    break
            self.assertEqual(walked, expected)

    def test_a_walk_by_activity_visits_none_twice_while_others_write(self):
        created = self.create(20)
        walked = []
        for page in pages(self.application.list_threads, "groups/g", page_size=3):
            walked += page.threads
            self.application.create_thread("groups/g", Thread(topic="meanwhile"))
        self.assertEqual(walked, created[::-1])

    def test_the_size_of_pages_may_change_on_the_way(self):
        created = self.create(10)
        walked, token = [], ""
        for size in (1, 2, 3, 1000):
            page = self.application.list_threads("groups/g", page_size=size, page_token=token,
                                                 **BY_CREATION)
            walked += page.threads
            token = page.next_page_token
        self.assertEqual((walked, token), (created, ""))

    def test_a_token_may_be_used_again(self):
        created = self.create(4)
        token = self.application.list_threads("groups/g", page_size=2,
                                              **BY_CREATION).next_page_token
        for _ in range(3):
            page = self.application.list_threads("groups/g", page_token=token, **BY_CREATION)
            self.assertEqual(list(page.threads), created[2:])

    def test_a_token_serves_under_every_name_of_the_parent(self):
        first = self.create(1)[0]
        self.create(3)
        self.create(3, f"groups/g/conversations/{first.conversation_id}")
        groups = ("groups/g", "me/joinedGroups/g", "users/ann/joinedGroups/g")
        for suffix in ("", f"/conversations/{first.conversation_id}",
                       f"/conversations/{first.conversation_id.upper()}"):
            parents = [group + suffix for group in groups]
            token = self.ann.list_threads(parents[0], page_size=1).next_page_token
            second_pages = {str(self.ann.list_threads(parent, page_token=token))
                            for parent in parents}
            self.assertEqual(len(second_pages), 1)
            for parent in parents:
                self.assertEqual(self.ann.list_threads(parent, page_size=1).next_page_token, token)

    def test_tokens_of_me_and_of_the_user_are_the_same(self):
        for group in ("h", "i"):
            self.ann.create_group(group)
        token = self.ann.list_joined_groups("me", page_size=1).next_page_token
        page = self.ann.list_joined_groups("users/ann", page_token=token)
        self.assertEqual([group.id for group in page.groups], ["h", "i"])

    def test_tokens_survive_a_restart(self):
        self.create(6)
        for user in ("bob", "eve"):
            self.ann.add_member("groups/g", user)
        self.ann.create_group("h")
        lists = [("list_threads", ("groups/g",), {"order_by": order_by})
                 for order_by in ("", "create_time", "create_time desc")]
        lists += [("list_members", ("groups/g",), {}), ("list_groups", (), {}),
                  ("list_joined_groups", ("me",), {})]

        def page(client, which, token):
            method, arguments, fields = which
            return getattr(client, method)(*arguments, page_size=1, page_token=token, **fields)
        first = [page(self.ann, which, "") for which in lists]
        second = [page(self.ann, which, before.next_page_token)
                  for which, before in zip(lists, first)]
        self.assertEqual(self.server.stop(), 0)
        again = self.start_server().client("ann")
        for which, before, expected in zip(lists, first, second):
            with self.subTest(which=which):
                self.assertEqual(page(again, which, before.next_page_token), expected)

    def test_a_walk_goes_on_though_the_entry_it_stood_at_is_gone(self):
        for user in ("bob", "eve", "fay", "zoe"):
            self.ann.add_member("groups/g", user)
        page = self.ann.list_members("groups/g", page_size=2)
        self.assertEqual([member.id for member in page.members], ["ann", "bob"])
        self.ann.remove_member("groups/g/members/bob")
        self.ann.remove_member("groups/g/members/eve")
        rest = self.ann.list_members("groups/g", page_token=page.next_page_token)
        self.assertEqual([member.id for member in rest.members], ["fay", "zoe"])


if __name__ == "__main__":
    unittest.main()
