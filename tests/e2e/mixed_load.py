"""All kinds of writes at once, and a model of what their callers were told."""

import copy
import dataclasses
import random
import threading
import uuid
from typing import Callable

import grpc

import harness
from harness import Attachment, Code, Thread, admin_messages, mailbox, thread_messages

DELETED = thread_messages.ThreadChange.KIND_DELETED

# Whoever imports waits when so many records have not been acknowledged.
RECORDS_IN_FLIGHT = 100

THREADS_IN_A_MESSAGE = 5


@dataclasses.dataclass
class Shape:
    """A thread as its writers know it before they have any answer; posts as (sender, text, whether
    it has attachments)."""

    is_locked: bool = False
    posts: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Operation:
    """A write that is to be made, or may have been made."""

    call: Callable     # Of a client; returns the answer.
    change: Callable   # What it does to {topic: Shape}.
    keep: Callable     # Remembers the answer.
    is_repeatable: bool = False


def derived_from(posts, thread):
    """What a thread says of itself if these are its posts."""
    senders = list(dict.fromkeys(post.sender.email_address.name for post in posts))
    newest = posts[-1].created_date_time if posts else thread.created_date_time
    return (posts[-1].body.content if posts else "", newest, senders,
            any(post.has_attachments for post in posts))


def says_of_itself(thread):
    return (thread.preview, thread.last_delivered_date_time, list(thread.unique_senders),
            thread.has_attachments)


class Writer(threading.Thread):
    """Writes one thing after the other to threads of its own, until a call fails. Their topics
    begin with its name."""

    def __init__(self, client, parent, name, on_acknowledged):
        super().__init__(name=name)
        self._client = client
        self._parent = parent
        self._on_acknowledged = on_acknowledged
        self._random = random.Random(name)
        self._serial = 0
        self.threads = {}         # What has been acknowledged: {topic: Shape}.
        self.names = {}           # {topic: name}, of those that answers told.
        self.posts = {}           # {text: the post as answered}.
        self.repeatable = []      # Operations that have been acknowledged.
        self.acknowledged = 0
        self.pending = None       # The operation that was not answered.
        self.end = None           # How its call ended.

    def run(self):
        while True:
            operation = self._next()
            try:
                answer = operation.call(self._client)
            except grpc.RpcError as error:
                self.pending, self.end = operation, error.code()
                return
            operation.change(self.threads)
            operation.keep(answer)
            if operation.is_repeatable:
                self.repeatable.append(operation)
            self.acknowledged += 1
            self._on_acknowledged()

    def threads_after_pending(self):
        after = copy.deepcopy(self.threads)
        self.pending.change(after)
        return after

    def _unique(self):
        self._serial += 1
        return f"{self.name}-{self._serial}"

    def _next(self):
        unlocked = [topic for topic, shape in self.threads.items() if not shape.is_locked]
        with_posts = [topic for topic in unlocked if self.threads[topic].posts]
        choices = [(self._create, 3, ())]
        if unlocked:
            choices.append((self._reply, 8, unlocked))
        if with_posts:
            choices += [(self._edit_post, 3, with_posts), (self._delete_post, 3, with_posts)]
        if len(self.threads) > 2:
            choices += [(self._delete_thread, 1, list(self.threads)),
                        (self._lock_or_unlock, 1, list(self.threads))]
        make, _, topics = self._random.choices(choices, [weight for _, weight, _ in choices])[0]
        return make(self._random.choice(topics)) if topics else make()

    def _new_post(self):
        """A post, and how it is known."""
        known = (self._random.choice("Ann Bob Cid".split()), self._unique(),
                 self._random.random() < 0.2)
        sender, text, is_attached = known
        post = harness.text_post(text, sender=mailbox(sender, f"{sender}@example.com"))
        if is_attached:
            post.attachments.append(Attachment(
                display_name="a", file=harness.resources.FileAttachment(content_bytes=b"x" * 5000)))
        return post, known

    def _keep_posts(self, posts):
        for post in posts:
            kept = harness.Post()
            kept.CopyFrom(post)
            del kept.attachments[:]
            self.posts[post.body.content] = kept

    def _create(self):
        topic, request_id = self._unique(), str(uuid.uuid4())
        thread = Thread(topic=topic, to_recipients=[mailbox("To"), mailbox("Another")])
        shape = Shape()
        if self._random.random() < 0.8:
            post, known = self._new_post()
            thread.posts.append(post)
            shape.posts.append(known)

        def keep(answer):
            self.names[topic] = answer.name
            self._keep_posts(answer.posts)

        return Operation(
            call=lambda client: client.create_thread(self._parent, thread, request_id),
            change=lambda threads: threads.update({topic: copy.deepcopy(shape)}),
            keep=keep, is_repeatable=True)

    def _reply(self, topic):
        name, request_id = self.names[topic], str(uuid.uuid4())
        post, known = self._new_post()
        return Operation(
            call=lambda client: client.reply_to_thread(name, post, request_id),
            change=lambda threads: threads[topic].posts.append(known),
            keep=lambda answer: self._keep_posts([answer]), is_repeatable=True)

    def _edit_post(self, topic):
        position = self._random.randrange(len(self.threads[topic].posts))
        sender, text, is_attached = self.threads[topic].posts[position]
        edited = harness.Post(name=self.posts[text].name,
                              body=harness.ItemBody(content=self._unique()))

        def change(threads):
            threads[topic].posts[position] = (sender, edited.body.content, is_attached)

        return Operation(call=lambda client: client.update_post(edited, "body"), change=change,
                         keep=lambda answer: self._keep_posts([answer]))

    def _delete_post(self, topic):
        position = self._random.randrange(len(self.threads[topic].posts))
        name = self.posts[self.threads[topic].posts[position][1]].name
        return Operation(call=lambda client: client.delete_post(name),
                         change=lambda threads: threads[topic].posts.pop(position),
                         keep=lambda answer: None)

    def _delete_thread(self, topic):
        name = self.names[topic]
        return Operation(call=lambda client: client.delete_thread(name),
                         change=lambda threads: threads.pop(topic), keep=lambda answer: None)

    def _lock_or_unlock(self, topic):
        changed = Thread(name=self.names[topic], is_locked=not self.threads[topic].is_locked)

        def change(threads):
            threads[topic].is_locked = changed.is_locked

        return Operation(call=lambda client: client.update_thread(changed, "is_locked"),
                         change=change, keep=lambda answer: None)


