"""Makes the certificates of the Azure suite: an authority of its own, the server's, an application's
(with its public key as a JWK), and the token of a workload.

certificates.py FOLDER             makes the certificates
certificates.py FOLDER AUDIENCE    makes the token, of the application's key
"""
import datetime
import ipaddress
import json
import pathlib
import sys
import time
import uuid

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

APPLICATION = "33333333-3333-3333-3333-333333333333"
folder = pathlib.Path(sys.argv[1])
now = datetime.datetime.now(datetime.timezone.utc)


def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, of, issuer, by, *extensions):
    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(of.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
    )
    for extension, critical in extensions:
        made = made.add_extension(extension, critical)
    return made.sign(by, hashes.SHA256())


def pem(part):
    if isinstance(part, x509.Certificate):
        return part.public_bytes(serialization.Encoding.PEM)
    return part.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make():
    authority, server, application = key(), key(), key()
    root = certificate("ca", authority, "ca", authority, (x509.BasicConstraints(True, None), True))
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    (folder / "ca.pem").write_bytes(pem(root))
    (folder / "key.pem").write_bytes(pem(server))
    (folder / "cert.pem").write_bytes(pem(certificate("localhost", server, "ca", authority, (names, False))))
    own = certificate("application", application, "application", application)
    (folder / "app.pem").write_bytes(pem(own) + pem(application))
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(application.public_key()))
    (folder / "app.jwk").write_text(json.dumps(public | {"use": "sig"}))


def workload(audience):
    text = (folder / "app.pem").read_bytes()
    application = serialization.load_pem_private_key(text[text.index(b"-----BEGIN PRIVATE") :], None)
    claims = {
        "iss": APPLICATION,
        "sub": APPLICATION,
        "aud": audience,
        "jti": str(uuid.uuid4()),
        "iat": int(time.time()),
        "exp": int(time.time()) + 3600,
    }
    return jwt.encode(claims, application, algorithm="PS256")


if len(sys.argv) > 2:
    (folder / "workload.jwt").write_text(workload(sys.argv[2]))
else:
    make()
