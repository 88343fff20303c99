"""threadctl: reading and answering threads, and what hangs on their posts."""

import json
import os
import pty
import subprocess
import unittest

import harness
from test_threadctl import FAILED_PRECONDITION, INVALID_ARGUMENT, NOT_FOUND, OUTPUT_FAILED
from test_threadctl import PERMISSION_DENIED, REQUEST_ID, ServedTestCase, USAGE

ABORTED = 10
HOSTILE = "\x1b[31mred\r\x07\u202e\x9b"


class PostsTestCase(ServedTestCase):

    def setUp(self):
        super().setUp()
        self.application.add_member("groups/g", "ann", display_name="Ann", mail="ann@example.com")
        self.application.add_member("groups/g", "bo", display_name="Bo")
        self.thread = self.assert_json("--user=ann", "thread", "create", "groups/g",
                                       "--topic=Lunch")["name"]

    def reply(self, *arguments, user="ann", to=None, **kwargs):
        """The post that a reply to the thread, or to a post, makes."""
        noun = ("post", "reply", to) if to else ("thread", "reply", self.thread)
        return self.assert_json(f"--user={user}", *noun, *arguments, **kwargs)

    def posts(self):
        return self.assert_json("post", "list", self.thread)["posts"]

    def assert_on_terminal(self, *arguments, environment=None):
        """What a command that succeeds prints to a terminal, which is its input too."""
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        try:
            process = subprocess.Popen(
                [harness.THREADCTL, f"--server={self.address}", *arguments], stdin=terminal,
                stdout=terminal, stderr=terminal,
                env=harness.clean_environment({"TERM": "xterm"} | (environment or {})))
        finally:
            os.close(terminal)
        self.addCleanup(process.kill)
        printed = b""
        while True:
            try:
                read = os.read(controller, 65536)
            except OSError:
                # That is how Linux says that nobody has the terminal open any more.
                break
            if not read:
                break
            printed += read
        self.assertEqual(process.wait(harness.PATIENCE_SECONDS), 0, printed)
        return printed.decode().replace("\r\n", "\n")


class ReplyTest(PostsTestCase):

    def test_a_reply_of_text(self):
        post = self.reply("--body=Where?")
        self.assertEqual(post["body"], {"contentType": "text", "content": "Where?"})
        self.assertEqual(post["sender"]["emailAddress"],
                         {"name": "Ann", "address": "ann@example.com"})
        self.assertEqual(self.assert_json("post", "get", post["name"]), post)
        printed = self.assert_prints("post", "get", post["name"])
        for text in (post["name"], "Where?", "Ann <ann@example.com>", post["etag"]):
            self.assertIn(text, printed)

    def test_a_reply_of_html(self):
        self.assertEqual(self.reply("--html=<p>Here</p>")["body"],
                         {"contentType": "html", "content": "<p>Here</p>"})

    def test_text_is_taken_as_it_is(self):
        for text in ("", "{}", "[a,b]", '"quoted"', "a\nb", "%%"):
            with self.subTest(text=text):
                self.assertEqual(self.reply("--body", text)["body"]["content"], text)

    def test_a_reply_of_json(self):
        text = json.dumps({"body": {"content": "Where?"}, "categories": ["food"],
                           "newParticipants": [{"emailAddress": {"address": "cy@example.com"}}]})
        path = self.folder / "post.json"
        path.write_text(text)
        for arguments, stdin in (((f"--file={path}",), ""), (("--file=-",), text), ((), text)):
            post = self.reply(*arguments, stdin=stdin)
            self.assertEqual((post["body"]["content"], post["categories"]), ("Where?", ["food"]))
        thread = self.assert_json("thread", "get", self.thread)
        self.assertIn({"emailAddress": {"address": "cy@example.com"}}, thread["toRecipients"])

    def test_json_is_read_strictly(self):
        message = self.assert_fails(USAGE, "--user=ann", "thread", "reply", self.thread,
                                    stdin='{"body": {"contend": "x"}}')
        self.assertIn("standard input: line 1, column 11: body.contend:", message)
        self.assertEqual(self.posts(), [])

    def test_an_application_says_who_posts(self):
        for sender, expected in (
                ("Cy <cy@example.com>", {"name": "Cy", "address": "cy@example.com"}),
                ("cy@example.com", {"address": "cy@example.com"}), ("Cy", {"name": "Cy"})):
            self.application.update_group(
                harness.Group(name="groups/g", allow_external_senders=True),
                "allow_external_senders")
            post = self.assert_json("thread", "reply", self.thread, "--body=x", f"--from={sender}")
            self.assertEqual(post["sender"]["emailAddress"], expected)

    def test_files_are_attached(self):
        (self.folder / "menu.pdf").write_bytes(b"\0\xff\n")
        (self.folder / "[plan].txt").write_text("plan")
        post = self.reply("--body=The menu", f"--attach={self.folder}/menu.pdf",
                          "--attach", f"{self.folder}/[plan].txt")
        self.assertTrue(post["hasAttachments"])
        attached = self.assert_json("attachment", "list", post["name"])["attachments"]
        self.assertEqual([(item["displayName"], item["size"]) for item in attached],
                         [("menu.pdf", 3), ("[plan].txt", 4)])
        message = self.assert_fails(USAGE, "thread", "reply", self.thread, "--body=x",
                                    f"--attach={self.folder}/none")
        self.assertIn(f"{self.folder}/none: No such file or directory", message)

    def test_a_request_id_makes_one_post(self):
        first = self.reply("--body=Once", f"--request_id={REQUEST_ID}")
        self.assertEqual(self.reply("--body=Once", f"--request_id={REQUEST_ID}"), first)
        self.assertEqual(self.posts(), [first])

    def test_wrong_command_lines_post_nothing(self):
        for arguments in (("--body=x", "--html=y"), ("--body=x", "--file=-"),
                          ("--body=x", "--body=y"), ("--body=x", "--bogus"), ("--body=x", "more")):
            with self.subTest(arguments=arguments):
                self.assert_fails(USAGE, "--user=ann", "thread", "reply", self.thread, *arguments)
        self.assertEqual(self.posts(), [])


