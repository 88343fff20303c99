"""The bill of materials of an image: its form is CycloneDX's, and it has what the image has."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from manifests import SOURCE, TOOLS, VERSION

SERVER = os.environ["THREADSTORE_DEPLOY_SERVER"]
SCHEMAS = TOOLS / "node_modules/@cyclonedx/cyclonedx-library/res/schema"


def dpkg_version(package):
    return subprocess.run(["dpkg-query", "--show", "--showformat=${Version}", package],
                          capture_output=True, text=True, check=True).stdout


class SbomTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(prefix="threadstore-sbom-") as folder:
            root = pathlib.Path(folder) / "root"
            subprocess.run([SOURCE / "deploy/make_rootfs", root, SERVER], check=True)
            cls.text = (root / "usr/share/doc/threadstore/sbom.cdx.json").read_text()
            cls.packages = {path.name for path in (root / "var/lib/dpkg/status.d").iterdir()}
        cls.document = json.loads(cls.text)

    def linked(self, how):
        """The components of which the programs load a library, or hold a part."""
        return {component["name"]: component for component in self.document["components"]
                if {"name": "threadstore:linkage", "value": how} in component["properties"]}

    def schema_errors(self, document):
        schemas = [SCHEMAS / f"{name}.SNAPSHOT.schema.json"
                   for name in ("bom-1.6", "jsf-0.82", "spdx")]
        result = subprocess.run(
            ["node", SOURCE / "tests/deploy/schema_errors.mjs", TOOLS, *schemas],
            input=json.dumps(document), capture_output=True, text=True, check=True)
        return json.loads(result.stdout)

    def test_it_is_of_the_form_that_it_says(self):
        self.assertEqual(self.document["$schema"],
                         "http://cyclonedx.org/schema/bom-1.6.schema.json")
        self.assertEqual(self.schema_errors(self.document), [])
        self.assertNotEqual(
            self.schema_errors(self.document | {"components": [{"type": "library"}]}), [])

    def test_it_has_the_packages_that_are_loaded(self):
        self.assertEqual(set(self.linked("dynamic")), self.packages)
        self.assertLessEqual({"libgrpc29", "libssl3", "libsqlite3-0", "libc6"}, self.packages)
        for name, component in self.linked("dynamic").items():
            self.assertEqual(component["version"], dpkg_version(name))

    def test_it_has_the_packages_that_are_compiled_in(self):
        embedded = set(self.linked("embedded")) - {"swagger-ui-dist"}
        build_packages = re.search(r"BUILD_PACKAGES=\(([^)]*)\)",
                                   (SOURCE / "dev").read_text()).group(1).split()
        self.assertLessEqual(embedded, set(build_packages))
        self.assertLessEqual({"libboost1.81-dev", "nlohmann-json3-dev"}, embedded)

    def test_packages_are_named_as_scanners_look_for_them(self):
        purls = [component["purl"] for component in self.document["components"]]
        self.assertEqual(len(set(purls)), len(purls))
        sqlite = self.linked("dynamic")["libsqlite3-0"]
        self.assertRegex(sqlite["purl"], r"^pkg:deb/debian/libsqlite3-0@3\.40\.1-[^?]*"
                                         r"\?arch=\w+&distro=debian-12$")
        grpc = self.linked("dynamic")["libgrpc++1.51"]
        self.assertIn("/libgrpc%2B%2B1.51@1.51.1-", grpc["purl"])
        self.assertIn({"license": {"name": "Apache-2.0"}}, grpc["licenses"])

    def test_it_is_of_this_version_and_always_the_same(self):
        self.assertEqual(self.document["metadata"]["component"]["version"], VERSION)
        again = subprocess.run([SOURCE / "deploy/make_sbom", VERSION, *self.packages],
                               capture_output=True, text=True, check=True).stdout
        self.assertEqual(again, self.text)


if __name__ == "__main__":
    unittest.main()
