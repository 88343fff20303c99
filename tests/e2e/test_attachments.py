"""Attachments and extensions of posts."""

import concurrent.futures
import os
import unittest
import uuid

import grpc

import harness
from harness import (UNKNOWN_ID, Attachment, Client, Code, Extension, Thread, pages, resources,
                     text_post)

REQUEST_ID = "6f1c3bd6-7dd1-4f0c-9f0e-0d5c2ad3a7b1"
MAX_BYTES = 3 << 20
MAX_BYTES_PER_POST = 25 << 20
BASIC = resources.ATTACHMENT_VIEW_BASIC
FULL = resources.ATTACHMENT_VIEW_FULL


def file(content, name="file.bin", **fields):
    return Attachment(display_name=name, **fields,
                      file=resources.FileAttachment(content_bytes=content, content_id="cid"))


def item(text):
    return Attachment(display_name="Meeting", item=resources.ItemAttachment(item_json=text))


def reference(url="https://example.com/a b?c=\u00e9"):
    return Attachment(display_name="Plan.docx", reference=resources.ReferenceAttachment(
        source_url=url, provider_type="oneDriveBusiness", permission="edit", is_folder=True))


def without_content(attachment):
    basic = Attachment()
    basic.CopyFrom(attachment)
    kind = getattr(basic, basic.WhichOneof("kind"))
    for content in {"content_bytes", "item_json"} & set(kind.DESCRIPTOR.fields_by_name):
        kind.ClearField(content)
    return basic


class PostTestCase(harness.TestCase):
    """A post of ann's in the group `g`."""

    def setUp(self):
        super().setUp()
        self.start()
        self.ann.create_group("g")
        self.thread = self.ann.create_thread("groups/g", Thread(topic="Lunch",
                                                                posts=[text_post("Where?")]))
        self.post = self.thread.posts[0]

    def start(self):
        self.server = self.start_server()
        channel = self.server.connect()
        self.application, self.ann = Client(channel), Client(channel, "ann")

    def etags(self):
        return self.ann.get_post(self.post.name).etag, self.ann.get_thread(self.thread.name).etag

    def assert_etags_change(self, call, *args):
        before = self.etags()
        answer = call(*args)
        for old, new in zip(before, self.etags()):
            self.assertNotEqual(old, new)
        return answer

    def attachments(self, name=None, **fields):
        return [attachment for page in pages(self.ann.list_attachments, name or self.post.name,
                                             **fields)
                for attachment in page.attachments]