def imported_group(group):
    record = admin_messages.Record(group=harness.Group(name=f"groups/{group}", id=group))
    record.group.created_date_time.FromSeconds(1_700_000_000)
    return record


def imported_thread(group, number):
    """The records of a conversation with a thread of two posts."""
    begin_ms = 1_700_000_000_000 + 10 * number
    uid, topic, parent = harness.uuid7(begin_ms), f"imported {number}", f"groups/{group}"
    conversation = harness.Conversation(
        name=f"{parent}/conversations/{uid}", id=uid, topic=topic)
    conversation.created_date_time.FromMilliseconds(begin_ms)
    thread = Thread(name=f"{parent}/threads/{uid}", id=uid, conversation_id=uid, topic=topic,
                    unique_senders=["Ann", "Bob"], preview=f"Bob on {number}", etag='"2"')
    thread.created_date_time.FromMilliseconds(begin_ms)
    thread.last_modified_date_time.FromMilliseconds(begin_ms + 1)
    thread.last_delivered_date_time.FromMilliseconds(begin_ms + 1)
    posts = []
    for i, sender in enumerate(thread.unique_senders):
        post_id = harness.uuid7(begin_ms + i)
        post = harness.Post(
            id=post_id, name=f"{thread.name}/posts/{post_id}", conversation_id=uid,
            conversation_thread_id=uid, etag='"1"', sender=mailbox(sender, "x@example.com"),
            body=harness.ItemBody(content_type="text", content=f"{sender} on {number}"))
        for time in (post.created_date_time, post.last_modified_date_time,
                     post.received_date_time):
            time.FromMilliseconds(begin_ms + i)
        posts.append(admin_messages.Record(post=admin_messages.PostRecord(post=post)))
    return [admin_messages.Record(conversation=conversation),
            admin_messages.Record(thread=admin_messages.ThreadRecord(
                thread=thread, has_had_posts=True)), *posts]


