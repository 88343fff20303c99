"""Bearer tokens as threadctl sends them, and as only some clients can: with --auth=token."""

import hashlib
import json
import unittest

import harness
from harness import Code

READER = "a-secret-for-reading"
KEEPER = "a-secret-for-administration"
USAGE = 64
UNAUTHENTICATED = 16


def token_entry(secret, application, *permissions):
    return {"sha256": hashlib.sha256(secret.encode()).hexdigest(), "application": application,
            "permissions": permissions}


class AuthenticationTest(harness.TestCase):

    def setUp(self):
        super().setUp()
        config = self.folder / "auth.yaml"
        # JSON is YAML.
        config.write_text(json.dumps({"tokens": [
            token_entry(READER, "reader", "Group.Read.All"),
            token_entry(KEEPER, "keeper", "Threadstore.Admin")]}))
        self.server = self.start_server("--auth=token", f"--auth_config={config}")

    def list_groups(self, *metadata):
        client = self.server.client()
        client.metadata = list(metadata)
        return client.list_groups()

    def threadctl(self, *arguments, environment=None, server=None, **options):
        return harness.run(harness.THREADCTL, f"--server={server or self.server.address}",
                           *arguments, environment=environment, **options)

    def assert_prints(self, *arguments, **options):
        result = self.threadctl(*arguments, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_authorization_is_given_once(self):
        good = ("authorization", f"Bearer {READER}")
        self.list_groups(good)
        bad = ("authorization", "Bearer nobody's")
        for metadata in ((good, good), (good, bad), (bad, good), (good, ("authorization", ""))):
            with self.subTest(metadata=metadata):
                self.assert_refused(Code.UNAUTHENTICATED, "INVALID_CREDENTIALS",
                                    self.list_groups, *metadata)

    def test_users_are_not_believed(self):
        for name, value in (("x-threadstore-user", "ann"), ("x-threadstore-user-bin", b"ann")):
            for token in ((), (("authorization", f"Bearer {KEEPER}"),)):
                self.assert_refused(Code.UNAUTHENTICATED, "INVALID_CREDENTIALS",
                                    self.list_groups, (name, value), *token)

    def test_health_and_reflection_need_no_token(self):
        self.assertEqual(self.server.health(), harness.Health.SERVING)
        self.assert_prints("health")

    def test_threadctl_sends_a_token(self):
        file = self.folder / "token"
        file.write_text(f"{KEEPER}\n")
        self.assert_prints(f"--token={KEEPER}", "group", "create", "a")
        self.assert_prints(f"--token_file={file}", "group", "create", "b")
        self.assert_prints("--token_file=-", "group", "get", "groups/a", stdin=f"{READER}\n")
        self.assert_prints("--token_file=/dev/stdin", "group", "get", "groups/a",
                           stdin=f"{READER}\n")
        self.assert_prints("group", "get", "groups/a", environment={"THREADSTORE_TOKEN": READER})
        self.assert_prints("group", "get", "groups/b",
                           environment={"THREADSTORE_TOKEN_FILE": str(file)})
        for arguments in ((), ("--token=wrong",)):
            result = self.threadctl(*arguments, "group", "list")
            self.assertEqual(result.returncode, UNAUTHENTICATED, result.stderr)
            self.assertIn("INVALID_CREDENTIALS", result.stderr)

    def test_threadctl_keeps_a_token_from_other_machines_without_tls(self):
        # Nothing is sent to it: no such name exists.
        elsewhere = "threadstore.invalid:1"
        result = self.threadctl(f"--token={KEEPER}", "group", "list", server=elsewhere)
        self.assertEqual(result.returncode, USAGE, result.stderr)
        self.assertIn("without TLS", result.stderr)
        self.assertNotIn(KEEPER, result.stderr)
        result = self.threadctl(f"--token={KEEPER}", "--allow_token_without_tls", "--timeout=100ms",
                                "group", "list", server=elsewhere)
        self.assertIn(result.returncode, (Code.UNAVAILABLE.value[0],
                                          Code.DEADLINE_EXCEEDED.value[0]), result.stderr)

    def test_threadctl_takes_a_token_from_one_place(self):
        result = self.threadctl("--token=a", f"--token_file={self.folder / 'token'}",
                                "group", "list")
        self.assertEqual(result.returncode, USAGE, result.stderr)
        result = self.threadctl(f"--token_file={self.folder / 'none'}", "group", "list")
        self.assertEqual(result.returncode, USAGE, result.stderr)
        self.assertIn("none", result.stderr)


if __name__ == "__main__":
    unittest.main()