class PostTest(PostsTestCase):

    def test_posts_are_listed(self):
        names = [self.reply(f"--body={number}")["name"] for number in range(3)]
        self.assertEqual([post["name"] for post in self.posts()], names)
        table = self.assert_prints("post", "list", self.thread, "--order_by=create_time desc")
        self.assertEqual([line.split()[0] for line in table.splitlines()],
                         ["NAME", *reversed(names)])
        page = self.assert_json("post", "list", self.thread, "--page_size=2")
        self.assertEqual(len(page["posts"]), 2)
        page = self.assert_json("post", "list", self.thread,
                                f"--page_token={page['nextPageToken']}")
        self.assertEqual([post["name"] for post in page["posts"]], names[2:])

    def test_a_reply_says_to_what(self):
        first = self.reply("--body=Where?")
        second = self.reply("--body=Here", user="bo", to=first["name"])
        self.assertEqual(second["inReplyTo"], first["name"])

    def test_a_post_is_changed(self):
        post = self.reply("--body=Wher?")
        update = ("--user=ann", "post", "update", post["name"])
        changed = self.assert_json(*update, "--body=Where?", f"--etag={post['etag']}")
        self.assertEqual(changed["body"]["content"], "Where?")
        self.assertIn("ETAG_MISMATCH",
                      self.assert_fails(ABORTED, *update, "--html=x", f"--etag={post['etag']}"))
        changed = self.assert_json(*update, "--category=food", "--category", "[a,b]")
        self.assertEqual((changed["categories"], changed["body"]["content"]),
                         (["food", "[a,b]"], "Where?"))
        self.assertEqual(self.assert_json(*update, "--no_categories")["categories"], [])
        for arguments in ((), ("--category=x", "--no_categories"), ("--body=x", "--html=y")):
            self.assert_fails(USAGE, *update, *arguments)
        self.assertIn("NOT_THE_AUTHOR", self.assert_fails(
            PERMISSION_DENIED, "--user=bo", "post", "update", post["name"], "--body=x"))

    def test_a_post_is_deleted(self):
        post = self.reply("--body=x")
        delete = ("--user=ann", "post", "delete", post["name"])
        self.assert_fails(ABORTED, *delete, '--etag="bogus"')
        self.assertEqual(self.assert_prints(*delete, f"--etag={post['etag']}"), "")
        self.assert_fails(NOT_FOUND, "post", "get", post["name"])

    def test_a_post_is_forwarded(self):
        post = self.reply("--body=x")
        forward = self.assert_json("--user=ann", "post", "forward", post["name"],
                                   "--to=Cy <cy@example.com>", "--to", "di@example.com",
                                   "--comment=Look")
        self.assertEqual(forward["comment"], "Look")
        self.assertEqual([to["emailAddress"] for to in forward["toRecipients"]],
                         [{"name": "Cy", "address": "cy@example.com"},
                          {"address": "di@example.com"}])
        printed = self.assert_prints("--user=ann", "post", "forward", post["name"],
                                     "--to=di@example.com")
        self.assertIn("di@example.com", printed)
        self.assert_fails(USAGE, "post", "forward", post["name"])


