"""threadctl: what people and scripts type, see, and get as exit status."""

import concurrent.futures
import contextlib
import json
import socket
import subprocess
import unittest

import grpc
from google.protobuf import duration_pb2, json_format

import harness
from harness import EmailAddress, Recipient, Thread
from harness import error_details_pb2, group_service_pb2_grpc, health_pb2_grpc, status_pb2
from harness import thread_service_pb2_grpc

INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED = 3, 5, 6, 7
RESOURCE_EXHAUSTED, FAILED_PRECONDITION, UNAVAILABLE, USAGE, OUTPUT_FAILED = 8, 9, 14, 64, 74

REQUEST_ID = "6f1c3bd6-7dd1-4f0c-9f0e-0d5c2ad3a7b1"
SEED = harness.TESTDATA / "create_thread_request.json"
VERBS = ("attachment add", "attachment get", "attachment list", "changes", "completion bash",
         "conversation create", "conversation delete", "conversation get", "conversation list",
         "export", "extension create", "extension delete", "extension get", "extension list",
         "extension update", "group create", "group delete", "group get", "group joined",
         "group list", "group update", "health", "import", "member add", "member get", "member list",
         "member remove", "member update",
         "post delete", "post forward", "post get", "post list", "post reply", "post update",
         "sender add", "sender list", "sender remove", "thread create", "thread delete",
         "thread get", "thread list", "thread reply", "thread search", "thread show",
         "thread update", "user get", "watch")


class ThreadctlTestCase(harness.TestCase):

    address = None

    def threadctl(self, *arguments, stdin="", environment=None, server=None):
        return harness.run(harness.THREADCTL, f"--server={server or self.address}", *arguments,
                           stdin=stdin, environment=environment)

    def assert_prints(self, *arguments, **kwargs):
        """What a command that succeeds prints."""
        result = self.threadctl(*arguments, **kwargs)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result)
        return result.stdout

    def assert_json(self, *arguments, **kwargs):
        return json.loads(self.assert_prints("--output=json", *arguments, **kwargs))

    def assert_fails(self, status, *arguments, **kwargs):
        """What a command that fails says."""
        result = self.threadctl(*arguments, **kwargs)
        self.assertEqual((result.returncode, result.stdout), (status, ""), result)
        self.assertTrue(result.stderr.startswith("error: "), result.stderr)
        return result.stderr


class ServedTestCase(ThreadctlTestCase):

    def setUp(self):
        super().setUp()
        self.server = self.start_server()
        self.address = self.server.address
        self.application = self.server.client()
        self.application.create_group("g")


