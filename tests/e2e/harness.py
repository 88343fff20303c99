"""What the end-to-end tests share: servers, clients, errors, and the rows of a store."""

import contextlib
import json
import os
import pathlib
import re
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import unittest
import uuid

# An idle gRPC client looks at its connections every 5 s only, and a server that shuts down waits
# for its clients to notice.
os.environ["GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS"] = "100"

# pylint: disable=wrong-import-position
import google
import grpc

SERVER = os.environ["THREADSTORE_E2E_SERVER"]
THREADCTL = os.environ["THREADSTORE_E2E_CLIENT"]
SOURCE = pathlib.Path(os.environ["THREADSTORE_E2E_SOURCE"])
STUBS = pathlib.Path(os.environ["THREADSTORE_E2E_STUBS"])
TESTDATA = pathlib.Path(os.environ["THREADSTORE_E2E_TESTDATA"])

# The stubs hold packages whose names Debian's google and grpc packages have taken.
sys.path.insert(0, str(STUBS))
for package in (google, grpc):
    package.__path__ = [*package.__path__, str(STUBS / package.__name__)]

from google.protobuf import field_mask_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc.health.v1 import health_pb2, health_pb2_grpc
from threadstore.v1 import admin_service_pb2 as admin_messages
from threadstore.v1 import admin_service_pb2_grpc
from threadstore.v1 import conversation_service_pb2 as conversation_messages
from threadstore.v1 import conversation_service_pb2_grpc
from threadstore.v1 import conversation_thread_pb2 as resources
from threadstore.v1 import error_reason_pb2
from threadstore.v1 import group_service_pb2 as group_messages
from threadstore.v1 import group_service_pb2_grpc
from threadstore.v1 import post_service_pb2 as post_messages
from threadstore.v1 import post_service_pb2_grpc
from threadstore.v1 import thread_service_pb2 as thread_messages
from threadstore.v1 import thread_service_pb2_grpc

Code = grpc.StatusCode
ErrorReason = error_reason_pb2.ErrorReason
Conversation = resources.Conversation
Thread = resources.ConversationThread
Post = resources.Post
ItemBody = resources.ItemBody
Attachment = resources.Attachment
Extension = resources.Extension
Recipient = resources.Recipient
EmailAddress = resources.EmailAddress
Group = group_messages.Group
Member = group_messages.Member
Sender = group_messages.Sender
User = group_messages.User
Health = health_pb2.HealthCheckResponse

# Looks like an id of ours, and names nothing.
UNKNOWN_ID = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"

# Only keeps a broken server from blocking the suite; no test depends on its value.
PATIENCE_SECONDS = 60


def seed(name):
    """A JSON file of the project's seed without its @odata members."""

    def without_odata(members):
        return {key: value for key, value in members if not key.startswith("@odata.")}

    return json.loads((TESTDATA / name).read_text(), object_pairs_hook=without_odata)


class Refusal:
    """A call's error: its status, and the google.rpc details that came with it."""

    def __init__(self, error):
        self.code = error.code()
        self.message = error.details()
        self._details = status_pb2.Status()
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                self._details.ParseFromString(value)

    def __repr__(self):
        return f"{self.code.name} {self.reason}: {self.message}"

    def detail(self, kind):
        """The detail of a type of error_details.proto; None if there is not exactly one."""
        found = [detail for detail in self._details.details if detail.Is(kind.DESCRIPTOR)]
        if len(found) != 1:
            return None
        message = kind()
        found[0].Unpack(message)
        return message

    @property
    def status(self):
        return self._details

    @property
    def reason(self):
        info = self.detail(error_details_pb2.ErrorInfo)
        return info.reason if info and info.domain == "threadstore" else None

    @property
    def violations(self):
        """(field, description) of each violation, in order."""
        bad_request = self.detail(error_details_pb2.BadRequest)
        return [(violation.field, violation.description)
                for violation in (bad_request.field_violations if bad_request else ())]

    @property
    def fields(self):
        return [field for field, _ in self.violations]

    @property
    def resource(self):
        """(type, name) of the resource that the error is about; None if it names none."""
        info = self.detail(error_details_pb2.ResourceInfo)
        return (info.resource_type, info.resource_name) if info else None

    @property
    def retry_delay(self):
        """A Duration, or None if the error does not say when to come back."""
        info = self.detail(error_details_pb2.RetryInfo)
        return info.retry_delay if info else None


