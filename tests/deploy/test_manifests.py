"""The Kubernetes manifests: their types, and what must agree between them and the server."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from manifests import BASE, SOURCE, TOOLS, VERSION, Manifests, mebibytes, seconds

SERVER = os.environ["THREADSTORE_DEPLOY_SERVER"]

# What a busy server takes beside four times --request_memory.
BUSY_SERVER_MEBIBYTES = 110

# How much longer than --drain_timeout the process may take to end.
WATCHDOG_SECONDS = int(re.search(r"kDrainGrace = absl::Seconds\((\d+)\)",
                                 (SOURCE / "server/main.cc").read_text()).group(1))


def type_errors(objects):
    """What the compiler says of objects written as literals of their Kubernetes types: a literal
    may have no member that its type does not know."""
    lines = []
    for number, candidate in enumerate(objects):
        kind = candidate["kind"]
        lines += [f'import type {{ I{kind} as Type{number} }} from '
                  f'"kubernetes-models/{candidate["apiVersion"]}/{kind}";',
                  f"export const object{number}: Type{number} = {json.dumps(candidate, indent=1)};"]
    with tempfile.TemporaryDirectory(prefix="threadstore-types-") as folder:
        folder = pathlib.Path(folder)
        (folder / "node_modules").symlink_to(TOOLS / "node_modules")
        (folder / "objects.ts").write_text("\n".join(lines))
        result = subprocess.run(
            [TOOLS / "node_modules/.bin/tsc", "--noEmit", "--strict", "--pretty", "false",
             "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler",
             "objects.ts"],
            cwd=folder, capture_output=True, text=True, check=False)
    return result.stdout + result.stderr


def restricted_violations(pod):
    """Where a pod breaks the rules of the Pod Security Standards' level "restricted"."""
    spec = pod["spec"]
    context = spec.get("securityContext", {})
    violations = [field for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    violations += [f"volume {volume['name']}" for volume in spec.get("volumes", [])
                   if set(volume) - {"name", "configMap", "csi", "downwardAPI", "emptyDir",
                                     "ephemeral", "persistentVolumeClaim", "projected", "secret"}]
    violations += ["sysctls"] if context.get("sysctls") else []
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        own = container.get("securityContext", {})
        both = {**context, **own}
        capabilities = own.get("capabilities", {})
        rules = {
            "privileged": not own.get("privileged"),
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "capabilities.drop": "ALL" in capabilities.get("drop", []),
            "capabilities.add": set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"},
            "runAsNonRoot": both.get("runAsNonRoot") is True,
            "runAsUser": both.get("runAsUser") != 0,
            "seccompProfile": both.get("seccompProfile", {}).get("type") in
                              ("RuntimeDefault", "Localhost"),
            "procMount": own.get("procMount", "Default") == "Default",
            "hostPort": not any(port.get("hostPort") for port in container.get("ports", [])),
        }
        violations += [f"{container['name']} {rule}" for rule, kept in rules.items() if not kept]
    return violations


class BaseTest(unittest.TestCase):

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.manifests = Manifests()

    def setUp(self):
        self.pod = self.manifests.pod
        self.container = self.manifests.container
        self.settings = self.manifests.settings
        self.port, self.http_port = (
            int(self.settings[setting].rpartition(":")[2])
            for setting in ("THREADSTORE_LISTEN", "THREADSTORE_HTTP_LISTEN"))

    def name_of(self, kind):
        return self.manifests.only(kind)["metadata"]["name"]

    def assert_selects_the_pod(self, labels):
        self.assertTrue(labels, "an empty selector selects every pod")
        self.assertLessEqual(labels.items(), self.pod["metadata"]["labels"].items())

    def test_every_object_has_its_type(self):
        self.assertEqual(type_errors(self.manifests.objects), "")

    def test_every_object_has_the_standard_labels(self):
        for candidate in [*self.manifests.objects, self.pod]:
            labels = candidate["metadata"]["labels"]
            self.assertEqual(labels["app.kubernetes.io/name"], "threadstore")
            self.assertLessEqual({f"app.kubernetes.io/{name}"
                                  for name in ("instance", "component", "part-of")}, set(labels))

    def test_the_image_is_this_version(self):
        self.assertEqual(self.container["image"], f"threadstore:{VERSION}")

    def test_what_is_named_exists(self):
        spec = self.manifests.stateful_set["spec"]
        self.assertEqual(spec["serviceName"], self.name_of("Service"))
        self.assertEqual(self.pod["spec"]["serviceAccountName"], self.name_of("ServiceAccount"))
        self.assertEqual(self.container["envFrom"],
                         [{"configMapRef": {"name": self.name_of("ConfigMap")}}])
        self.assertEqual([mount["name"] for mount in self.container["volumeMounts"]],
                         [claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]])

    def test_selectors_select_the_pod(self):
        self.assert_selects_the_pod(self.manifests.stateful_set["spec"]["selector"]["matchLabels"])
        self.assert_selects_the_pod(self.manifests.only("Service")["spec"]["selector"])

    def test_ports_and_probes_are_the_servers(self):
        ports = {port["name"]: port["containerPort"] for port in self.container["ports"]}
        self.assertEqual(ports, {"grpc": self.port, "http": self.http_port})
        service = self.manifests.only("Service")["spec"]
        self.assertEqual(service["clusterIP"], "None")
        self.assertEqual({port["targetPort"]: port["port"] for port in service["ports"]}, ports)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            self.assertEqual(self.container[probe]["grpc"], {"port": self.port}, probe)

    def test_only_labelled_pods_of_the_namespace_get_in(self):
        policy = self.manifests.only("NetworkPolicy")["spec"]
        self.assert_selects_the_pod(policy["podSelector"]["matchLabels"])
        self.assertEqual(set(policy["policyTypes"]), {"Ingress", "Egress"})
        self.assertNotIn("egress", policy)
        label = {"key": "threadstore-client", "operator": "Exists"}
        self.assertEqual(policy["ingress"],
                         [{"from": [{"podSelector": {"matchExpressions": [label]}}],
                           "ports": [{"protocol": "TCP", "port": port}
                                     for port in (self.port, self.http_port)]}])

    def test_one_pod_owns_the_volume(self):
        spec = self.manifests.stateful_set["spec"]
        self.assertEqual(spec["replicas"], 1)
        claim, = spec["volumeClaimTemplates"]
        self.assertEqual(claim["spec"]["accessModes"], ["ReadWriteOncePod"])
        mount, = self.container["volumeMounts"]
        store = pathlib.PurePath(self.settings["THREADSTORE_STORE"].removeprefix("sqlite:"))
        self.assertEqual(str(store.parent), mount["mountPath"])

    def test_the_pod_satisfies_the_restricted_profile(self):
        self.assertEqual(restricted_violations(self.pod), [])

    def test_the_pod_has_no_more_than_it_needs(self):
        spec = self.pod["spec"]
        self.assertIs(spec["automountServiceAccountToken"], False)
        self.assertIs(self.manifests.only("ServiceAccount")["automountServiceAccountToken"], False)
        self.assertIs(spec["enableServiceLinks"], False)
        self.assertIs(self.container["securityContext"]["readOnlyRootFilesystem"], True)
        context = spec["securityContext"]
        self.assertEqual(context["fsGroup"], context["runAsGroup"])
        self.assertEqual(context["fsGroupChangePolicy"], "OnRootMismatch")

    def test_the_grace_period_covers_the_drain(self):
        drain = seconds(self.settings["THREADSTORE_DRAIN_TIMEOUT"]) + WATCHDOG_SECONDS
        pre_stop = self.container["lifecycle"]["preStop"]["sleep"]["seconds"]
        self.assertGreater(self.pod["spec"]["terminationGracePeriodSeconds"], pre_stop + drain)

    def test_the_liveness_probe_outlasts_a_drain(self):
        probe = self.container["livenessProbe"]
        drain = seconds(self.settings["THREADSTORE_DRAIN_TIMEOUT"]) + WATCHDOG_SECONDS
        self.assertGreater(probe["periodSeconds"] * probe["failureThreshold"], drain)

    def test_a_migration_is_given_minutes(self):
        probe = self.container["startupProbe"]
        self.assertGreaterEqual(probe["periodSeconds"] * probe["failureThreshold"], 300)

    def test_the_memory_covers_a_busy_server(self):
        resources = self.container["resources"]
        limit = resources["limits"]["memory"]
        self.assertGreater(mebibytes(limit), BUSY_SERVER_MEBIBYTES +
                           4 * mebibytes(self.settings["THREADSTORE_REQUEST_MEMORY"]))
        self.assertEqual(resources["requests"]["memory"], limit)
        self.assertNotIn("cpu", resources["limits"])

    def test_every_setting_is_a_flag_and_the_server_takes_its_value(self):
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("THREADSTORE_")}
        usage = subprocess.run([SERVER, "serve", "--help"], env=environment, text=True,
                               capture_output=True, check=True).stdout
        self.assertLessEqual(set(self.settings), set(re.findall(r"THREADSTORE_[A-Z_]+", usage)))
        with tempfile.TemporaryDirectory(prefix="threadstore-settings-") as folder:
            environment |= self.settings | {
                "THREADSTORE_LISTEN": self.settings["THREADSTORE_LISTEN"].replace(
                    f":{self.port}", ":0"),
                "THREADSTORE_HTTP_LISTEN": self.settings["THREADSTORE_HTTP_LISTEN"].replace(
                    f":{self.http_port}", ":0"),
                "THREADSTORE_STORE": f"sqlite:{folder}/threadstore.db"}
            with subprocess.Popen([SERVER, "serve"], env=environment, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
                ready = server.stdout.readline()
                server.terminate()
                _, log = server.communicate()
        self.assertRegex(ready, r"^ready grpc=\S+ http=\S+\n$", log)
        self.assertEqual(server.returncode, 0, log)


class OverlayTest(BaseTest):
    """A second instance in the same namespace, as an overlay makes it: all of the above holds."""

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(prefix="threadstore-overlay-") as folder:
            (pathlib.Path(folder) / "kustomization.yaml").write_text(json.dumps({
                "namePrefix": "second-",
                "resources": [os.path.relpath(BASE, os.path.realpath(folder))],
                "labels": [{"pairs": {"app.kubernetes.io/instance": "second"},
                            "includeSelectors": True}]}))
            cls.manifests = Manifests(folder)

    def test_neither_instance_selects_the_others_pod(self):
        first = Manifests()
        for one, other in ((first, self.manifests), (self.manifests, first)):
            for selector in (one.stateful_set["spec"]["selector"]["matchLabels"],
                             one.only("Service")["spec"]["selector"],
                             one.only("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]):
                self.assertFalse(selector.items() <= other.pod["metadata"]["labels"].items())


class CheckerTest(unittest.TestCase):
    """The checks themselves: what is wrong is found."""

    def test_types_are_strict(self):
        misspelt, mistyped, incomplete = Manifests(), Manifests(), Manifests()
        misspelt.container["livenessProbe"]["failureTreshold"] = 1
        mistyped.pod["spec"]["terminationGracePeriodSeconds"] = "45"
        del incomplete.stateful_set["spec"]["selector"]
        errors = type_errors([each.stateful_set for each in (misspelt, mistyped, incomplete)])
        self.assertRegex(errors, "failureTreshold.* does not exist")
        self.assertRegex(errors, "'string' is not assignable to type 'number'")
        self.assertRegex(errors, "selector.* is missing")
        self.assertEqual(len(re.findall("^objects.ts", errors, re.MULTILINE)), 3, errors)

    def test_the_restricted_profile_is_enforced(self):
        pod = Manifests().pod
        del pod["spec"]["securityContext"]
        del pod["spec"]["containers"][0]["securityContext"]
        self.assertEqual(restricted_violations(pod), [
            f"threadstored {rule}" for rule in ("allowPrivilegeEscalation", "capabilities.drop",
                                                "runAsNonRoot", "seccompProfile")])


if __name__ == "__main__":
    unittest.main()