class ShowTest(PostsTestCase):

    def test_replies_stand_below_what_they_reply_to(self):
        first = self.reply("--body=Where?")
        second = self.reply("--body=When?")
        third = self.reply("--body=At Bo's\nor here", user="bo", to=first["name"])
        printed = self.assert_prints("thread", "show", self.thread, environment={"TZ": "UTC"})

        def time(post):
            return post["createdDateTime"][:16].replace("T", " ")

        self.assertTrue(printed.startswith(f"Lunch\n{self.thread}\n"), printed)
        self.assertIn("\nsenders  Ann, Bo\n", printed)
        self.assertTrue(printed.endswith(
            f"\n\nAnn <ann@example.com>  {time(first)}\n{first['name']}\n| Where?\n"
            f"\n    Bo  {time(third)}\n    {third['name']}\n    | At Bo's\n    | or here\n"
            f"\nAnn <ann@example.com>  {time(second)}\n{second['name']}\n| When?\n"), printed)

        self.assert_prints("--user=ann", "post", "delete", first["name"])
        self.assertIn(f"\nBo  {time(third)}  (reply to a deleted post)\n{third['name']}\n",
                      self.assert_prints("thread", "show", self.thread, environment={"TZ": "UTC"}))

    def test_json_has_the_posts_in_the_thread(self):
        posts = [self.reply(f"--body={number}") for number in range(3)]
        thread = self.assert_json("thread", "get", self.thread)
        self.assertEqual(self.assert_json("thread", "show", self.thread), thread | {"posts": posts})
        self.assertEqual(thread["posts"], [])

    def test_all_pages_are_read(self):
        for number in range(60):
            self.application.reply_to_thread(self.thread, harness.Post(
                body=harness.ItemBody(content=str(number)), sender=harness.Recipient(
                    email_address=harness.EmailAddress(address="ann@example.com"))))
        printed = self.assert_prints("thread", "show", self.thread)
        self.assertEqual([line[2:] for line in printed.splitlines() if line.startswith("|")],
                         [str(number) for number in range(60)])

    def test_colour_is_for_terminals(self):
        self.reply("--body=Where?")
        show = ("thread", "show", self.thread)
        plain = self.assert_prints(*show)
        self.assertNotIn("\x1b", plain)
        self.assertIn("\x1b[1mLunch\x1b[0m\n", self.assert_on_terminal(*show))
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertEqual(self.assert_on_terminal(*show, environment=environment), plain)
        self.assertNotIn("\x1b", self.assert_on_terminal("thread", "get", self.thread))

    def test_text_does_not_drive_the_terminal(self):
        post = self.reply("--body", f"{HOSTILE}\nsecond")
        for command in (("thread", "show", self.thread), ("post", "get", post["name"])):
            printed = self.assert_prints(*command)
            for character in "\x1b\r\x07\u202e\x9b":
                self.assertNotIn(character, printed)
            self.assertIn("[31mred", printed)


class ThreadTest(PostsTestCase):

    def test_a_thread_is_locked_and_unlocked(self):
        update = ("--user=ann", "thread", "update", self.thread)
        etag = self.assert_json("thread", "get", self.thread)["etag"]
        self.assertTrue(self.assert_json(*update, "--lock", f"--etag={etag}")["isLocked"])
        self.assertIn("THREAD_LOCKED", self.assert_fails(
            FAILED_PRECONDITION, "--user=ann", "thread", "reply", self.thread, "--body=x"))
        self.assertIn("locked", self.assert_prints("thread", "show", self.thread))
        self.assertIn("ETAG_MISMATCH",
                      self.assert_fails(ABORTED, *update, "--unlock", f"--etag={etag}"))
        self.assertFalse(self.assert_json(*update, "--unlock")["isLocked"])
        self.reply("--body=x")
        for arguments in ((), ("--lock", "--unlock"), ("--lock=false",)):
            self.assert_fails(USAGE, *update, *arguments)

    def test_a_thread_is_deleted(self):
        delete = ("--user=ann", "thread", "delete", self.thread)
        self.assert_fails(ABORTED, *delete, '--etag="bogus"')
        self.assertEqual(self.assert_prints(*delete), "")
        self.assert_fails(NOT_FOUND, "thread", "show", self.thread)