class ThreadTest(ServedTestCase):

    def assert_is_the_seed(self, printed):
        created = json_format.ParseDict(printed, Thread())
        self.assertEqual(self.application.get_thread(created.name), created)
        expected = harness.seed("create_thread_response.json")
        expected["lastDeliveredDateTime"] = "2016-12-31T20:58:15.304900Z"
        expected["id"] = created.id
        self.assertEqual({name: printed[name] for name in expected}, expected)
        # Graph's order of properties, so that the two can be compared line by line.
        self.assertEqual(list(printed)[:len(expected)], list(expected))

    def test_the_seeds_file_is_taken_as_it_stands(self):
        self.assert_is_the_seed(self.assert_json("thread", "create", "groups/g", f"--file={SEED}"))

    def test_the_seed_is_taken_from_standard_input(self):
        for flags in ((), ("--file=-",)):
            self.assert_is_the_seed(self.assert_json("thread", "create", "groups/g", *flags,
                                                     stdin=SEED.read_text()))

    def test_a_thread_as_a_table(self):
        printed = self.assert_prints("thread", "create", "groups/g", f"--file={SEED}")
        thread = self.application.list_threads("groups/g").threads[0]
        for text in (thread.name, "Topic value", "Name value <Address value>", "Preview value",
                     "Unique Senders value"):
            self.assertIn(text, printed)
        self.assertEqual(self.assert_prints("thread", "get", thread.name), printed)

    def test_what_is_got_can_be_created_again(self):
        # Graph's clients echo what they read, all but the id, which gRPC refuses.
        first = self.assert_json("thread", "create", "groups/g", f"--file={SEED}")
        del first["id"]
        second = self.assert_json("thread", "create", "groups/g", stdin=json.dumps(first))
        self.assertNotEqual(second["name"], first["name"])
        self.assert_is_the_seed(second)

    def test_a_topic_is_enough(self):
        thread = self.assert_json("thread", "create", "groups/g", "--topic=Lunch on Friday")
        self.assertEqual(thread["topic"], "Lunch on Friday")

    def test_a_request_id_makes_one_thread(self):
        create = ("thread", "create", "groups/g", "--topic=Once", f"--request_id={REQUEST_ID}")
        self.assertEqual(self.assert_json(*create), self.assert_json(*create))
        self.assertEqual(len(self.application.list_threads("groups/g").threads), 1)
        message = self.assert_fails(INVALID_ARGUMENT, *create[:3], "--topic=Other", create[4])
        self.assertIn("REQUEST_ID_REUSED", message)

    def test_all_pages_are_listed(self):
        futures = [self.application.start_create_thread("groups/g", Thread(topic=f"Topic {i}"))
                   for i in range(450)]
        names = {future.result().name for future in futures}
        by_creation = [thread.name for thread in harness.all_threads(
            self.application, "groups/g", order_by="create_time")]

        listed = self.assert_json("thread", "list", "groups/g", "--order_by=create_time")
        self.assertEqual([thread["name"] for thread in listed["threads"]], by_creation)
        self.assertEqual(listed["nextPageToken"], "")
        lines = self.assert_prints("thread", "list", "groups/g").splitlines()
        self.assertEqual({line.split()[0] for line in lines[1:]}, names)
        self.assertEqual(len(lines), 451)

    def test_one_page_is_listed_with_the_way_to_the_next(self):
        for number in range(3):
            self.application.create_thread("groups/g", Thread(topic=f"Topic {number}"))
        page = ("thread", "list", "groups/g", "--order_by=create_time", "--page_size=2")
        first = self.assert_json(*page)
        self.assertEqual([thread["topic"] for thread in first["threads"]], ["Topic 0", "Topic 1"])
        second = self.assert_json(*page, f"--page_token={first['nextPageToken']}")
        self.assertEqual([thread["topic"] for thread in second["threads"]], ["Topic 2"])

        table = self.threadctl(*page)
        self.assertEqual((table.returncode, len(table.stdout.splitlines())), (0, 3))
        self.assertIn(f"--page_token={first['nextPageToken']}", table.stderr)

    def test_names_of_every_kind(self):
        self.application.add_member("groups/g", "ann")
        first = self.assert_json("--user=ann", "thread", "create", "me/joinedGroups/g",
                                 "--topic=Lunch")
        conversation = f"conversations/{first['conversationId']}"
        second = self.assert_json("thread", "create", f"groups/g/{conversation}", stdin="{}")
        self.assertEqual(second["topic"], "Lunch")
        listed = self.assert_json("--user=ann", "thread", "list",
                                  f"users/ann/joinedGroups/g/{conversation}")
        self.assertEqual(listed["threads"], [second, first])
        self.assertEqual(self.assert_json("--user=ann", "thread", "get",
                                          f"me/joinedGroups/g/threads/{first['id']}"), first)

    def test_text_does_not_drive_the_terminal(self):
        hostile = "\x1b[31mred\r\n\x07\u202e\x9b"
        self.application.create_thread("groups/g", Thread(
            topic=hostile, preview=hostile, unique_senders=[hostile],
            to_recipients=[Recipient(email_address=EmailAddress(name=hostile, address=hostile))]))
        name = self.application.list_threads("groups/g").threads[0].name
        for command in (("thread", "list", "groups/g"), ("thread", "get", name)):
            printed = self.assert_prints(*command)
            for character in "\x1b\r\x07\u202e\x9b":
                self.assertNotIn(character, printed)
            self.assertIn("[31mred", printed)
        printed = self.assert_prints("--output=json", "thread", "get", name)
        self.assertNotIn("\x1b", printed)
        self.assertEqual(json.loads(printed)["topic"], hostile)


