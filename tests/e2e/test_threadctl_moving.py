"""threadctl import and export between real servers, one of which is killed on the way."""

import contextlib
import json
import subprocess
import unittest

import harness
from harness import Attachment, Conversation, Extension, Post, Thread, mailbox, text_post

GROUP = "groups/g"
CONVERSATIONS = 150
THREADS_OF_EACH = 20


class MovingFilesTest(harness.TestCase):

    def command(self, server, *arguments):
        return [harness.THREADCTL, f"--server={server.address}", *map(str, arguments)]

    def threadctl(self, server, *arguments):
        result = harness.run(*self.command(server, *arguments))
        self.assertEqual(result.returncode, 0, result)
        return result

    def export(self, server, name):
        file = self.folder / name
        self.threadctl(server, "export", "--file", file)
        return file

    def start_empty_server(self, name):
        self.store = self.folder / name
        return self.start_server()

    def fill(self, client):
        """Something of each kind, text that JSON has to escape, and many threads."""
        client.create_group("g", display_name="Grüße \"\\\u2028\n", allow_external_senders=True)
        client.add_member(GROUP, "ann", role=harness.Member.ROLE_OWNER, mail="ann@x")
        client.add_sender(f"{GROUP}/rejectedSenders", "eve@x")
        thread = client.create_thread(GROUP, Thread(
            topic="\U0001f600\u0001</script>",
            posts=[text_post("first", sender=mailbox("Ann", "ann@x"))]))
        post = client.reply_to_thread(thread.name, Post(
            sender=mailbox("Bob"), body=harness.ItemBody(content_type="html", content="<b>2</b>"),
            categories=["red"], new_participants=[mailbox("Zoe")]))
        client.create_attachment(post.name, Attachment(
            display_name="f",
            file=harness.resources.FileAttachment(content_bytes=bytes(range(256)))))
        client.create_extension(post.name, Extension(
            extension_name="com.example", content_json='{"a": [1.50, null, "\\u0001x"]}'))
        client.forward_post(post.name, [mailbox("Eve", "eve@x")], comment="see")
        for number in range(CONVERSATIONS):
            client.create_conversation(GROUP, Conversation(
                topic=f"C {number}", threads=[Thread(topic="T")] * THREADS_OF_EACH))

    @contextlib.contextmanager
    def importing(self, server):
        """An import from standard input."""
        process = subprocess.Popen(
            self.command(server, "--output=json", "import"), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=harness.clean_environment())
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def await_threads(self, client):
        """Waits until some of the group's threads are there."""
        while True:
            groups = [group.name for group in client.list_groups().groups]
            if GROUP in groups and client.list_threads(GROUP).threads:
                return

    def test_export_import_export_gives_the_same_file(self):
        source = self.start_server()
        self.fill(source.client())
        first = self.export(source, "first.ndjson")
        lines = first.read_bytes().splitlines(keepends=True)
        self.assertEqual(source.stop(), 0)

        target = self.start_empty_server("target.db")
        self.threadctl(target, "import", "--file", first)
        self.assertEqual(self.export(target, "second.ndjson").read_bytes(), first.read_bytes())

        # Another, which is killed while the lines come.
        broken = self.start_empty_server("broken.db")
        address = broken.address
        half = len(lines) // 2
        with self.importing(broken) as process:
            process.stdin.write(b"".join(lines[:half]))
            process.stdin.flush()
            self.await_threads(broken.client())
            broken.kill()
            broken = self.start_server(listen=address)
            process.stdin.write(b"".join(lines[half:]))
            output, errors = process.communicate(timeout=harness.PATIENCE_SECONDS)
            self.assertEqual(process.returncode, 0, errors)
        totals = json.loads(output)
        self.assertEqual(totals["stored"] + totals["skipped"], len(lines))
        self.assertEqual(totals["skipped"], totals["skippedAfterBreak"])
        self.assertIn(b"trying again until the import goes on", errors)
        self.assertEqual(self.export(broken, "third.ndjson").read_bytes(), first.read_bytes())
        self.assertEqual(broken.stop(), 0)


if __name__ == "__main__":
    unittest.main()