class AttachmentTest(PostsTestCase):

    content = bytes(range(256))

    def setUp(self):
        super().setUp()
        self.post = self.reply("--body=x")["name"]
        self.file = self.folder / "menu.pdf"
        self.file.write_bytes(self.content)

    def add(self, *arguments):
        return self.assert_json("--user=ann", "attachment", "add", self.post, self.file, *arguments)

    def test_a_file_is_attached(self):
        attachment = self.add("--content_type=application/pdf")
        self.assertEqual([attachment[name] for name in ("displayName", "contentType", "size")],
                         ["menu.pdf", "application/pdf", len(self.content)])
        attachment = self.add("--display_name=Menu", "--content_id=menu")
        self.assertEqual((attachment["displayName"], attachment["isInline"],
                          attachment["file"]["contentId"]), ("Menu", True, "menu"))
        listed = self.assert_json("attachment", "list", self.post)["attachments"]
        self.assertEqual([item["displayName"] for item in listed], ["menu.pdf", "Menu"])
        table = self.assert_prints("attachment", "list", self.post).splitlines()
        self.assertEqual(table[1].split(),
                         [listed[0]["name"], "file", "256", "application/pdf", "menu.pdf"])
        message = self.assert_fails(USAGE, "attachment", "add", self.post, self.folder / "none")
        self.assertIn("No such file or directory", message)

    def test_the_content_comes_back_as_it_was(self):
        get = ("attachment", "get", self.add()["name"])
        result = subprocess.run([harness.THREADCTL, f"--server={self.address}", *get],
                                stdout=subprocess.PIPE, timeout=harness.PATIENCE_SECONDS,
                                check=True, env=harness.clean_environment())
        self.assertEqual(result.stdout, self.content)
        path = self.folder / "out"
        path.write_bytes(b"x" * 1000)
        for output in ((), ("--output=json",)):
            self.assertEqual(self.assert_prints(*output, *get, f"--output_file={path}"), "")
            self.assertEqual(path.read_bytes(), self.content)
        attachment = self.assert_json(*get)
        self.assertEqual(attachment["displayName"], "menu.pdf")
        self.assertNotEqual(attachment["file"]["contentBytes"], "")

    def test_a_terminal_gets_no_content(self):
        printed = self.assert_on_terminal("attachment", "get", self.add()["name"])
        self.assertIn("menu.pdf", printed)
        self.assertNotIn("\0", printed)

    def test_a_file_that_cannot_be_written_is_no_success(self):
        get = ("attachment", "get", self.add()["name"])
        for path in ("/dev/full", self.folder / "none" / "out"):
            message = self.assert_fails(OUTPUT_FAILED, *get, f"--output_file={path}")
            self.assertIn(f"cannot write to {path}: ", message)

    def test_items_and_links(self):
        post = self.reply(stdin=json.dumps({"attachments": [
            {"displayName": "An event", "item": {"itemJson": '{"subject": "Lunch"}'}},
            {"displayName": "A link", "reference": {"sourceUrl": "https://example.com/menu"}}]}))
        item, link = self.assert_json("attachment", "list", post["name"])["attachments"]
        self.assertEqual(self.assert_prints("attachment", "get", item["name"]),
                         '{"subject": "Lunch"}')
        self.assertIn("https://example.com/menu", self.assert_fails(
            FAILED_PRECONDITION, "attachment", "get", link["name"]))
        self.assertIn("https://example.com/menu",
                      self.assert_on_terminal("attachment", "get", link["name"]))


