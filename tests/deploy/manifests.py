"""The manifests as kubectl renders them, and what the tests ask of them."""

import os
import pathlib
import re
import subprocess

import yaml

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BASE = SOURCE / "deploy/kubernetes/base"
TOOLS = pathlib.Path(os.environ["THREADSTORE_DEPLOY_TOOLS"])

VERSION = re.search(r"project\(threadstore VERSION (\S+)",
                    (SOURCE / "CMakeLists.txt").read_text()).group(1)


class Manifests:
    """The objects of a kustomization, and short names for the parts of them."""

    def __init__(self, folder=BASE):
        rendered = subprocess.run([TOOLS / "kubectl/kubectl", "kustomize", folder],
                                  check=True, capture_output=True, text=True).stdout
        self.objects = list(yaml.safe_load_all(rendered))
        self.stateful_set = self.only("StatefulSet")
        self.pod = self.stateful_set["spec"]["template"]
        self.container, = self.pod["spec"]["containers"]
        self.settings = self.only("ConfigMap")["data"]

    def only(self, kind):
        found, = (candidate for candidate in self.objects if candidate["kind"] == kind)
        return found


def seconds(duration):
    """A flag's duration; of its forms only the plain ones are used here."""
    number, unit = re.fullmatch(r"(\d+)(s|m|h)", duration).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3600}[unit]


def mebibytes(size):
    """A flag's or a Kubernetes quantity's, in either spelling."""
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)B?", size).groups()
    return int(number) * {"Mi": 1, "Gi": 1024}[unit]