class BadJsonTest(ServedTestCase):

    def tearDown(self):
        self.assertEqual(len(self.application.list_threads("groups/g").threads), 0)
        super().tearDown()

    def test_faults_are_named_with_line_column_and_member(self):
        for text, place, member in (
                ('{\n  "topic": "T",\n  "topik": "T"\n}', "line 3, column 3", "topik"),
                ('{"topic": "T", "toRecipients": [{"emailAddress": {"adress": "a"}}]}',
                 "line 1, column 51", "toRecipients[0].emailAddress.adress"),
                ('{\n "topic": "T",\n\n  "topic": "U"}', "line 4, column 3", "topic"),
                ('{"topic": "T", "is_locked": true, "isLocked": true}', "line 1, column 35",
                 "isLocked"),
                ('{"topic": 1}', "line 1, column 11", "topic"),
                ('{"topic": "T",\n "isLocked": "yes"}', "line 2, column 14", "isLocked"),
                ('{"topic": "T", "uniqueSenders": "s"}', "line 1, column 33", "uniqueSenders"),
                ('{"topic": "T", "uniqueSenders": ["s", null]}', "line 1, column 39",
                 "uniqueSenders[1]"),
                ('{"topic": "T", "toRecipients": [null]}', "line 1, column 33", "toRecipients[0]"),
                ('{"topic": "T", "lastDeliveredDateTime": "yesterday"}', "line 1, column 41",
                 "lastDeliveredDateTime"),
                ('{"topic": "\u00e9", "topik": 1}', "line 1, column 16", "topik")):
            with self.subTest(text=text):
                message = self.assert_fails(USAGE, "thread", "create", "groups/g", stdin=text)
                self.assertIn(f"standard input: {place}: {member}:", message)

    def test_what_is_no_strict_json_is_refused_with_its_place(self):
        for text, place in (
                ("", "line 1"), ("null", "line 1"), ("[]", "line 1"), ('"T"', "line 1"),
                ("{", "line 1"), ('{"topic": "T",}', "line 1"), ("{'topic': 'T'}", "line 1"),
                ('{"topic": "T"}\n{"topic": "U"}', "line 2"), ('{"topic": "T"} x', "line 1"),
                ('{"topic": "T"\n "preview": "p"}', "line 2"), ('{topic: "T"}', "line 1"),
                ('{"topic": "T" /* lunch */}', "line 1"), ('{"topic": "a\nb"}', "line 1")):
            with self.subTest(text=text):
                message = self.assert_fails(USAGE, "thread", "create", "groups/g", stdin=text)
                self.assertIn(f"standard input: {place}, column ", message)

    def test_a_file_is_named_in_its_faults(self):
        path = self.folder / "request.json"
        path.write_text('{"topik": "T"}')
        message = self.assert_fails(USAGE, "thread", "create", "groups/g", f"--file={path}")
        self.assertIn(f"{path}: line 1, column 2: topik: ", message)
        path.unlink()
        message = self.assert_fails(USAGE, "thread", "create", "groups/g", f"--file={path}")
        self.assertIn(f"{path}: No such file or directory", message)

    def test_every_violation_is_printed(self):
        text = json.dumps({"id": "x", "preview": "p" * 256, "toRecipients": [
            {"emailAddress": {"name": "a\0b"}}, {"emailAddress": {"address": "a" * 321}}]})
        message = self.assert_fails(INVALID_ARGUMENT, "thread", "create", "groups/", stdin=text)
        for field in ("parent", "thread.id", "thread.topic", "thread.preview",
                      "thread.to_recipients[0].email_address.name",
                      "thread.to_recipients[1].email_address.address"):
            self.assertIn(f"\n  {field}: ", message)
        self.assertIn("INVALID_FIELD", message)