def name_of(record):
    kind = record.WhichOneof("kind")
    resource = getattr(record, kind)
    return (getattr(resource, kind) if kind in ("thread", "post") else resource).name


class Importer(threading.Thread):
    """Imports a group that has no end, until the stream breaks."""

    def __init__(self, client, group):
        super().__init__(name=group)
        self.parent = f"groups/{group}"
        self.sent = []         # Records.
        self.acknowledged = 0  # So many of them.
        self.refusals = []
        self.end = None        # How the stream ended.
        self._client = client
        self._has_answered = threading.Condition()

    def run(self):
        try:
            for answer in self._client.import_threads(self._requests()):
                self.refusals += answer.refusals
                with self._has_answered:
                    self.acknowledged = answer.acknowledged_count
                    self._has_answered.notify()
        except grpc.RpcError as error:
            with self._has_answered:
                self.end = error.code()
                self._has_answered.notify()

    def _requests(self):
        yield self._request([imported_group(self.name)])
        number = 0
        while self._may_go_on():
            yield self._request([record for i in range(THREADS_IN_A_MESSAGE)
                                 for record in imported_thread(self.name, number + i)])
            number += THREADS_IN_A_MESSAGE

    def _may_go_on(self):
        with self._has_answered:
            return self._has_answered.wait_for(
                lambda: self.end or len(self.sent) - self.acknowledged < RECORDS_IN_FLIGHT,
                harness.PATIENCE_SECONDS) and not self.end

    def _request(self, records):
        self.sent += records
        return admin_messages.ImportThreadsRequest(records=records)


class Copy:
    """A group's threads and posts, by someone who follows its changes."""

    def __init__(self, parent, token=""):
        self._parent = parent
        self._token = token
        self.threads = {}  # By name.
        self.posts = {}    # Likewise.
        self.end = None    # How the last call ended, if it failed.

    def follow_until_crash(self, client):
        try:
            while True:
                self.follow(client)
        except grpc.RpcError as error:
            self.end = error.code()

    def follow(self, client):
        has_more = True
        while has_more:
            page = client.list_changes(self._parent, delta_token=self._token, page_size=1000)
            for change in page.changes:
                self._apply(change)
            self._token, has_more = page.delta_token, page.has_more

    def _apply(self, change):
        kind = change.WhichOneof("resource")
        if kind is None or change.kind == DELETED:
            self.threads.pop(change.name, None)
            for name in [name for name in self.posts if f"{name}/".startswith(f"{change.name}/")]:
                del self.posts[name]
        elif kind == "thread":
            self.threads[change.name] = change.thread
        elif kind == "post":
            self.posts[change.name] = change.post
            del self.posts[change.name].attachments[:]


