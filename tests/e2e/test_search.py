"""Searches: what finds a thread, and when."""

import unittest

import harness
from harness import Code, Thread, mask, pages, text_post


def topics(results):
    return [result.thread.topic for result in results]


class SearchTest(harness.TestCase):

    def setUp(self):
        super().setUp()
        self.server = self.start_server()
        self.application = self.server.client()
        self.application.create_group("g")
        self.application.add_member("groups/g", "ann")
        self.ann = self.server.client("ann")

    def found(self, query, parent="groups/g", **fields):
        return topics(self.ann.search_threads(parent, query=query, **fields).results)

    def test_every_write_is_found_at_once(self):
        thread = self.ann.create_thread("groups/g", Thread(topic="Budget for Zürich"))
        self.assertEqual(self.found("zurich budget"), ["Budget for Zürich"])
        post = self.ann.reply_to_thread(thread.name, text_post("Wir treffen uns am Montag"))
        found = self.ann.search_threads("groups/g", query='"am montag" budg*').results
        self.assertEqual([result.post for result in found], [post.name])
        self.assertEqual(found[0].thread, self.ann.get_thread(thread.name))
        post.body.content = "<p>Wir treffen uns am <b>Dienstag</b></p>"
        post.body.content_type = "html"
        self.ann.update_post(post, "body")
        self.assertEqual(self.found("montag"), [])
        self.assertEqual(self.found("dienstag"), ["Budget for Zürich"])
        self.ann.delete_post(post.name)
        self.assertEqual(self.found("dienstag"), [])
        self.assertEqual(self.found("budget"), ["Budget for Zürich"])
        self.ann.delete_thread(thread.name)
        self.assertEqual(self.found("budget"), [])

    def test_text_without_spaces(self):
        self.ann.create_thread("groups/g", Thread(topic="東京都の予算"))
        for query in ("東京", "京都", "予算", "の", "東京都の予算"):
            self.assertEqual(self.found(query), ["東京都の予算"], query)
        self.assertEqual(self.found("都東"), [])

    def test_pages_have_each_thread_once(self):
        names = [self.ann.create_thread("groups/g", Thread(topic=f"apple {number}")).name
                 for number in range(7)]
        for name in names[::2]:
            self.ann.reply_to_thread(name, text_post("apple again"))
        expected = [f"apple {number}" for number in (6, 4, 2, 0, 5, 3, 1)]
        for size in (1, 2, 3, 50):
            with self.subTest(page_size=size):
                walked = pages(self.ann.search_threads, "groups/g", query="apple", page_size=size)
                self.assertEqual([topic for page in walked for topic in topics(page.results)],
                                 expected)
                ranked = pages(self.ann.search_threads, "groups/g", query="apple", page_size=size,
                               order_by="rank")
                self.assertEqual(
                    sorted(topic for page in ranked for topic in topics(page.results)),
                    sorted(expected))

    def test_token_belongs_to_its_query(self):
        for topic in ("apple 1", "apple 2"):
            self.ann.create_thread("groups/g", Thread(topic=topic))
        search = {"query": "apple", "page_size": 1}
        token = self.ann.search_threads("groups/g", **search).next_page_token
        self.assertEqual(self.found(parent="me/joinedGroups/g", page_token=token, **search),
                         ["apple 1"])
        self.application.create_group("h")
        self.application.add_member("groups/h", "ann")
        for parent, change in (("groups/g", {"query": "apple*"}), ("groups/g", {"order_by": "rank"}),
                               ("groups/h", {})):
            with self.subTest(parent=parent, **change):
                self.assert_invalid({"page_token"}, self.ann.search_threads, parent,
                                    page_token=token, **(search | change))
        self.assert_invalid({"page_token"}, self.ann.search_threads, "groups/g", query="apple",
                            page_token=token[:-4])

    def test_read_mask(self):
        thread = self.ann.create_thread("groups/g", Thread(topic="apple"))
        found = self.ann.search_threads("groups/g", query="apple",
                                        read_mask=mask(["topic", "name"])).results
        self.assertEqual([result.thread for result in found],
                         [Thread(topic="apple", name=thread.name)])
        self.assert_invalid({"read_mask"}, self.ann.search_threads, "groups/g", query="apple",
                            read_mask=mask(["no_such_field"]))

    def test_bad_requests(self):
        search = self.ann.search_threads
        for query in ("", " ", "?!", '""', "x" * 1025, "a " * 33 + "b"):
            words = " ".join(f"w{number}" for number in range(33)) if query.startswith("a ") else query
            self.assert_invalid({"query"}, search, "groups/g", query=words)
        self.assert_invalid({"order_by"}, search, "groups/g", query="a", order_by="newest")
        self.assert_invalid({"page_size"}, search, "groups/g", query="a", page_size=-1)
        self.assert_invalid({"parent", "query", "page_size"}, search, "groups/g/threads/x", query="",
                            page_size=-1)

    def test_who_may(self):
        eve = self.server.client("eve")
        self.assert_refused(Code.PERMISSION_DENIED, "NOT_A_MEMBER", eve.search_threads, "groups/g",
                            query="apple")
        self.assert_not_found(("Group", "groups/g"), eve.search_threads, "me/joinedGroups/g",
                              query="apple")
        self.assert_not_found(("Group", "groups/x"), self.application.search_threads, "groups/x",
                              query="apple")

    def test_a_restart_finds_the_same(self):
        self.ann.create_thread("groups/g", Thread(topic="apple"))
        self.server.kill()
        self.server = self.start_server()
        self.ann = self.server.client("ann")
        self.assertEqual(self.found("apple"), ["apple"])


if __name__ == "__main__":
    unittest.main()