class AttachmentTest(PostTestCase):

    def test_each_kind_comes_back_as_it_was_attached(self):
        text = '{"subject" : "\u00e9",\n "n": 1.0, "n2": 12345678901234567890}'
        for sent, size in ((file(b"\0\xff" * 100, content_type="image/png", is_inline=True), 200),
                           (file(b""), 0), (item(text), len(text.encode())), (reference(), 0)):
            with self.subTest(kind=sent.WhichOneof("kind"), size=size):
                answer = self.assert_etags_change(self.ann.create_attachment, self.post.name, sent)
                self.assertEqual(uuid.UUID(answer.id).version, 7)
                self.assertGreater(answer.last_modified_date_time.seconds, 0)

                expected = Attachment(
                    id=answer.id, name=f"{self.post.name}/attachments/{answer.id}", size=size,
                    last_modified_date_time=answer.last_modified_date_time)
                expected.MergeFrom(sent)
                self.assertEqual(self.ann.get_attachment(answer.name), expected)
                self.assertEqual(self.ann.get_attachment(answer.name, view=FULL), expected)
                basic = without_content(expected)
                self.assertEqual(answer, basic)
                self.assertEqual(self.ann.get_attachment(answer.name, view=BASIC), basic)
                self.assertIn(basic, self.attachments())
        self.assertTrue(self.ann.get_post(self.post.name).has_attachments)
        self.assertTrue(self.ann.get_thread(self.thread.name).has_attachments)

    def test_a_post_comes_with_its_attachments(self):
        content = os.urandom(1000)
        for answer in (
                self.ann.reply_to_thread(self.thread.name, text_post(
                    "Look", attachments=[file(content), reference()])),
                self.ann.create_thread("groups/g", Thread(topic="Look", posts=[text_post(
                    "Look", attachments=[file(content), reference()])])).posts[0]):
            self.assertTrue(answer.has_attachments)
            self.assertEqual([attachment.size for attachment in answer.attachments], [1000, 0])
            self.assertEqual(answer.attachments[0].file.content_bytes, b"")
            self.assertEqual(self.attachments(answer.name), list(answer.attachments))
            self.assertEqual(
                self.ann.get_attachment(answer.attachments[0].name).file.content_bytes, content)
            answer.ClearField("attachments")
            self.assertEqual(self.ann.get_post(answer.name), answer)

    def test_three_mebibytes_come_back_bit_for_bit(self):
        content = os.urandom(MAX_BYTES)
        created = self.ann.create_attachment(self.post.name, file(content))
        self.assertEqual(created.size, MAX_BYTES)
        self.assertEqual(self.ann.get_attachment(created.name).file.content_bytes, content)

        reply = self.ann.reply_to_thread(self.thread.name,
                                         text_post("Look", attachments=[file(content)]))
        stored = self.attachments(reply.name, view=FULL)
        self.assertEqual([attachment.file.content_bytes for attachment in stored], [content])
        self.assertEqual(self.server.stop(), 0)
        self.start()
        self.assertEqual(self.ann.get_attachment(created.name).file.content_bytes, content)

    def assert_names_the_limit(self, refusal):
        for _, description in refusal.violations:
            self.assertIn(str(MAX_BYTES), description)

    def test_a_byte_more_is_refused(self):
        content = bytes(MAX_BYTES + 1)
        self.assert_names_the_limit(self.assert_invalid(
            ["attachment.file.content_bytes"], self.ann.create_attachment, self.post.name,
            file(content)))
        self.assert_names_the_limit(self.assert_invalid(
            ["post.attachments[0].file.content_bytes"], self.ann.reply_to_thread,
            self.thread.name, text_post("Look", attachments=[file(content)])))
        self.assertEqual(self.attachments(), [])
        self.assertEqual(len(self.ann.list_posts(self.thread.name).posts), 1)

    def test_the_attachments_of_a_request_count_together(self):
        halves = [file(bytes(MAX_BYTES // 2)), file(bytes(MAX_BYTES // 2 - 2)), item("{}")]
        reply = self.ann.reply_to_thread(self.thread.name, text_post("Fits", attachments=halves))
        self.assertEqual(len(reply.attachments), 3)
        self.assert_names_the_limit(self.assert_invalid(
            ["post.attachments[3].file.content_bytes"], self.ann.reply_to_thread,
            self.thread.name, text_post("Too much", attachments=[*halves, file(b"x")])))

    def test_the_attachments_of_a_post_have_25_mebibytes_together(self):
        sizes = [MAX_BYTES] * 8 + [MAX_BYTES_PER_POST - 8 * MAX_BYTES]
        contents = [os.urandom(size) for size in sizes]
        for number, content in enumerate(contents):
            self.ann.create_attachment(self.post.name, file(content, f"file {number}"))
        before = self.etags()
        refusal = self.assert_refused(Code.FAILED_PRECONDITION, "TOO_MANY_ATTACHMENTS",
                                      self.ann.create_attachment, self.post.name, file(b"x"))
        self.assertEqual(refusal.resource, ("threadstore/Post", self.post.name))
        self.assertIn(str(MAX_BYTES_PER_POST), refusal.message)
        self.assertEqual(self.etags(), before)

        self.assertEqual([attachment.size for attachment in self.attachments()], sizes)
        # A client with default settings takes messages of 4 MiB.
        full = self.attachments(view=FULL, page_size=1000)
        self.assertEqual([attachment.display_name for attachment in full],
                         [f"file {number}" for number in range(9)])
        self.assertTrue(all(attachment.file.content_bytes == content
                            for attachment, content in zip(full, contents)))
        self.ann.create_attachment(self.post.name, reference())

    def test_a_post_has_250_attachments_at_most(self):
        reply = self.ann.reply_to_thread(
            self.thread.name, text_post("Many", attachments=[reference()] * 250))
        self.assert_refused(Code.FAILED_PRECONDITION, "TOO_MANY_ATTACHMENTS",
                            self.ann.create_attachment, reply.name, reference())
        self.assertEqual(len(self.attachments(reply.name, page_size=100)), 250)

    def test_memory_is_bounded_while_64_upload_at_once(self):
        self.assertEqual(self.server.stop(), 0)
        server = self.start_server("--request_memory=32MiB")
        contents = [os.urandom(MAX_BYTES) for _ in range(4)]

        def upload(index):
            client = Client(server.connect(), "ann")
            content = contents[index % len(contents)]
            while True:
                try:
                    posts = [text_post("Here", attachments=[file(content)])]
                    thread = client.create_thread("groups/g", Thread(topic="Upload", posts=posts))
                    name = thread.posts[0].attachments[0].name
                    return client.get_attachment(name).file.content_bytes == content
                except grpc.RpcError as error:
                    if error.code() != Code.RESOURCE_EXHAUSTED:
                        raise

        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            uploads = [pool.submit(upload, index) for index in range(64)]
            while not all(upload.done() for upload in uploads):
                self.assertEqual(server.health(), harness.Health.SERVING)
                concurrent.futures.wait(uploads, timeout=0.1)
            self.assertEqual({upload.result() for upload in uploads}, {True})
        self.assert_peak_memory_below(server, 256 << 20)

    def test_an_attachment_must_be_something(self):
        for fields, sent in (
                (["attachment"], Attachment(display_name="Nothing")),
                (["attachment.display_name"], file(b"x", name="")),
                (["attachment.display_name"], file(b"x", name="n" * 256)),
                (["attachment.content_type"], file(b"x", content_type="t" * 256)),
                (["attachment.id"], file(b"x", id=UNKNOWN_ID)),
                (["attachment.item.item_json"], item("")),
                (["attachment.item.item_json"], item("[]")),
                (["attachment.item.item_json"], item('{"a": 1,}')),
                (["attachment.item.item_json"], item('{"a": ' + "[" * 200 + "]" * 200 + "}")),
                (["attachment.reference.source_url"], reference(url="")),
                (["attachment.reference.source_url"], reference(url="u" * 2049))):
            with self.subTest(fields=fields):
                self.assert_invalid(fields, self.ann.create_attachment, self.post.name, sent)
        self.assertEqual(self.attachments(), [])

    def test_the_same_request_attaches_once(self):
        created = self.ann.create_attachment(self.post.name, file(b"once"), REQUEST_ID)
        alias = self.post.name.replace("groups/g", "me/joinedGroups/g")
        self.assertEqual(self.ann.create_attachment(alias, file(b"once"), REQUEST_ID), created)
        self.assert_refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED", self.ann.create_attachment,
                            self.post.name, file(b"twice"), REQUEST_ID)
        self.assertEqual(self.attachments(), [created])

    def test_attachments_go_with_their_post(self):
        attachment = self.ann.create_attachment(self.post.name, file(b"x"))
        self.ann.delete_post(self.post.name)
        self.assert_refused(Code.NOT_FOUND, "RESOURCE_NOT_FOUND",
                            self.ann.get_attachment, attachment.name)
        self.assert_not_found(("Post", self.post.name), self.ann.list_attachments, self.post.name)
        self.assert_not_found(("Post", self.post.name), self.ann.create_attachment, self.post.name,
                              file(b"x"))
        self.assertFalse(self.ann.get_thread(self.thread.name).has_attachments)

    def test_an_attachment_is_not_found_through_another_post(self):
        attachment = self.ann.create_attachment(self.post.name, file(b"x"))
        other = self.ann.reply_to_thread(self.thread.name, text_post("Other"))
        for name in (f"{other.name}/attachments/{attachment.id}",
                     f"{self.post.name}/attachments/{UNKNOWN_ID}"):
            self.assert_not_found(("Attachment", name), self.ann.get_attachment, name)

    def test_pages(self):
        reply = self.ann.reply_to_thread(self.thread.name, text_post("Many", attachments=[
            file(b"x" * number, f"file {number}") for number in range(7)]))
        listed = list(pages(self.ann.list_attachments, reply.name, page_size=3))
        self.assertEqual([len(page.attachments) for page in listed], [3, 3, 1])
        self.assertEqual([attachment.size for page in listed for attachment in page.attachments],
                         list(range(7)))
        self.assert_invalid(["page_token"], self.ann.list_attachments, self.post.name,
                            page_token=listed[0].next_page_token)


class ExtensionTest(PostTestCase):

    prefixes = ("", "microsoft.graph.openTypeExtension.",
                "Microsoft.OutlookServices.OpenTypeExtension.")

    def add(self, name, content='{"a": 1}', post=None, request_id=""):
        extension = Extension(extension_name=name, content_json=content)
        return self.ann.create_extension(post or self.post.name, extension, request_id)

    def names(self, post=None):
        return [extension.extension_name
                for page in pages(self.ann.list_extensions, post or self.post.name, page_size=3)
                for extension in page.extensions]

    def test_an_extension_comes_back_as_it_was_added(self):
        content = '{"b" : 1.0,\n "a": ["\u00e9", null]}'
        added = self.assert_etags_change(self.add, "Com.Contoso.Referral", content)
        self.assertEqual(added, Extension(name=f"{self.post.name}/extensions/Com.Contoso.Referral",
                                          extension_name="Com.Contoso.Referral",
                                          content_json=content))
        self.assertEqual(self.ann.get_extension(added.name), added)
        self.assertEqual(list(self.ann.list_extensions(self.post.name).extensions), [added])

    def test_an_extension_has_short_and_fully_qualified_names(self):
        for number, prefix in enumerate(self.prefixes):
            short = f"com.example.e{number}"
            added = self.add(prefix + short)
            self.assertEqual((added.extension_name, added.name),
                             (short, f"{self.post.name}/extensions/{short}"))
            for other in self.prefixes:
                name = f"{self.post.name}/extensions/{other}{short}"
                self.assertEqual(self.ann.get_extension(name), added)
                refusal = self.assert_refused(Code.ALREADY_EXISTS, "RESOURCE_EXISTS",
                                              self.add, other + short)
                self.assertEqual(refusal.resource, ("threadstore/Extension", added.name))
                alias = name.replace("groups/g", "me/joinedGroups/g")
                content = f'{{"by": "{other}"}}'
                updated = self.ann.update_extension(Extension(name=alias, content_json=content))
                self.assertEqual((updated.name, updated.content_json), (added.name, content))
                added = updated
            self.ann.delete_extension(f"{self.post.name}/extensions/{prefix}{short}")
            self.assert_not_found(("Extension", added.name), self.ann.get_extension, added.name)

    def test_a_post_comes_with_its_extensions(self):
        reply = self.ann.reply_to_thread(self.thread.name, text_post("Hi", extensions=[
            Extension(extension_name=self.prefixes[1] + "com.example.b", content_json='{"b": 2}'),
            Extension(extension_name="com.example.a", content_json="{}")]))
        self.assertEqual(list(reply.extensions), [])
        self.assertEqual(self.ann.get_post(reply.name), reply)
        self.assertEqual(self.names(reply.name), ["com.example.a", "com.example.b"])
        name = f"{reply.name}/extensions/com.example.b"
        self.assertEqual(self.ann.get_extension(name).content_json, '{"b": 2}')

    def test_lists_are_by_name_and_names_are_case_sensitive(self):
        for name in ("b", "a", "B", "z.z", "a-1", "_"):
            self.add(name)
        self.assertEqual(self.names(), sorted(["b", "a", "B", "z.z", "a-1", "_"]))

    def test_an_update_replaces_the_content(self):
        added = self.add("com.example.a", '{"a": 1, "b": 2}')
        for paths in ((), ("content_json",), ("*",)):
            content = f'{{"paths": {len(paths)}}}'
            updated = self.assert_etags_change(
                self.ann.update_extension, Extension(name=added.name, content_json=content), *paths)
            self.assertEqual(updated.content_json, content)
            self.assertEqual(self.ann.get_extension(added.name), updated)
        self.assert_invalid(["update_mask"], self.ann.update_extension,
                            Extension(name=added.name, content_json="{}"), "extension_name")
        name = f"{self.post.name}/extensions/nothing"
        self.assert_not_found(("Extension", name), self.ann.update_extension,
                              Extension(name=name, content_json="{}"))

    def test_a_deleted_extension_is_gone(self):
        added = self.add("com.example.a")
        self.assert_etags_change(self.ann.delete_extension, added.name)
        self.assertEqual(self.names(), [])
        self.assert_not_found(("Extension", added.name), self.ann.delete_extension, added.name)
        self.add("com.example.a")

    def test_a_post_has_20_extensions_at_most(self):
        for number in range(20):
            self.add(f"com.example.e{number}")
        refusal = self.assert_refused(Code.FAILED_PRECONDITION, "TOO_MANY_EXTENSIONS",
                                      self.add, "com.example.one-more")
        self.assertEqual(refusal.resource, ("threadstore/Post", self.post.name))
        self.ann.delete_extension(f"{self.post.name}/extensions/com.example.e0")
        self.add("com.example.one-more")
        self.assertEqual(len(self.names()), 20)

    def test_what_no_extension_can_be(self):
        for field, name, content in (
                ("extension_name", "", "{}"), ("extension_name", "a/b", "{}"),
                ("extension_name", "a b", "{}"), ("extension_name", "n" * 129, "{}"),
                ("extension_name", self.prefixes[1], "{}"),
                ("content_json", "a", ""), ("content_json", "a", "[]"), ("content_json", "a", "{"),
                ("content_json", "a", '{"a": "' + "x" * (64 << 10) + '"}')):
            with self.subTest(name=name[:40], content=content[:40]):
                self.assert_invalid([f"extension.{field}"], self.add, name, content)
        largest = '{"a": "' + "x" * ((64 << 10) - 9) + '"}'
        self.assertEqual(len(largest), 64 << 10)
        self.assertEqual(self.add("n" * 128, largest).content_json, largest)

    def test_the_same_request_adds_one(self):
        added = self.add("com.example.a", request_id=REQUEST_ID)
        self.assertEqual(self.add("com.example.a", request_id=REQUEST_ID), added)
        self.assert_refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED",
                            self.add, "com.example.b", request_id=REQUEST_ID)
        self.assertEqual(self.names(), ["com.example.a"])


if __name__ == "__main__":
    unittest.main()
