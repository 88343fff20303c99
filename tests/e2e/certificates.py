"""Certificates for tests of TLS, made by openssl."""

import os
import pathlib
import subprocess
import tempfile

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Identity:
    """A certificate and its key, as files."""

    def __init__(self, certificate, key):
        self.certificate = certificate
        self.key = key

    def contents(self):
        return {"tls.crt": self.certificate.read_bytes(), "tls.key": self.key.read_bytes()}


class Authority:
    """Vouches for others. `certificate` is the file of its own certificate."""

    def __init__(self, folder, name):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))
        self.certificate = self._folder / "ca.pem"
        self._key = self._folder / "ca.key"
        openssl("req", "-x509", *KEY, "-keyout", self._key, "-out", self.certificate, "-days", 2,
                "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")

    def issue(self, subject="", names="", days=2, use=None):
        """An Identity. `names` is a subjectAltName as openssl takes it; with `days` below 0 the
        certificate has expired. With the authority's own subject it would look self-signed."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self._folder))
        identity = Identity(folder / "tls.crt", folder / "tls.key")
        extensions = [f"subjectAltName={'' if subject else 'critical,'}{names}"] if names else []
        extensions += [f"extendedKeyUsage={use}"] if use else []
        (folder / "extensions").write_text("\n".join(extensions))
        openssl("req", *KEY, "-keyout", identity.key, "-out", folder / "request", "-subj",
                subject or "/")
        openssl("x509", "-req", "-in", folder / "request", "-CA", self.certificate, "-CAkey",
                self._key, "-days", days, "-extfile", folder / "extensions", "-out",
                identity.certificate)
        return identity

    def issue_server(self):
        return self.issue("/CN=localhost", "DNS:localhost,IP:127.0.0.1")


class Mount:
    """A folder whose files change all at once, as Kubernetes does it for a Secret: they are links
    into a folder behind a link that is swapped."""

    def __init__(self, folder):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mount-", dir=folder))

    def put(self, contents):
        data = pathlib.Path(tempfile.mkdtemp(prefix="..", dir=self.folder))
        for name, content in contents.items():
            (data / name).write_bytes(content)
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        (self.folder / "..next").symlink_to(data.name)
        os.replace(self.folder / "..next", self.folder / "..data")