class Client:
    """Calls a server as one caller: a user, or without one an application."""

    def __init__(self, channel, user=None):
        self.metadata = [("x-threadstore-user", user)] if user is not None else []
        self._channel = channel
        self.admin = admin_service_pb2_grpc.AdminServiceStub(channel)
        self.conversations = conversation_service_pb2_grpc.ConversationServiceStub(channel)
        self.threads = thread_service_pb2_grpc.ThreadServiceStub(channel)
        self.posts = post_service_pb2_grpc.PostServiceStub(channel)
        self.groups = group_service_pb2_grpc.GroupServiceStub(channel)

    def call(self, method, request):
        return method(request, metadata=self.metadata, timeout=PATIENCE_SECONDS)

    def start(self, method, request):
        """The future of a call, to have many in flight."""
        return method.future(request, metadata=self.metadata, timeout=PATIENCE_SECONDS)

    def import_threads(self, requests):
        """The answers, as they come."""
        return self.call(self.admin.ImportThreads, iter(requests))

    def export_threads(self, parent=""):
        request = admin_messages.ExportThreadsRequest(parent=parent)
        return self.call(self.admin.ExportThreads, request)

    def raw_stream(self, method):
        """A method that takes and returns streams of bytes."""
        return lambda requests: self.call(self._channel.stream_stream(method), requests)

    def create_thread(self, parent, thread=None, request_id=""):
        return self.call(self.threads.CreateThread, create_request(parent, thread, request_id))

    def start_create_thread(self, parent, thread=None, request_id=""):
        return self.start(self.threads.CreateThread, create_request(parent, thread, request_id))

    def get_thread(self, name, **fields):
        request = thread_messages.GetThreadRequest(name=name, **fields)
        return self.call(self.threads.GetThread, request)

    def list_threads(self, parent, **fields):
        request = thread_messages.ListThreadsRequest(parent=parent, **fields)
        return self.call(self.threads.ListThreads, request)

    def list_changes(self, parent, **fields):
        request = thread_messages.ListThreadChangesRequest(parent=parent, **fields)
        return self.call(self.threads.ListThreadChanges, request)

    def watch(self, parent, delta_token="", timeout=PATIENCE_SECONDS):
        """The call of a watch: its messages, one after the other."""
        request = thread_messages.WatchThreadsRequest(parent=parent, delta_token=delta_token)
        return self.threads.WatchThreads(request, metadata=self.metadata, timeout=timeout)

    def search_threads(self, parent, **fields):
        request = thread_messages.SearchThreadsRequest(parent=parent, **fields)
        return self.call(self.threads.SearchThreads, request)

    def update_thread(self, thread, *paths):
        request = thread_messages.UpdateThreadRequest(thread=thread, update_mask=mask(paths))
        return self.call(self.threads.UpdateThread, request)

    def delete_thread(self, name, etag=""):
        request = thread_messages.DeleteThreadRequest(name=name, etag=etag)
        return self.call(self.threads.DeleteThread, request)

    def reply_to_thread(self, name, post, request_id=""):
        request = thread_messages.ReplyToThreadRequest(name=name, post=post, request_id=request_id)
        return self.call(self.threads.ReplyToThread, request)

    def create_conversation(self, parent, conversation, request_id=""):
        request = conversation_messages.CreateConversationRequest(
            parent=parent, conversation=conversation, request_id=request_id)
        return self.call(self.conversations.CreateConversation, request)

    def get_conversation(self, name, **fields):
        request = conversation_messages.GetConversationRequest(name=name, **fields)
        return self.call(self.conversations.GetConversation, request)

    def list_conversations(self, parent, **fields):
        request = conversation_messages.ListConversationsRequest(parent=parent, **fields)
        return self.call(self.conversations.ListConversations, request)

    def delete_conversation(self, name):
        request = conversation_messages.DeleteConversationRequest(name=name)
        return self.call(self.conversations.DeleteConversation, request)

    def get_post(self, name, **fields):
        request = post_messages.GetPostRequest(name=name, **fields)
        return self.call(self.posts.GetPost, request)

    def list_posts(self, parent, **fields):
        request = post_messages.ListPostsRequest(parent=parent, **fields)
        return self.call(self.posts.ListPosts, request)

    def update_post(self, post, *paths):
        request = post_messages.UpdatePostRequest(post=post, update_mask=mask(paths))
        return self.call(self.posts.UpdatePost, request)

    def delete_post(self, name, etag=""):
        request = post_messages.DeletePostRequest(name=name, etag=etag)
        return self.call(self.posts.DeletePost, request)

    def reply_to_post(self, name, post, request_id=""):
        request = post_messages.ReplyToPostRequest(name=name, post=post, request_id=request_id)
        return self.call(self.posts.ReplyToPost, request)

    def forward_post(self, name, to_recipients, **fields):
        request = post_messages.ForwardPostRequest(name=name, to_recipients=to_recipients, **fields)
        return self.call(self.posts.ForwardPost, request)

    def create_attachment(self, parent, attachment, request_id=""):
        request = post_messages.CreateAttachmentRequest(
            parent=parent, attachment=attachment, request_id=request_id)
        return self.call(self.posts.CreateAttachment, request)

    def get_attachment(self, name, **fields):
        request = post_messages.GetAttachmentRequest(name=name, **fields)
        return self.call(self.posts.GetAttachment, request)

    def list_attachments(self, parent, **fields):
        request = post_messages.ListAttachmentsRequest(parent=parent, **fields)
        return self.call(self.posts.ListAttachments, request)

    def create_extension(self, parent, extension, request_id=""):
        request = post_messages.CreateExtensionRequest(
            parent=parent, extension=extension, request_id=request_id)
        return self.call(self.posts.CreateExtension, request)

    def get_extension(self, name):
        return self.call(self.posts.GetExtension, post_messages.GetExtensionRequest(name=name))

    def list_extensions(self, parent, **fields):
        request = post_messages.ListExtensionsRequest(parent=parent, **fields)
        return self.call(self.posts.ListExtensions, request)

    def update_extension(self, extension, *paths):
        request = post_messages.UpdateExtensionRequest(extension=extension, update_mask=mask(paths))
        return self.call(self.posts.UpdateExtension, request)

    def delete_extension(self, name):
        request = post_messages.DeleteExtensionRequest(name=name)
        return self.call(self.posts.DeleteExtension, request)

    def create_group(self, group_id, request_id="", members=(), **fields):
        request = group_messages.CreateGroupRequest(
            group_id=group_id, group=Group(**fields), request_id=request_id, members=members)
        return self.call(self.groups.CreateGroup, request)

    def get_group(self, name):
        return self.call(self.groups.GetGroup, group_messages.GetGroupRequest(name=name))

    def list_groups(self, **fields):
        return self.call(self.groups.ListGroups, group_messages.ListGroupsRequest(**fields))

    def list_joined_groups(self, parent, **fields):
        request = group_messages.ListJoinedGroupsRequest(parent=parent, **fields)
        return self.call(self.groups.ListJoinedGroups, request)

    def update_group(self, group, *paths):
        request = group_messages.UpdateGroupRequest(group=group, update_mask=mask(paths))
        return self.call(self.groups.UpdateGroup, request)

    def delete_group(self, name, force=False):
        request = group_messages.DeleteGroupRequest(name=name, force=force)
        return self.call(self.groups.DeleteGroup, request)

    def add_member(self, parent, user, role=Member.ROLE_MEMBER, **fields):
        request = group_messages.AddMemberRequest(
            parent=parent, member=Member(id=user, role=role, **fields))
        return self.call(self.groups.AddMember, request)

    def get_member(self, name):
        return self.call(self.groups.GetMember, group_messages.GetMemberRequest(name=name))

    def update_member(self, member, *paths):
        request = group_messages.UpdateMemberRequest(member=member, update_mask=mask(paths))
        return self.call(self.groups.UpdateMember, request)

    def remove_member(self, name):
        return self.call(self.groups.RemoveMember, group_messages.RemoveMemberRequest(name=name))

    def list_members(self, parent, **fields):
        request = group_messages.ListMembersRequest(parent=parent, **fields)
        return self.call(self.groups.ListMembers, request)

    def add_sender(self, parent, sender):
        request = group_messages.AddSenderRequest(parent=parent, sender=Sender(id=sender))
        return self.call(self.groups.AddSender, request)

    def remove_sender(self, name):
        return self.call(self.groups.RemoveSender, group_messages.RemoveSenderRequest(name=name))

    def list_senders(self, parent, **fields):
        request = group_messages.ListSendersRequest(parent=parent, **fields)
        return self.call(self.groups.ListSenders, request)

    def get_user(self, name):
        return self.call(self.groups.GetUser, group_messages.GetUserRequest(name=name))