class MixedLoad:
    """Writers, one who follows what they change, and an importer, in groups of one round; and what
    holds of these after a crash."""

    def __init__(self, test, server, round_number, writers=6):
        self._test = test
        self._group = f"groups/written-{round_number}"
        client = server.client()
        client.create_group(f"written-{round_number}", allow_external_senders=True)
        self._copy = Copy(self._group)
        self._copy.follow(client)
        self._count = 0
        self._enough = threading.Event()
        self._lock = threading.Lock()
        self.writers = [Writer(server.client(), self._group, f"{round_number}.{i}", self._note)
                        for i in range(writers)]
        self.importer = Importer(server.client(), f"imported-{round_number}")
        self._follower = threading.Thread(target=self._copy.follow_until_crash, args=(client,))
        self._threads = (*self.writers, self.importer, self._follower)
        for thread in self._threads:
            thread.start()

    def _note(self):
        with self._lock:
            self._count += 1
            if self._count >= 200:
                self._enough.set()

    def await_well_under_way(self):
        if not self._enough.wait(harness.PATIENCE_SECONDS):
            raise AssertionError(f"only {self._count} writes")

    def await_end(self):
        """After a kill."""
        for thread in self._threads:
            thread.join(harness.PATIENCE_SECONDS)
            if thread.is_alive():
                raise AssertionError("a call has no end")
        for caller in (*self.writers, self.importer, self._copy):
            self._test.assertEqual(caller.end, Code.UNAVAILABLE)

    @property
    def acknowledged(self):
        return sum(writer.acknowledged for writer in self.writers)

    def check_after_crash(self, client):
        """What was acknowledged is there, what was not answered is there or not; then makes again
        what was not answered, which must be there once. Returns how many of those were there."""
        before = self._check_group(client, self._group)
        kept = sum(self._settle(writer, before, client) for writer in self.writers)
        after = self._check_group(client, self._group)
        for writer in self.writers:
            self._test.assertEqual(self._threads_of(writer, after), writer.threads)
        self._copy.follow(client)
        self._check_copy(self._copy, after)
        self._check_import(client)
        return kept

    def check_again(self, client):
        """After other crashes: nothing has changed."""
        stored = self._check_group(client, self._group)
        for writer in self.writers:
            self._test.assertEqual(self._threads_of(writer, stored), writer.threads)
        self._check_records(client, len(self.importer.sent))

    def _check_group(self, client, parent):
        """{topic: (thread, posts)} of a group. Its threads say what their posts say, and so do its
        changes from the beginning."""
        threads = harness.all_threads(client, parent, page_size=1000)
        lists = [client.start(client.posts.ListPosts, harness.post_messages.ListPostsRequest(
            parent=thread.name, page_size=1000)) for thread in threads]
        stored = {}
        for thread, posts in zip(threads, lists):
            page = posts.result()
            self._test.assertEqual(page.next_page_token, "")
            stored[thread.topic] = (thread, list(page.posts))
            if page.posts:
                self._test.assertEqual(says_of_itself(thread), derived_from(page.posts, thread))
        self._test.assertEqual(len(stored), len(threads), "a thread is there twice")
        anew = Copy(parent)
        anew.follow(client)
        self._check_copy(anew, stored)
        return stored

    def _check_copy(self, follower, stored):
        self._test.assertEqual(follower.threads,
                               {thread.name: thread for thread, _ in stored.values()})
        self._test.assertEqual(follower.posts, {post.name: post for _, posts in stored.values()
                                                for post in posts})

    @staticmethod
    def _threads_of(writer, stored):
        return {topic: Shape(thread.is_locked, [
            (post.sender.email_address.name, post.body.content, post.has_attachments)
            for post in posts]) for topic, (thread, posts) in stored.items()
                if topic.startswith(f"{writer.name}-")}

    def _settle(self, writer, stored, client):
        """Whether what was not answered is there; afterwards the writer knows what is."""
        found, after = self._threads_of(writer, stored), writer.threads_after_pending()
        if found != writer.threads:
            self._test.assertEqual(found, after)
        posts = {post.body.content: post for _, posts in stored.values() for post in posts}
        for shape in writer.threads.values():
            for _, text, _ in shape.posts:
                if text in posts:  # Otherwise it is what was not answered that has changed it.
                    self._test.assertEqual(posts[text], writer.posts[text])
        writer.threads = found
        if writer.pending.is_repeatable:
            writer.pending.keep(writer.pending.call(client))
            writer.threads = after
        for operation in writer.repeatable[-10:]:
            try:
                operation.call(client)
            except grpc.RpcError as error:
                self._test.assertEqual(error.code(), Code.NOT_FOUND)  # Deleted since.
        return found == after

    def _check_import(self, client):
        importer = self.importer
        self._test.assertEqual(importer.refusals, [])
        if importer.acknowledged > 0:
            self._check_records(client, importer.acknowledged)
        *_, last = client.import_threads(
            [admin_messages.ImportThreadsRequest(records=importer.sent[i:i + 1000])
             for i in range(0, len(importer.sent), 1000)])
        self._test.assertEqual(last.acknowledged_count, len(importer.sent))
        self._test.assertGreaterEqual(last.skipped_count, importer.acknowledged)
        self._check_records(client, len(importer.sent))
        self._check_group(client, importer.parent)

    def _check_records(self, client, count):
        """So many of those sent are there; of the others any, and nothing else."""
        sent = {name_of(record): record for record in self.importer.sent}
        found = {name_of(record): record for chunk in client.export_threads(self.importer.parent)
                 for record in chunk.records}
        self._test.assertEqual({name: sent.get(name) for name in found}, found)
        for record in self.importer.sent[:count]:
            self._test.assertIn(name_of(record), found)