class GroupAndMemberTest(ServedTestCase):

    def test_groups(self):
        created = self.assert_json("--user=ann", "group", "create", "team-a",
                                   "--display_name=Team A", "--mail=m")
        self.assertEqual([created[name] for name in ("name", "id", "displayName", "mail")],
                         ["groups/team-a", "team-a", "Team A", "m"])
        self.assertEqual(self.assert_json("group", "get", "groups/team-a"), created)
        self.assertIn("Team A", self.assert_prints("group", "get", "groups/team-a"))
        listed = self.assert_json("group", "list")["groups"]
        self.assertEqual([group["id"] for group in listed], ["g", "team-a"])
        for command in (("group", "list"), ("group", "joined", "me"),
                        ("group", "joined", "users/ann")):
            self.assertEqual(self.assert_json("--user=ann", *command)["groups"], [created])
        for command in (("group", "list"), ("group", "joined", "users/ann")):
            listed = self.assert_json(*command, "--filter=startswith(displayName,'Team')")["groups"]
            self.assertEqual(listed, [created])
        table = self.assert_prints("group", "list").splitlines()
        self.assertEqual([line.split()[0] for line in table], ["NAME", "groups/g", "groups/team-a"])

        self.assert_json("group", "create", "team-b", "--owner=ann", "--owner=bob", "--member=cyd")
        roles = {member["id"]: member["role"]
                 for member in self.assert_json("member", "list", "groups/team-b")["members"]}
        self.assertEqual(roles, {"ann": "ROLE_OWNER", "bob": "ROLE_OWNER", "cyd": "ROLE_MEMBER"})

        self.assertEqual(self.assert_prints("--user=ann", "group", "delete", "groups/team-a"), "")
        self.assert_fails(NOT_FOUND, "group", "get", "groups/team-a")

    def test_members(self):
        owner = self.assert_json("member", "add", "groups/g", "olga", "--owner",
                                 "--display_name=Olga", "--mail=m")
        self.assertEqual(owner, {"name": "groups/g/members/olga", "id": "olga",
                                 "displayName": "Olga", "mail": "m", "role": "ROLE_OWNER"})
        member = self.assert_json("--user=olga", "member", "add", "me/joinedGroups/g", "mia")
        self.assertEqual(member["role"], "ROLE_MEMBER")
        self.assertEqual(self.assert_json("member", "list", "groups/g")["members"],
                         [member, owner])
        table = self.assert_prints("member", "list", "groups/g").splitlines()
        self.assertEqual([line.split()[:2] for line in table[1:]],
                         [["groups/g/members/mia", "member"], ["groups/g/members/olga", "owner"]])
        update = ("member", "update", "groups/g/members/mia")
        changed = self.assert_json(*update, "--role=owner", "--mail=mia@x")
        self.assertEqual((changed["role"], changed["mail"]), ("ROLE_OWNER", "mia@x"))
        self.assertEqual(self.assert_json("member", "get", "groups/g/members/mia"), changed)
        self.assertEqual(len(self.assert_json("member", "list", "groups/g/owners")["members"]), 2)
        changed = self.assert_json(*update, "--role=member", "--mail", "")
        self.assertEqual((changed["role"], changed["mail"]), ("ROLE_MEMBER", ""))
        for arguments in ((), ("--role=guest",)):
            self.assert_fails(USAGE, *update, *arguments)
        self.assertEqual(
            self.assert_prints("--user=olga", "member", "remove", "groups/g/members/mia"), "")
        self.assertEqual(self.assert_json("member", "list", "groups/g")["members"], [owner])

    def test_users(self):
        self.assertEqual(self.assert_json("--user=J\u00fcrgen", "user", "get", "me"),
                         {"name": "users/J\u00fcrgen", "id": "J\u00fcrgen", "displayName": "",
                          "mail": ""})
        self.assertIn("users/ann", self.assert_prints("user", "get", "users/ann"))

    def test_lists_are_counted(self):
        thread = self.application.create_thread("groups/g")
        self.application.create_thread("groups/g", Thread(topic="Another"))
        for command, count in ((("group", "list"), "1"), (("conversation", "list", "groups/g"), "2"),
                               (("thread", "list", "groups/g"), "2"),
                               (("thread", "list", "groups/g", "--filter=topic eq 'Another'"), "1"),
                               (("post", "list", thread.name), "0")):
            for output in ("json", "table"):
                self.assertEqual(self.assert_prints(f"--output={output}", *command, "--count"),
                                 f"{count}\n")

    def test_the_exit_status_is_the_number_of_the_code(self):
        self.application.add_member("groups/g", "olga", harness.Member.ROLE_OWNER)
        self.application.create_thread("groups/g")
        for status, command, reason in (
                (INVALID_ARGUMENT, ("group", "create", "a b"), "INVALID_FIELD"),
                (INVALID_ARGUMENT, ("group", "get", "me/joinedGroups/g"), "USER_REQUIRED"),
                (NOT_FOUND, ("group", "get", "groups/unknown"), "RESOURCE_NOT_FOUND"),
                (ALREADY_EXISTS, ("group", "create", "g"), "RESOURCE_EXISTS"),
                (PERMISSION_DENIED, ("--user=ann", "group", "get", "groups/g"), "NOT_A_MEMBER"),
                (FAILED_PRECONDITION, ("group", "delete", "groups/g"), "GROUP_NOT_EMPTY"),
                (FAILED_PRECONDITION, ("member", "remove", "groups/g/members/olga"),
                 "LAST_OWNER")):
            with self.subTest(command=command):
                self.assertIn(reason, self.assert_fails(status, *command))