def mask(paths):
    """The mask of an update; None, which is no mask, without paths."""
    return field_mask_pb2.FieldMask(paths=paths) if paths else None


def uuid7(milliseconds):
    """An id of that time for a record; the same at each call, so that an import can be repeated."""
    random = uuid.uuid5(uuid.NAMESPACE_OID, str(milliseconds)).int >> 66
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | random))


def mailbox(name=None, address=None):
    return Recipient(email_address=EmailAddress(name=name, address=address))


def text_post(text, **fields):
    return Post(body=ItemBody(content=text), **fields)


def create_request(parent, thread=None, request_id=""):
    return thread_messages.CreateThreadRequest(
        parent=parent, thread=thread or Thread(topic="A topic"), request_id=request_id)


def pages(list_page, *args, **fields):
    """The pages of a list, from the first to the last."""
    token = ""
    while True:
        page = list_page(*args, page_token=token, **fields)
        yield page
        if not page.next_page_token:
            return
        if page.next_page_token == token:
            raise AssertionError("the walk goes round in a circle")
        token = page.next_page_token


def all_threads(client, parent, **fields):
    return [thread for page in pages(client.list_threads, parent, **fields)
            for thread in page.threads]


class Server:
    """A running threadstored."""

    def __init__(self, store, log, *flags, listen="127.0.0.1:0", http_listen="",
                 environment=None, program=SERVER):
        self.store = store
        self._log = log
        self._channels = contextlib.ExitStack()
        with open(log, "ab") as stderr:
            # Ends with this process, also if that is killed and cannot clean up.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL",
                 program, "serve", f"--listen={listen}", f"--http_listen={http_listen}",
                 f"--store=sqlite:{store}", *flags],
                stdout=subprocess.PIPE, stderr=stderr, env=clean_environment(environment))
        try:
            self._await_ready()
        except BaseException:
            self.kill()
            raise

    def _await_ready(self):
        readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE_SECONDS)
        self.ready_line = self.process.stdout.readline().decode() if readable else ""
        match = re.fullmatch(r"ready grpc=(\S+)(?: http=(\S+))?\n", self.ready_line)
        if not match:
            raise AssertionError(f"no ready line but {self.ready_line!r}:\n{self.log()}")
        self.address, self.http_address = match.groups()

    def connect(self, *options):
        """A channel on a connection of its own."""
        channel = grpc.insecure_channel(self.address, options=[
            ("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1), *options])
        self._channels.callback(channel.close)
        return channel

    def client(self, user=None):
        return Client(self.connect(), user)

    def health(self, service=""):
        stub = health_pb2_grpc.HealthStub(self.connect())
        request = health_pb2.HealthCheckRequest(service=service)
        return stub.Check(request, timeout=PATIENCE_SECONDS).status

    def signal_stop(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        """The exit status, when the server has ended."""
        status = self.process.wait(PATIENCE_SECONDS)
        self._channels.close()
        self.process.stdout.close()
        return status

    def stop(self):
        self._channels.close()
        self.signal_stop()
        return self.wait()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def log(self):
        """The lines that are written to their ends."""
        text = pathlib.Path(self._log).read_text()
        return text[:text.rfind("\n") + 1]


def outside_address():
    """An address of this machine that is not loopback; None if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # Sends nothing.
        except OSError:
            return None
        return probe.getsockname()[0]


def clean_environment(extra=None):
    """This process's environment without settings of a server or a client."""
    environment = {key: value for key, value in os.environ.items()
                   if not key.startswith("THREADSTORE_")}
    return environment | (extra or {})


def run(*command, environment=None, stdin=""):
    """A command that ends by itself."""
    return subprocess.run([str(word) for word in command], input=stdin, capture_output=True,
                          text=True, timeout=PATIENCE_SECONDS, check=False,
                          env=clean_environment(environment))


@contextlib.contextmanager
def open_stored(store):
    """A store whose server has stopped, read-only."""
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
        yield database


def stored_rows(store):
    """Every row of every table of a store whose server has stopped; but not of the index of words,
    which is made from them some time later."""
    with open_stored(store) as database:
        tables = [name for name, in database.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
            " AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'search_%'")]
        return {table: sorted(database.execute(f"SELECT * FROM {table}"), key=repr)
                for table in tables}


def stored_counts(store):
    """How many rows each table has that has any; the table about the store itself left out."""
    counts = {table: len(rows) for table, rows in stored_rows(store).items() if rows}
    del counts["store_metadata"]
    return counts


class TestCase(unittest.TestCase):
    """A test with a folder of its own; servers that it starts are stopped when it ends."""

    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="threadstore-e2e-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.store = self.folder / "store.db"

    def start_server(self, *flags, **settings):
        server = Server(self.store, self.folder / "server.log", *flags, **settings)
        self.addCleanup(server.kill)
        return server

    def assert_peak_memory_below(self, server, bound):
        """The most that the server's process has had resident, in bytes."""
        proc = pathlib.Path(f"/proc/{server.process.pid}")
        peak = re.search(r"VmHWM:\s*(\d+) kB", (proc / "status").read_text()).group(1)
        # AddressSanitizer keeps what was freed.
        if "libasan" not in (proc / "maps").read_text():
            self.assertLess(int(peak) * 1024, bound)

    def assert_refused(self, code, reason, call, *args, **kwargs):
        """Makes a call that must fail, and returns the Refusal."""
        with self.assertRaises(grpc.RpcError) as caught:
            call(*args, **kwargs)
        refusal = Refusal(caught.exception)
        self.assertEqual((refusal.code, refusal.reason), (code, reason), refusal)
        self.assertEqual((refusal.status.code, refusal.status.message),
                         (code.value[0], refusal.message))
        return refusal

    def assert_invalid(self, fields, call, *args, **kwargs):
        """Makes a call that must be refused for exactly these fields."""
        refusal = self.assert_refused(Code.INVALID_ARGUMENT, "INVALID_FIELD", call, *args, **kwargs)
        self.assertEqual(sorted(refusal.fields), sorted(fields), refusal)
        return refusal

    def assert_not_found(self, resource, call, *args, **kwargs):
        """Makes a call that must not find a resource, given as (type, name)."""
        refusal = self.assert_refused(Code.NOT_FOUND, "RESOURCE_NOT_FOUND", call, *args, **kwargs)
        self.assertEqual(refusal.resource, (f"threadstore/{resource[0]}", resource[1]))
        return refusal


class RefusalTestCase(TestCase):
    """Tests of calls that must leave no trace: what was stored before each is compared with what
    is stored after it."""

    def prepare(self, server):
        """Stores what the test needs."""

    def setUp(self):
        super().setUp()
        server = self.start_server()
        self.prepare(server)
        self.assertEqual(server.stop(), 0)
        self._rows_before = stored_rows(self.store)
        self.server = self.start_server()
        self.application = self.server.client()

    def tearDown(self):
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(stored_rows(self.store), self._rows_before)
        super().tearDown()
