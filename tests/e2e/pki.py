"""pki.py - certificates for tests, made on the fly.

SPDX-License-Identifier: Apache-2.0
"""
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOUR = datetime.timedelta(hours=1)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


class Pair:
    """A certificate and its key."""

    def __init__(self, certificate, key):
        self.certificate, self.key = certificate, key

    @property
    def certificate_pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def certificate_der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def key_pem(self, password=None):
        encryption = (serialization.BestAvailableEncryption(password) if password
                      else serialization.NoEncryption())
        return self.key.private_bytes(serialization.Encoding.PEM,
                                      serialization.PrivateFormat.PKCS8, encryption)


def make(name, issuer=None, is_authority=False, begin=None, end=None):
    """Signed by issuer, a Pair; without one by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (x509.CertificateBuilder()
               .subject_name(subject)
               .issuer_name(issuer.certificate.subject if issuer else subject)
               .public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(begin or now() - HOUR)
               .not_valid_after(end or now() + 24 * 60 * HOUR)
               .add_extension(x509.BasicConstraints(is_authority, None), critical=True))
    if not is_authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
    signer = issuer.key if issuer else key
    return Pair(builder.sign(signer, hashes.SHA256()), key)