class CommandLineTest(ServedTestCase):

    def test_wrong_command_lines(self):
        for arguments in ((), ("thread",), ("thread", "bogus"), ("bogus",), ("thread", "get"),
                          ("thread", "get", "groups/g/threads/x", "more"),
                          ("group", "list", "--bogus"), ("group", "list", "--page_size=x"),
                          ("--output=xml", "group", "list"), ("--timeout=5", "group", "list"),
                          ("--timeout=-1s", "group", "list"), ("--user=a\nb", "group", "list"),
                          ("thread", "create", "groups/g", "--topic=T", f"--file={SEED}")):
            with self.subTest(arguments=arguments):
                self.assert_fails(USAGE, *arguments)
        self.assertEqual(len(self.application.list_threads("groups/g").threads), 0)

    def test_each_verb_has_its_help(self):
        overview = self.assert_prints("--help")
        for verb in VERBS:
            with self.subTest(verb=verb):
                printed = self.assert_prints(*verb.split(), "--help")
                self.assertIn(f"Usage: threadctl {verb} ", printed)
                self.assertRegex(printed.split("Example", 1)[1], rf"\n  .*\bthreadctl .*{verb}")
                self.assertIn(verb.split()[0], overview)
        for flag in ("--server", "--tls_ca", "--user", "--token",
                     "--token_file", "--allow_token_without_tls", "--timeout", "--output"):
            self.assertIn(flag, overview)

    def test_version(self):
        self.assertRegex(self.assert_prints("--version"), r"^threadctl \d+\.\d+\.\d+\n$")

    def test_settings_come_from_the_environment_unless_a_flag_gives_them(self):
        self.application.add_member("groups/g", "ann")
        environment = {"THREADSTORE_SERVER": self.address, "THREADSTORE_USER": "ann",
                       "THREADSTORE_PORT": "tcp://10.0.0.1:50051"}
        result = harness.run(harness.THREADCTL, "group", "get", "me/joinedGroups/g",
                             environment=environment)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assert_fails(NOT_FOUND, "--user=bob", "group", "get", "me/joinedGroups/g",
                          environment=environment)

    def test_output_that_cannot_be_written_is_no_success(self):
        with open("/dev/full", "wb") as full:
            result = subprocess.run(
                [harness.THREADCTL, f"--server={self.address}", "group", "list"], stdout=full,
                stderr=subprocess.PIPE, text=True, timeout=harness.PATIENCE_SECONDS, check=False,
                env=harness.clean_environment())
        self.assertEqual(result.returncode, OUTPUT_FAILED)
        self.assertIn("standard output", result.stderr)

    def test_health(self):
        self.assertIn("SERVING", self.assert_prints("health"))
        service = "--service=threadstore.v1.ThreadService"
        self.assertEqual(self.assert_json("health", service), {"status": "SERVING"})
        self.assert_fails(NOT_FOUND, "health", "--service=bogus")
        self.server.stop()
        self.assert_fails(UNAVAILABLE, "health")


class StandIn(thread_service_pb2_grpc.ThreadServiceServicer,
              group_service_pb2_grpc.GroupServiceServicer, health_pb2_grpc.HealthServicer):
    """A server that fails as it is told to, and then answers with nothing in particular."""

    def __init__(self, failures):
        self._failures = list(failures)
        self.requests = []

    def _answer(self, request, context, answer):
        self.requests.append(request)
        if self._failures:
            code, details = self._failures.pop(0)
            status = status_pb2.Status(code=code.value[0])
            for detail in details:
                status.details.add().Pack(detail)
            context.set_trailing_metadata([("grpc-status-details-bin", status.SerializeToString())])
            context.abort(code, "as it was told to")
        return answer

    # The names are gRPC's.
    # pylint: disable=invalid-name
    def CreateThread(self, request, context):
        return self._answer(request, context, Thread(name="groups/g/threads/t"))

    def GetThread(self, request, context):
        return self._answer(request, context, Thread(name=request.name))

    def AddMember(self, request, context):
        return self._answer(request, context, request.member)

    def Check(self, request, context):
        return self._answer(request, context, harness.Health(status=harness.Health.NOT_SERVING))


