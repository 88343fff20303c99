"""Every limit: what is just within it is kept whole, what is just past it is refused."""

import unittest

import grpc

import harness
from harness import Client, Code, EmailAddress, Member, Recipient, Thread

MAX_REQUEST_BYTES = 5 << 20
WIDEST = "\U0001f35c"  # Takes the four bytes that a character may have.


def recipients(count, **fields):
    return [Recipient(email_address=EmailAddress(**fields)) for _ in range(count)]


def with_padding(message, size):
    """The bytes of a message with an unknown field that brings them to `size`."""
    payload = message.SerializeToString()
    for length_bytes in range(1, 6):
        # Field 1000, of bytes; a varint may be longer than it needs to be.
        length = size - len(payload) - 2 - length_bytes
        varint = bytes((length >> 7 * i & 0x7F) | (0x80 if i + 1 < length_bytes else 0)
                       for i in range(length_bytes))
        if length >> 7 * length_bytes == 0:
            return payload + b"\xc2\x3e" + varint + b"x" * length
    raise ValueError(size)


class LimitsTest(harness.TestCase):

    def setUp(self):
        super().setUp()
        self.server = self.start_server()
        self.channel = self.server.connect()
        self.application = Client(self.channel)
        self.application.create_group("g")

    def assert_kept(self, thread):
        created = self.application.create_thread("groups/g", thread)
        for field, value in thread.ListFields():
            self.assertEqual(getattr(created, field.name), value)
        self.assertEqual(self.application.get_thread(created.name), created)

    def assert_threads_stored(self, count):
        """Of all that was sent only this many threads are there, and nothing of the others."""
        self.assertEqual(len(self.application.list_threads("groups/g").threads), count)
        self.assertEqual(self.server.stop(), 0)
        counts = harness.stored_counts(self.store)
        self.assertEqual((counts["threads"], counts["conversations"]), (count, count))

    def test_texts_of_a_thread(self):
        address = {"email_address": EmailAddress(address="a" * 319 + "b")}
        texts = [
            ("thread.topic", 255, lambda text: Thread(topic=text)),
            ("thread.preview", 255, lambda text: Thread(topic="T", preview=text)),
            ("thread.unique_senders[1]", 256,
             lambda text: Thread(topic="T", unique_senders=["fine", text])),
            ("thread.to_recipients[1].email_address.name", 256,
             lambda text: Thread(topic="T", to_recipients=[
                 Recipient(**address), Recipient(email_address=EmailAddress(name=text))])),
            ("thread.cc_recipients[0].email_address.name", 256,
             lambda text: Thread(topic="T", cc_recipients=[
                 Recipient(email_address=EmailAddress(name=text))])),
        ]
        for field, characters, thread in texts:
            for character in ("a", "\u00e9", WIDEST):
                with self.subTest(field=field, character=character):
                    self.assert_kept(thread(character * characters))
                    self.assert_invalid([field], self.application.create_thread, "groups/g",
                                        thread(character * (characters + 1)))
        self.assert_threads_stored(len(texts) * 3)

    def test_addresses_are_counted_in_bytes(self):
        def thread(field, address):
            return Thread(topic="T", **{field: recipients(1, address=address)})
        for field in ("to_recipients", "cc_recipients"):
            for fits, too_long in (("a" * 320, "a" * 321), (WIDEST * 80, WIDEST * 80 + "a")):
                with self.subTest(field=field, length=len(fits)):
                    self.assert_kept(thread(field, fits))
                    self.assert_invalid([f"thread.{field}[0].email_address.address"],
                                        self.application.create_thread, "groups/g",
                                        thread(field, too_long))
        self.assert_threads_stored(4)

    def test_counts_of_a_thread(self):
        self.assert_kept(Thread(topic="T", to_recipients=recipients(500, name="n"),
                                cc_recipients=recipients(500, address="a"),
                                unique_senders=["s"] * 500))
        self.assert_invalid(
            ["thread.to_recipients", "thread.cc_recipients", "thread.unique_senders"],
            self.application.create_thread, "groups/g",
            Thread(topic="T", to_recipients=[Recipient()] * 501, cc_recipients=[Recipient()] * 501,
                   unique_senders=[""] * 501))
        self.assert_threads_stored(1)

    def test_the_largest_thread_reaches_a_client_with_default_settings(self):
        self.assert_kept(Thread(
            topic=WIDEST * 255, preview=WIDEST * 255, unique_senders=[WIDEST * 256] * 500,
            to_recipients=recipients(500, name=WIDEST * 256, address="a" * 320),
            cc_recipients=recipients(500, name=WIDEST * 256, address="a" * 320)))
        self.assertEqual(len(self.application.list_threads("groups/g").threads), 1)

    def test_group_ids(self):
        group = self.application.create_group("g" * 128)
        self.assertEqual(self.application.get_group("groups/" + "g" * 128), group)
        self.assert_invalid(["group_id"], self.application.create_group, "g" * 129)

    def test_texts_of_groups_and_members(self):
        for character in ("a", "\u00e9", WIDEST):
            name = character * 256
            group = self.application.create_group(f"g{ord(character)}", display_name=name)
            self.assertEqual(group.display_name, name)
            self.assertEqual(self.application.get_group(group.name), group)
            self.assert_invalid(["group.display_name"], self.application.create_group, "h",
                                display_name=name + "a")
            member = self.application.add_member(group.name, "ann", display_name=name)
            self.assertEqual(list(self.application.list_members(group.name).members), [member])
            self.assert_invalid(["member.display_name"], self.application.add_member, group.name,
                                "bob", display_name=name + "a")

    def test_mail_addresses_of_groups_and_members_are_counted_in_bytes(self):
        mail = WIDEST * 80
        self.assertEqual(self.application.create_group("h", mail=mail).mail, mail)
        self.assertEqual(self.application.add_member("groups/h", "ann", mail=mail).mail, mail)
        self.assert_invalid(["group.mail"], self.application.create_group, "i", mail=mail + "a")
        self.assert_invalid(["member.mail"], self.application.add_member, "groups/h", "bob",
                            mail=mail + "a")

    def test_user_ids_are_counted_in_bytes(self):
        for user in ("u" * 256, WIDEST * 64):
            self.application.add_member("groups/g", user, Member.ROLE_OWNER)
            self.assertEqual(self.application.get_group(f"users/{user}/joinedGroups/g").id, "g")
            self.assert_invalid(["member.id"], self.application.add_member, "groups/g", user + "a")
        self.assertEqual(self.server.client("u" * 256).get_group("me/joinedGroups/g").id, "g")

    def test_requests(self):
        create = self.channel.unary_unary("/threadstore.v1.ThreadService/CreateThread",
                                          response_deserializer=Thread.FromString)
        request = harness.create_request("groups/g", Thread(topic="Padded"))

        def send(size):
            payload = with_padding(request, size)
            self.assertEqual(len(payload), size)
            return create(payload, timeout=harness.PATIENCE_SECONDS)

        self.assertEqual(send(MAX_REQUEST_BYTES).topic, "Padded")
        with self.assertRaises(grpc.RpcError) as caught:
            send(MAX_REQUEST_BYTES + 1)
        self.assertEqual(caught.exception.code(), Code.RESOURCE_EXHAUSTED)
        self.assert_threads_stored(1)

    def test_a_token_that_names_many_groups_passes(self):
        for kibibytes in (20, 30):
            caller = Client(self.channel)
            caller.metadata = [("authorization", "Bearer " + "t" * (kibibytes << 10))]
            caller.create_thread("groups/g")
        self.assert_threads_stored(2)

    def test_a_page_holds_what_a_client_with_default_settings_takes(self):
        big = Thread(topic="Big", unique_senders=[WIDEST * 256] * 500)
        created = [self.application.create_thread("groups/g", big) for _ in range(10)]
        listed = list(harness.pages(self.application.list_threads, "groups/g", page_size=1000,
                                    order_by="create_time"))
        self.assertEqual([thread for page in listed for thread in page.threads], created)
        self.assertGreater(len(listed), 1)


if __name__ == "__main__":
    unittest.main()
