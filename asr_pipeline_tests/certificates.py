"""A certificate authority for tests, and certificates of it."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """PEM files."""

    ca: Path
    cert: Path
    key: Path

    @property
    def settings(self) -> dict[str, str]:
        """As the settings name them."""
        return {"cluster_ca": str(self.ca), "cluster_cert": str(self.cert), "cluster_key": str(self.key)}

    @property
    def environment(self) -> dict[str, str]:
        """As the environment names them."""
        return {f"ASR_PIPELINE_{name.upper()}": value for name, value in self.settings.items()}


def write_certificate(folder: Path) -> Certificate:
    """Make an authority, and a certificate of it for every part of a cluster."""
    folder.mkdir(parents=True)
    files = Certificate(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority {folder.name}")])
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "part of a cluster")])
    files.ca.write_bytes(_signed(authority, authority, authority_key, authority_key, ca=True))
    files.cert.write_bytes(_signed(own, authority, key, authority_key, ca=False))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def _signed(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signing: ec.EllipticCurvePrivateKey,
    *,
    ca: bool,
) -> bytes:
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(signing, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)