class RetryTest(ThreadctlTestCase):

    unavailable = (grpc.StatusCode.UNAVAILABLE, [])
    shutting_down = (grpc.StatusCode.UNAVAILABLE, [
        error_details_pb2.ErrorInfo(reason="SHUTTING_DOWN", domain="threadstore")])
    busy = (grpc.StatusCode.RESOURCE_EXHAUSTED, [
        error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=1_000_000))])
    busy_for_an_hour = (grpc.StatusCode.RESOURCE_EXHAUSTED, [
        error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=3600))])

    create = ("thread", "create", "groups/g", "--topic=T")
    add = ("member", "add", "groups/g", "ann")

    def stand_in(self, *failures, address="127.0.0.1:0"):
        stand_in = StandIn(failures)
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
        thread_service_pb2_grpc.add_ThreadServiceServicer_to_server(stand_in, server)
        group_service_pb2_grpc.add_GroupServiceServicer_to_server(stand_in, server)
        health_pb2_grpc.add_HealthServicer_to_server(stand_in, server)
        self.address = f"127.0.0.1:{server.add_insecure_port(address)}"
        server.start()
        self.addCleanup(lambda: server.stop(None).wait())
        return stand_in

    def test_a_create_is_tried_again_under_the_same_request_id(self):
        stand_in = self.stand_in(self.unavailable, self.unavailable, self.busy)
        self.assert_prints(*self.create)
        self.assertEqual(stand_in.requests, [stand_in.requests[0]] * 4)
        self.assertRegex(stand_in.requests[0].request_id,
                         "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")

    def test_the_callers_request_id_is_kept(self):
        stand_in = self.stand_in(self.unavailable)
        self.assert_prints(*self.create, f"--request_id={REQUEST_ID}")
        self.assertEqual([request.request_id for request in stand_in.requests], [REQUEST_ID] * 2)

    def test_two_creates_have_two_request_ids(self):
        stand_in = self.stand_in()
        self.assert_prints(*self.create)
        self.assert_prints(*self.create)
        self.assertEqual(len({request.request_id for request in stand_in.requests}), 2)

    def test_a_read_is_tried_again(self):
        stand_in = self.stand_in(self.unavailable)
        self.assert_prints("thread", "get", "groups/g/threads/t")
        self.assertEqual(len(stand_in.requests), 2)

    def test_a_write_without_request_id_is_tried_again_only_if_nothing_was_written(self):
        stand_in = self.stand_in(self.shutting_down, self.busy)
        self.assert_prints(*self.add)
        self.assertEqual(len(stand_in.requests), 3)
        stand_in = self.stand_in(self.unavailable)
        self.assert_fails(UNAVAILABLE, *self.add)
        self.assertEqual(len(stand_in.requests), 1)

    def test_other_errors_are_not_tried_again(self):
        for code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.ABORTED,
                     grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED):
            stand_in = self.stand_in((code, []))
            self.assert_fails(code.value[0], *self.create)
            self.assertEqual(len(stand_in.requests), 1)

    def test_it_gives_up_within_the_timeout(self):
        stand_in = self.stand_in(self.busy_for_an_hour)
        message = self.assert_fails(RESOURCE_EXHAUSTED, *self.create)
        self.assertIn("as it was told to", message)
        self.assertEqual(len(stand_in.requests), 1)

    def test_a_server_that_is_not_serving_is_unhealthy(self):
        self.stand_in()
        result = self.threadctl("health")
        self.assertEqual(result.returncode, UNAVAILABLE)
        self.assertIn("NOT_SERVING", result.stdout)

    def test_a_server_that_cannot_be_reached(self):
        # Those that wait for a connection leave half of the timeout to say what is wrong with it.
        commands = (("group", "list"), self.create, ("--timeout=3s", *self.add), ("health",))
        # Bound, so that nobody else listens there.
        with contextlib.closing(socket.socket()) as closed, \
                concurrent.futures.ThreadPoolExecutor() as pool:
            closed.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{closed.getsockname()[1]}"
            failures = [pool.submit(self.assert_fails, UNAVAILABLE, *command, server=address)
                        for command in commands]
            for command, failure in zip(commands, failures):
                with self.subTest(command=command):
                    failure.result()

    def test_a_server_that_starts_late_is_waited_for(self):
        for command in (self.create, self.add):
            with self.subTest(command=command):
                with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as ending:
                    ending.settimeout(harness.PATIENCE_SECONDS)
                    address = f"127.0.0.1:{ending.getsockname()[1]}"
                    client = subprocess.Popen(
                        [harness.THREADCTL, f"--server={address}", *command],
                        stdout=subprocess.DEVNULL, env=harness.clean_environment())
                    self.addCleanup(client.kill)
                    ending.accept()[0].close()
                stand_in = self.stand_in(address=address)
                self.assertEqual(client.wait(harness.PATIENCE_SECONDS), 0)
                self.assertEqual(len(stand_in.requests), 1)


if __name__ == "__main__":
    unittest.main()
