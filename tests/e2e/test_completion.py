"""threadctl's completion, asked as bash asks it."""

import re
import subprocess
import unittest

import harness

# Prints what completes the last of the words, each on a line.
COMPLETE = """
source <("$0" completion bash)
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_threadctl
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(*words):
    result = subprocess.run(
        ["bash", "--norc", "-u", "-c", COMPLETE, harness.THREADCTL, "threadctl",
         *words], capture_output=True, text=True, timeout=harness.PATIENCE_SECONDS, check=False)
    if (result.returncode, result.stderr) != (0, ""):
        raise AssertionError(result)
    return result.stdout.split()


def help_of(*command):
    return harness.run(harness.THREADCTL, *command, "--help").stdout


def verbs_of(*command):
    """The nouns or verbs that the help of a command names."""
    _, _, listed = help_of(*command).partition("\nSubcommands:\n")
    return re.findall(r"^  (\w+)", listed.partition("\n\n")[0], re.MULTILINE)


def flags_of(*command):
    return re.findall(r"--[a-z_]+(?=[ ,\n])", help_of(*command).partition("\nOptions:\n")[2]
                      .partition("\n\n")[0])


class CompletionTest(harness.TestCase):

    def assert_completed(self, expected, *words):
        self.assertEqual(sorted(completed(*words)), sorted(expected), words)

    def test_every_noun_and_verb(self):
        nouns = verbs_of()
        self.assertIn("thread", nouns)
        self.assert_completed(nouns, "")
        for noun in nouns:
            self.assert_completed(verbs_of(noun), noun, "")
            for verb in verbs_of(noun):
                self.assert_completed([verb], noun, verb)
                self.assert_completed([], noun, verb, "")

    def test_every_flag(self):
        everywhere = set(flags_of())
        self.assertIn("--server", everywhere)
        commands = [[]] + [[noun] for noun in verbs_of()]
        commands += [[noun, verb] for noun, in commands[1:] for verb in verbs_of(noun)]
        for command in commands:
            flags = [flag.rstrip("=") for flag in completed(*command, "--")]
            self.assertEqual(sorted(flags), sorted(everywhere | set(flags_of(*command))), command)

    def test_flags_with_values_show_it(self):
        self.assert_completed(["--owner"], "member", "add", "groups/g", "ann", "--ow")
        self.assert_completed(["--file="], "thread", "create", "groups/g", "--f")

    def test_values(self):
        for value in (["--output"], ["--output", "="]):
            self.assert_completed(["json", "table"], *value, "")
            self.assert_completed(["json"], "thread", "list", "groups/g", *value, "js")
        self.assert_completed(["json", "table"], "--output", "=")
        self.assert_completed([], "--user", "")

    def test_files(self):
        for name in ("request.json", "reply.json"):
            (self.folder / name).touch()
        typed = f"{self.folder}/req"
        for value in (["--file"], ["--file", "="]):
            self.assert_completed([f"{self.folder}/request.json"],
                                  "thread", "create", "groups/g", *value, typed)

    def test_a_value_is_no_noun(self):
        self.assert_completed(verbs_of("thread"), "--user", "group", "thread", "")
        self.assert_completed(verbs_of("thread"), "--user", "=", "group", "thread", "")
        self.assert_completed(["thread"], "--output", "=", "json", "thr")


if __name__ == "__main__":
    unittest.main()
