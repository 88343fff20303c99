"""The container image: built as a user builds it, and run as Kubernetes runs it.

Needs root. Everything made is in a folder of its own, which is removed; only the compiler's cache,
which buildah keeps, stays for the next build.
"""

import contextlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import unittest

from manifests import SOURCE, VERSION, Manifests

IMAGE = f"localhost/threadstore:{VERSION}"
BASE_IMAGE = "localhost/debian:12"
REVISION = "0123456789abcdef"
MAX_IMAGE_BYTES = 85_000_000  # ICU is 33 MB of it, and what libcurl loads 10 MB.

# What makes containers run where this test may run, in containers and virtual machines: buildah
# without namespaces, podman with runc and within the limits that are there.
BUILD_HERE = ["--isolation", "chroot"]
RUN_HERE = ["--runtime", "runc"]
LIMITS_HERE = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]

# Only keeps a broken server from blocking the suite; no test depends on its value.
PATIENCE_SECONDS = 60

THREAD = '{"topic": "Hello", "to_recipients": [{"email_address": {"name": "Ann"}}]}'


def run(*command, **options):
    """A command's output; a failure shows what it said."""
    result = subprocess.run([str(word) for word in command], text=True, check=False,
                            capture_output=True, **options)
    if result.returncode:
        raise AssertionError(f"{command} failed with {result.returncode}:\n"
                             f"{result.stdout[-5000:]}{result.stderr[-5000:]}")
    return result.stdout


def mount_points(process="self"):
    """The mount points that a process sees, each with its options."""
    lines = pathlib.Path(f"/proc/{process}/mountinfo").read_text().splitlines()
    return {line.split()[4]: line.split()[5].split(",") for line in lines}


class ImageTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        for folder in ("/", "/sys/fs/cgroup"):
            if folder not in mount_points():
                raise unittest.SkipTest("no container can be made in a chroot: nothing is mounted "
                                        f"at {folder}")
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="threadstore-image-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.storage = ["--root", cls.folder / "storage", "--runroot", cls.folder / "run",
                       "--storage-driver", "overlay"]
        # The image's default base needs a registry; a Debian 12 made here does not.
        base = cls.folder / "base"
        base.mkdir()
        run("mmdebstrap", "--quiet", "--variant=minbase", "bookworm", base / "root.tar")
        # npm believes whom this machine believes, such as a proxy that looks into TLS.
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", base / "host-ca.crt")
        cls.addClassCleanup(cls.buildah, "rmi", "--all", "--force")
        cls.buildah("build", "--file", "-", "--tag", BASE_IMAGE, base,
                    input="FROM scratch\nADD root.tar /\nCOPY host-ca.crt /etc/ssl/\n"
                          "ENV NODE_EXTRA_CA_CERTS=/etc/ssl/host-ca.crt\n")
        cls.buildah("build", *BUILD_HERE, "--build-arg", f"BASE={BASE_IMAGE}",
                    "--build-arg", f"VERSION={VERSION}", "--build-arg", f"REVISION={REVISION}",
                    "--file", "deploy/Containerfile", "--tag", IMAGE, ".", cwd=SOURCE)
        cls.config = json.loads(
            cls.buildah("inspect", "--type", "image", IMAGE))["OCIv1"]["config"]
        cls.manifests = Manifests()

    @classmethod
    def buildah(cls, *command, **options):
        return run("buildah", *cls.storage, *command, **options)

    @classmethod
    def podman(cls, *command, **options):
        return run("podman", *RUN_HERE, *cls.storage, *command, **options)

    def setUp(self):
        # As a Kubernetes volume is with an fsGroup: root's, and writable by the group.
        self.context = self.manifests.pod["spec"]["securityContext"]
        self.volume = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        os.chown(self.volume, 0, self.context["fsGroup"])
        self.volume.chmod(0o2775)

    @contextlib.contextmanager
    def files(self):
        """The folder that is the image's root, and all that is in it but links."""
        container = self.buildah("from", IMAGE).strip()
        try:
            root = pathlib.Path(self.buildah("mount", container).strip())
            yield root, [path for path in root.rglob("*") if not path.is_symlink()]
        finally:
            self.buildah("rm", container)

    @contextlib.contextmanager
    def serve(self):
        """Runs the image with the settings, the rights and the grace period of the manifests;
        gives the name of the container, and stops it."""
        settings = [f"--env={key}={value}" for key, value in self.manifests.settings.items()]
        mount, = self.manifests.container["volumeMounts"]
        name = "server"
        log = self.folder / "server.log"
        with open(log, "w", encoding="utf-8") as stderr:
            server = subprocess.Popen(
                [str(word) for word in (
                    "podman", *RUN_HERE, *self.storage, "run", *LIMITS_HERE, "--rm", "--name", name,
                    "--read-only", "--read-only-tmpfs=false", "--cap-drop=all",
                    "--security-opt=no-new-privileges", "--network=none", *settings,
                    f"--volume={self.volume}:{mount['mountPath']}", IMAGE)],
                stdout=subprocess.PIPE, stderr=stderr, text=True)
        try:
            readable, _, _ = select.select([server.stdout], [], [], PATIENCE_SECONDS)
            ready = server.stdout.readline() if readable else ""
            self.assertRegex(ready, r"^ready grpc=0\.0\.0\.0:\d+ http=0\.0\.0\.0:\d+\n$", log.read_text())
            yield name
            # One that has not ended by then is killed, and its status is not 0.
            grace = self.manifests.pod["spec"]["terminationGracePeriodSeconds"]
            self.podman("stop", f"--time={grace}", name)
            self.assertEqual(server.wait(PATIENCE_SECONDS), 0, log.read_text())
        finally:
            self.podman("rm", "--force", "--ignore", name)
            server.wait(PATIENCE_SECONDS)
            server.stdout.close()

    def threadctl(self, name, *command, **options):
        return self.podman("exec", "--interactive", name, "threadctl", *command, **options)

    def test_it_serves_and_a_restart_keeps_the_data(self):
        with self.serve() as name:
            self.threadctl(name, "health")
            self.threadctl(name, "group", "create", "G1", "--display_name", "Retail")
            self.threadctl(name, "thread", "create", "groups/G1", input=THREAD)
            before = self.threadctl(name, "--output=json", "thread", "list", "groups/G1")
            self.assertIn('"Hello"', before)
        with self.serve() as name:
            after = self.threadctl(name, "--output=json", "thread", "list", "groups/G1")
        self.assertEqual(after, before)

    def test_the_process_has_the_rights_that_the_manifests_give(self):
        with self.serve() as name:
            pid = self.podman("inspect", "--format", "{{.State.Pid}}", name).strip()
            status = dict(line.split(":\t", 1) for line in
                          pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
            mounts = mount_points(pid)
        self.assertEqual(set(status["Uid"].split()), {str(self.context["runAsUser"])})
        self.assertEqual(set(status["Gid"].split()), {str(self.context["runAsGroup"])})
        self.assertEqual(int(status["CapPrm"], 16), 0)
        self.assertEqual(int(status["CapBnd"], 16), 0)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertIn("ro", mounts["/"])

    def test_its_configuration(self):
        self.assertEqual(self.config["User"],
                         f"{self.context['runAsUser']}:{self.context['runAsGroup']}")
        self.assertEqual(self.config["StopSignal"], "SIGTERM")
        self.assertEqual(self.config["Entrypoint"], ["/usr/bin/threadstored"])
        self.assertEqual(self.config["Cmd"], ["serve"])
        labels = {key.removeprefix("org.opencontainers.image."): value
                  for key, value in self.config["Labels"].items()}
        self.assertEqual((labels["title"], labels["version"], labels["revision"]),
                         ("Threadstore", VERSION, REVISION))

    def test_it_is_small(self):
        with self.files() as (_, paths):
            self.assertLess(sum(path.stat().st_size for path in paths), MAX_IMAGE_BYTES)

    def test_it_holds_the_programs_and_what_they_load(self):
        with self.files() as (root, paths):
            self.assertEqual(run("chroot", root, "/usr/bin/threadstored", "version"),
                             f"threadstored {VERSION}\n")
            programs = {path.relative_to(root).as_posix() for path in paths
                        if path.is_file() and path.stat().st_mode & 0o111
                        and ".so" not in path.name}
            special = [path for path in paths if path.stat().st_mode & 0o6002]
            owned = {path.relative_to(root).as_posix() for path in paths if path.stat().st_uid}
            packages = {path.name for path in (root / "var/lib/dpkg/status.d").iterdir()}
            certificates = (root / "etc/ssl/certs/ca-certificates.crt").read_text()
            sbom = json.loads((root / "usr/share/doc/threadstore/sbom.cdx.json").read_text())
        self.assertEqual(programs, {"usr/bin/threadstored", "usr/bin/threadctl"})
        self.assertEqual(special, [], "set-user-id, set-group-id or writable by all")
        self.assertEqual(owned, {"var/lib/threadstore"})
        self.assertLessEqual({"libc6", "libgrpc++1.51", "libsqlite3-0", "libssl3"}, packages)
        self.assertIn("BEGIN CERTIFICATE", certificates)
        self.assertLessEqual(packages, {component["name"] for component in sbom["components"]})


if __name__ == "__main__":
    unittest.main()