class ExtensionTest(PostsTestCase):

    def test_extensions(self):
        post = self.reply("--body=x")["name"]
        create = ("--user=ann", "extension", "create", post)
        first = self.assert_json(*create, "com.example.a", '--content={"ticket": 7}')
        self.assertEqual((first["name"], first["contentJson"]),
                         (f"{post}/extensions/com.example.a", '{"ticket": 7}'))
        second = self.assert_json(*create, "com.example.b", stdin="{}")
        self.assertEqual(self.assert_json(*create, "com.example.c", "--content", "{}")
                         ["contentJson"], "{}")
        self.assertEqual(self.assert_json("extension", "get", first["name"]), first)
        self.assertIn('{"ticket": 7}', self.assert_prints("extension", "get", first["name"]))
        listed = self.assert_json("extension", "list", post)["extensions"]
        self.assertEqual(listed[:2], [first, second])
        self.assertEqual(self.assert_prints("extension", "list", post).splitlines()[1].split(),
                         [first["name"], "13"])

        path = self.folder / "content.json"
        path.write_text('{"ticket": 8}')
        changed = self.assert_json("--user=ann", "extension", "update", first["name"],
                                   f"--file={path}")
        self.assertEqual(changed["contentJson"], '{"ticket": 8}')
        self.assert_fails(INVALID_ARGUMENT, "--user=ann", "extension", "update", first["name"],
                          "--content=[]")
        self.assertEqual(self.assert_prints("--user=ann", "extension", "delete", first["name"]), "")
        self.assert_fails(NOT_FOUND, "extension", "get", first["name"])


class ConversationTest(PostsTestCase):

    def test_conversations(self):
        text = json.dumps({"topic": "Dinner",
                           "threads": [{}, {"posts": [{"body": {"content": "Where?"}}]}]})
        created = self.assert_json("--user=ann", "conversation", "create", "groups/g", stdin=text)
        self.assertEqual([len(thread["posts"]) for thread in created["threads"]], [0, 1])
        got = self.assert_json("conversation", "get", created["name"])
        self.assertEqual((got["topic"], got["preview"]), ("Dinner", "Where?"))
        self.assertIn("Where?", self.assert_prints("conversation", "get", created["name"]))
        listed = self.assert_json("conversation", "list", "groups/g", "--order_by=create_time")
        self.assertEqual([item["topic"] for item in listed["conversations"]], ["Lunch", "Dinner"])
        self.assertEqual(self.assert_prints("conversation", "list", "groups/g",
                                            "--order_by=create_time").splitlines()[2].split()[0],
                         created["name"])
        self.assertEqual(
            self.assert_prints("--user=ann", "conversation", "delete", created["name"]), "")
        self.assert_fails(NOT_FOUND, "conversation", "get", created["name"])

    def test_a_topic_is_enough(self):
        created = self.assert_json("--user=ann", "conversation", "create", "groups/g",
                                   "--topic=Dinner")
        threads = self.assert_json("thread", "list", created["name"])["threads"]
        self.assertEqual([thread["topic"] for thread in threads], ["Dinner"])


class GroupAndSenderTest(ServedTestCase):

    def test_a_group_is_changed(self):
        created = self.assert_json("group", "create", "open", "--allow_external_senders")
        self.assertTrue(created["allowExternalSenders"])
        update = ("group", "update", "groups/open")
        for arguments, expected in (
                (("--display_name=Open", "--mail=m"), ["Open", "m", True]),
                (("--allow_external_senders=false", "--mail", ""), ["Open", "", False]),
                (("--description=For all", "--mail_nickname=open"), ["Open", "", False])):
            changed = self.assert_json(*update, *arguments)
            self.assertEqual([changed[name] for name in
                              ("displayName", "mail", "allowExternalSenders")], expected)
        self.assertEqual((changed["description"], changed["mailNickname"]), ("For all", "open"))
        for arguments in ((), ("--allow_external_senders=maybe",)):
            self.assert_fails(USAGE, *update, *arguments)

    def test_senders(self):
        accepted = "groups/g/acceptedSenders"
        sender = self.assert_json("sender", "add", accepted, "cy@example.com")
        self.assertEqual(sender, {"name": f"{accepted}/cy@example.com", "id": "cy@example.com"})
        self.assertEqual(self.assert_json("sender", "list", accepted)["senders"], [sender])
        self.assertEqual(self.assert_prints("sender", "list", accepted).splitlines()[1].split(),
                         [sender["name"], sender["id"]])
        self.assert_fails(INVALID_ARGUMENT, "sender", "add", "groups/g/rejectedSenders",
                          "cy@example.com")
        self.assertEqual(self.assert_prints("sender", "remove", sender["name"]), "")
        self.assertEqual(self.assert_json("sender", "list", accepted)["senders"], [])


if __name__ == "__main__":
    unittest.main()
