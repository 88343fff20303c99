"""Creating threads and reading them back."""

import datetime
import unittest
import uuid

from google.protobuf import json_format, timestamp_pb2

import harness
from harness import UNKNOWN_ID, EmailAddress, Recipient, Thread


def timestamp(text):
    time = timestamp_pb2.Timestamp()
    time.FromJsonString(text)
    return time


class CreateThreadTest(harness.TestCase):

    def setUp(self):
        super().setUp()
        self.server = self.start_server()
        self.application = self.server.client()
        self.application.create_group("g")
        self.application.add_member("groups/g", "ann")
        self.ann = self.server.client("ann")

    def assert_reads_back(self, thread):
        self.assertEqual(self.application.get_thread(thread.name), thread)

    def test_the_seed_comes_back_in_every_property(self):
        sent = json_format.ParseDict(harness.seed("create_thread_request.json"), Thread())
        created = self.application.create_thread("groups/g", sent)

        expected = json_format.ParseDict(harness.seed("create_thread_response.json"), Thread())
        expected.id = created.id
        expected.name = f"groups/g/threads/{created.id}"
        for server_chosen in ("conversation_id", "etag"):
            setattr(expected, server_chosen, getattr(created, server_chosen))
        expected.created_date_time.CopyFrom(created.created_date_time)
        expected.last_modified_date_time.CopyFrom(created.created_date_time)
        self.assertEqual(created, expected)
        self.assertEqual(created.last_delivered_date_time, timestamp("2016-12-31T20:58:15.304900Z"))
        self.assertFalse(created.cc_recipients[0].HasField("email_address"))
        self.assert_reads_back(created)

    def test_ids_are_uuidv7_in_guid_form_chosen_by_the_server(self):
        thread = self.application.create_thread("groups/g")
        for text in (thread.id, thread.conversation_id):
            parsed = uuid.UUID(text)
            self.assertEqual(str(parsed), text)
            self.assertEqual((parsed.version, parsed.variant), (7, uuid.RFC_4122))
        self.assertNotEqual(thread.id, thread.conversation_id)
        self.assertRegex(thread.etag, '^"[^"]+"$')

    def test_absent_properties_take_their_defaults(self):
        before = datetime.datetime.now(datetime.timezone.utc)
        thread = self.application.create_thread("groups/g", Thread(topic="Lunch"))
        after = datetime.datetime.now(datetime.timezone.utc)

        expected = Thread(
            topic="Lunch", id=thread.id, name=f"groups/g/threads/{thread.id}",
            conversation_id=thread.conversation_id, etag=thread.etag,
            created_date_time=thread.created_date_time,
            last_modified_date_time=thread.created_date_time,
            last_delivered_date_time=thread.created_date_time)
        self.assertEqual(thread, expected)
        created = thread.created_date_time.ToDatetime(datetime.timezone.utc)
        self.assertLessEqual(before, created)
        self.assertLessEqual(created, after)
        self.assert_reads_back(thread)

    def test_absent_and_empty_names_and_addresses_are_kept_apart(self):
        recipients = [
            Recipient(),
            Recipient(email_address=EmailAddress()),
            Recipient(email_address=EmailAddress(name="")),
            Recipient(email_address=EmailAddress(address="")),
            Recipient(email_address=EmailAddress(name="", address="")),
            Recipient(email_address=EmailAddress(name="Ann", address="Address value")),
        ]
        thread = self.application.create_thread("groups/g", Thread(
            topic="Lunch", to_recipients=recipients, cc_recipients=reversed(recipients)))
        self.assertEqual(list(thread.to_recipients), recipients)
        self.assertEqual(list(thread.cc_recipients), list(reversed(recipients)))
        self.assert_reads_back(thread)

    def test_text_comes_back_byte_for_byte(self):
        # Decomposed and composed, right to left, beyond the BMP, control characters, spaces.
        for text in ("e\u0301 \u00e9", "\u05e9\u05dc\u05d5\u05dd", "\U0001f35c", "a\r\n\tb\x01",
                     "  spaces  ", "'; DROP TABLE threads; --", "\ufeff\u2028\ufffe"):
            with self.subTest(text=text):
                thread = self.application.create_thread("groups/g", Thread(
                    topic=text, preview=text, unique_senders=[text, text, ""],
                    to_recipients=[Recipient(email_address=EmailAddress(name=text, address=text))]))
                self.assertEqual(thread.topic, text)
                self.assertEqual(thread.preview, text)
                self.assertEqual(list(thread.unique_senders), [text, text, ""])
                self.assertEqual(thread.to_recipients[0].email_address.name, text)
                self.assertEqual(thread.to_recipients[0].email_address.address, text)
                self.assert_reads_back(thread)

    def test_times_are_cut_to_microseconds_over_the_whole_range(self):
        for sent, stored in (("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
                             ("1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999Z"),
                             ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
                             ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999Z")):
            with self.subTest(sent=sent):
                thread = self.application.create_thread("groups/g", Thread(
                    topic="Lunch", last_delivered_date_time=timestamp(sent)))
                self.assertEqual(thread.last_delivered_date_time, timestamp(stored))
                self.assert_reads_back(thread)

    def test_what_the_server_chooses_is_ignored_on_create(self):
        sent = Thread(
            topic="Lunch", name="groups/other/threads/1", conversation_id="no uuid", etag="x",
            created_date_time=timestamp("2001-01-01T00:00:00Z"),
            last_modified_date_time=timestamp("2001-01-01T00:00:00Z"))
        thread = self.application.create_thread("groups/g", sent)
        self.assertEqual(thread.name, f"groups/g/threads/{thread.id}")
        self.assertNotEqual(thread.conversation_id, sent.conversation_id)
        self.assertNotEqual(thread.etag, sent.etag)
        self.assertGreater(thread.created_date_time.seconds, sent.created_date_time.seconds)
        self.assertGreater(thread.last_modified_date_time.seconds,
                           sent.last_modified_date_time.seconds)

    def test_a_group_scoped_create_begins_a_conversation(self):
        for parent in ("groups/g", "me/joinedGroups/g", "users/ann/joinedGroups/g"):
            with self.subTest(parent=parent):
                thread = self.ann.create_thread(parent)
                self.assertEqual(thread.name, f"groups/g/threads/{thread.id}")
                conversation = f"groups/g/conversations/{thread.conversation_id}"
                listed = self.ann.list_threads(conversation).threads
                self.assertEqual(list(listed), [thread])
        conversations = {thread.conversation_id
                         for thread in self.ann.list_threads("groups/g").threads}
        self.assertEqual(len(conversations), 3)

    def test_a_conversation_scoped_create_joins_the_conversation(self):
        first = self.ann.create_thread("groups/g")
        threads = [first]
        for group in ("groups/g", "me/joinedGroups/g", "users/ann/joinedGroups/g"):
            with self.subTest(group=group):
                thread = self.ann.create_thread(f"{group}/conversations/{first.conversation_id}",
                                                Thread(topic=group))
                self.assertEqual(thread.conversation_id, first.conversation_id)
                self.assertEqual(thread.topic, group)
                self.assertEqual(thread.name, f"groups/g/threads/{thread.id}")
                threads.append(thread)
        listed = self.ann.list_threads(f"groups/g/conversations/{first.conversation_id}",
                                       order_by="create_time").threads
        self.assertEqual(list(listed), threads)

    def test_an_application_names_a_member_through_users(self):
        thread = self.application.create_thread("users/ann/joinedGroups/g")
        name = f"users/ann/joinedGroups/g/threads/{thread.id}"
        self.assertEqual(self.application.get_thread(name), thread)

    def test_a_thread_without_topic_takes_the_conversations(self):
        first = self.ann.create_thread("groups/g", Thread(topic="Lunch"))
        conversation = f"groups/g/conversations/{first.conversation_id}"
        self.ann.create_thread(conversation, Thread(topic="Dinner"))
        thread = self.ann.create_thread(conversation, Thread(preview="Where?"))
        self.assertEqual((thread.topic, thread.preview), ("Lunch", "Where?"))
        self.assert_reads_back(thread)

    def test_a_thread_is_read_under_each_of_its_names(self):
        thread = self.ann.create_thread("groups/g")
        for group in ("groups/g", "me/joinedGroups/g", "users/ann/joinedGroups/g"):
            for collection in ("threads", f"conversations/{thread.conversation_id}/threads"):
                name = f"{group}/{collection}/{thread.id}"
                with self.subTest(name=name):
                    self.assertEqual(self.ann.get_thread(name), thread)
                    shouted = name.replace(thread.id, thread.id.upper())
                    self.assertEqual(self.ann.get_thread(shouted), thread)

    def test_a_thread_is_not_found_through_another_conversation(self):
        thread, other = (self.application.create_thread("groups/g") for _ in range(2))
        for conversation in (other.conversation_id, UNKNOWN_ID):
            self.assert_not_found(("ConversationThread", thread.name), self.application.get_thread,
                                  f"groups/g/conversations/{conversation}/threads/{thread.id}")

    def test_a_thread_is_not_found_through_another_group(self):
        self.application.create_group("h")
        thread = self.application.create_thread("groups/g")
        name = f"groups/h/threads/{thread.id}"
        self.assert_not_found(("ConversationThread", name), self.application.get_thread, name)
        name = f"groups/h/threads/{UNKNOWN_ID}"
        self.assert_not_found(("ConversationThread", name), self.application.get_thread, name)

    def test_a_conversation_of_another_group_is_not_found(self):
        self.application.create_group("h")
        conversation = self.application.create_thread("groups/g").conversation_id
        for unknown in (f"groups/h/conversations/{conversation}",
                        f"groups/h/conversations/{UNKNOWN_ID}"):
            with self.subTest(unknown=unknown):
                for call in (self.application.create_thread, self.application.list_threads):
                    self.assert_not_found(("Conversation", unknown), call, unknown)
        self.assertEqual(len(self.application.list_threads("groups/h").threads), 0)

    def test_threads_survive_a_restart(self):
        thread = self.application.create_thread(
            "groups/g", json_format.ParseDict(harness.seed("create_thread_request.json"), Thread()))
        self.assertEqual(self.server.stop(), 0)
        again = self.start_server().client()
        self.assertEqual(again.get_thread(thread.name), thread)
        self.assertEqual(list(again.list_threads("groups/g").threads), [thread])


if __name__ == "__main__":
    unittest.main()
