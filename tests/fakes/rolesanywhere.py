"""IAM Roles Anywhere on loopback: a verifier that checks what the service's documentation asks for.

    rolesanywhere.py pki FOLDER KIND       makes an authority, one below it and a certificate: KIND is rsa, p256 or p384
    rolesanywhere.py serve FOLDER [STS]    answers; credentials come from this STS, or are made up
    rolesanywhere.py second URL FOLDER     asks as AWS's own client for Python does

The canonical form of a request is that client's (PyPI iam-rolesanywhere-session, on botocore), signatures and
certificates are checked by `cryptography`: nothing here is Dayfly's. Each request is told in FOLDER/asked, a line
of JSON each; FOLDER/mode says how the next ones are answered.
"""

import base64
import datetime
import hashlib
import http.server
import json
import os
import pathlib
import sys
import threading
import urllib.parse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from iam_rolesanywhere_session import IAMRolesAnywhereSession, IAMRolesAnywhereSigner

REGION = "eu-west-1"
ACCOUNT = "000000000000"
PROFILE = f"arn:aws:rolesanywhere:{REGION}:{ACCOUNT}:profile/p"
ANCHOR = f"arn:aws:rolesanywhere:{REGION}:{ACCOUNT}:trust-anchor/t"


def utc():
    return datetime.datetime.now(datetime.timezone.utc)


# What is needed of an authority.


def new_key(kind):
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}[kind])


def issue(name, key, issuer, issuer_key, begin, end, ca=False, signs=True, serial=None):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=signs, key_cert_sign=ca, crl_sign=ca, content_commitment=not signs,
                key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    return builder.sign(issuer_key, hashes.SHA256())


def write(path, data, mode=0o644):
    path.write_bytes(data)
    path.chmod(mode)


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def plain(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def pki(folder, kind):
    folder = pathlib.Path(folder)
    now, day = utc(), datetime.timedelta(days=1)
    root_key, middle_key, key = new_key("p256"), new_key("rsa"), new_key(kind)
    root = issue("root", root_key, None, root_key, now - day, now + 90 * day, ca=True)
    middle = issue("middle", middle_key, root, root_key, now - day, now + 60 * day, ca=True)
    leaf = issue("leaf", key, middle, middle_key, now - day, now + 30 * day, serial=0xFFEEDDCCBBAA99887766)
    write(folder / "root.pem", pem(root))
    write(folder / "middle.pem", pem(middle))
    write(folder / "leaf.pem", pem(leaf))
    write(folder / "leaf.der", leaf.public_bytes(serialization.Encoding.DER))
    write(folder / "leaf.key", plain(key), 0o600)
    write(folder / "hidden.key", key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"open sesame")), 0o600)
    write(folder / "leaf.p12", pkcs12.serialize_key_and_certificates(
        b"leaf", key, leaf, [middle, root], serialization.BestAvailableEncryption(b"open sesame")), 0o600)
    other = new_key(kind)
    write(folder / "other.key", plain(other), 0o600)
    # Certificates that are no good, each for the same key.
    minute = datetime.timedelta(minutes=1)
    spoilt = {
        "ended": issue("ended", key, middle, middle_key, now - 2 * day, now - day),
        "early": issue("early", key, middle, middle_key, now + day, now + 2 * day),
        "short": issue("short", key, middle, middle_key, now - 9 * minute, now + 20 * minute),
        "soon": issue("soon", key, middle, middle_key, now - 28 * day, now + 2 * day),
        "authority": issue("authority", key, middle, middle_key, now - day, now + day, ca=True),
        "silent": issue("silent", key, middle, middle_key, now - day, now + day, signs=False),
        "stranger": issue("stranger", key, None, other, now - day, now + day),
    }
    for name, certificate in spoilt.items():
        write(folder / f"{name}.pem", pem(certificate))


# The service.


class Refused(Exception):
    def __init__(self, status, kind, message):
        super().__init__(message)
        self.status, self.kind = status, kind


def denied(message):
    return Refused(403, "AccessDeniedException", message)


def certificate_of(text):
    return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))


def trusted(leaf, chain, root):
    """The certificates from the leaf up to the root, each issued by the next."""
    now, left, here = utc(), list(chain), leaf
    for _ in range(6):
        if not here.not_valid_before_utc <= now <= here.not_valid_after_utc:
            raise denied("Certificate is not valid at this time")
        for issuer in [root, *left]:
            try:
                here.verify_directly_issued_by(issuer)
            except (ValueError, TypeError, InvalidSignature):
                continue
            if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
                raise denied("Issuer is no authority")
            if issuer == root:
                return
            here = issuer
            left.remove(issuer)
            break
        else:
            break
    raise denied("Untrusted certificate. Insufficient certificate")


def canonical(method, url, body, headers, moment):
    """By the code of AWS's client, which is made without a certificate of its own."""
    signer = object.__new__(IAMRolesAnywhereSigner)
    SigV4Auth.__init__(signer, None, "rolesanywhere", REGION)
    request = AWSRequest(method=method, url=url, data=body, headers=headers)
    request.context["timestamp"] = moment
    return signer.canonical_request(request), signer.credential_scope(request)


def verified(handler, body, root):
    headers = {name.lower(): value for name, value in handler.headers.items()}
    algorithm, _, rest = headers.get("authorization", "").partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    serial, *scope = parts["Credential"].split("/")
    names = parts["SignedHeaders"].split(";")
    for needed in ["host", "x-amz-date", "x-amz-x509"] + ["x-amz-x509-chain"] * ("x-amz-x509-chain" in headers):
        if needed not in names:
            raise denied(f"{needed} is not signed")
    leaf = certificate_of(headers["x-amz-x509"])
    chain = [certificate_of(one) for one in headers.get("x-amz-x509-chain", "").split(",") if one]
    moment = headers["x-amz-date"]
    age = utc() - datetime.datetime.strptime(moment, "%Y%m%dT%H%M%S%z")
    if abs(age.total_seconds()) > 300:
        raise denied("Signature expired")
    if scope != [moment[:8], REGION, "rolesanywhere", "aws4_request"]:
        raise denied(f"Credential should be scoped to {REGION}, not {scope}")
    if serial != str(leaf.serial_number):
        raise denied("Credential is not the certificate's serial number")
    text, _ = canonical(
        handler.command, f"http://{headers['host']}{handler.path}", body, {name: headers[name] for name in names}, moment
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    to_sign = "\n".join([algorithm, moment, "/".join(scope), digest]).encode()
    signature, key = bytes.fromhex(parts["Signature"]), leaf.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm == "AWS4-X509-RSA-SHA256":
            key.verify(signature, to_sign, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm == "AWS4-X509-ECDSA-SHA256":
            key.verify(signature, to_sign, ec.ECDSA(hashes.SHA256()))
        else:
            raise denied(f"{algorithm} is not the algorithm of the certificate's key")
    except InvalidSignature:
        raise denied("Invalid signature") from None
    if leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
        raise denied("Certificate is that of an authority")
    if not leaf.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
        raise denied("Certificate is not for signatures")
    trusted(leaf, chain, root)
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(handler.path).query))
    asked.update(json.loads(body))
    if (asked.get("profileArn"), asked.get("trustAnchorArn")) != (PROFILE, ANCHOR):
        raise Refused(404, "ResourceNotFoundException", "Profile or trust anchor not found")
    if not 900 <= asked.get("durationSeconds", 3600) <= 43200:
        raise Refused(400, "ValidationException", "durationSeconds is out of range")
    return {**asked, "serial": serial, "algorithm": algorithm, "chain": len(chain), "subject": leaf.subject.rfc4514_string()}


def credentials(asked, sts):
    end = utc() + datetime.timedelta(seconds=asked.get("durationSeconds", 3600))
    name = asked.get("roleSessionName", asked["serial"])
    if not sts:
        return {"accessKeyId": "ASIAMADEUP", "secretAccessKey": "made-up-secret", "sessionToken": "made-up-token",
                "expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
    import boto3

    client = boto3.client("sts", endpoint_url=sts, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    got = client.assume_role(RoleArn=asked["roleArn"], RoleSessionName=name, DurationSeconds=3600)["Credentials"]
    return {"accessKeyId": got["AccessKeyId"], "secretAccessKey": got["SecretAccessKey"],
            "sessionToken": got["SessionToken"], "expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")}


def serve(folder, sts=None):
    folder = pathlib.Path(folder)
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            root = x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())
            mode = (folder / "mode").read_text() if (folder / "mode").exists() else "well"
            told = {"path": self.path.partition("?")[0]}
            try:
                told.update(verified(self, body, root))
                answer = {"credentialSet": [{"credentials": credentials(told, sts), "roleArn": told["roleArn"]}],
                          "subjectArn": "arn:aws:rolesanywhere:eu-west-1:000000000000:subject/s"}
                status, kind = 201, None
            except Refused as refused:
                status, kind, answer = refused.status, refused.kind, {"message": str(refused)}
                told["refused"] = str(refused)
            except (KeyError, ValueError) as error:
                status, kind, answer = 400, "ValidationException", {"message": f"malformed: {error!r}"}
                told["refused"] = f"malformed: {error!r}"
            if mode == "empty":
                for part in ["accessKeyId", "secretAccessKey", "sessionToken"]:
                    answer["credentialSet"][0]["credentials"][part] = ""
            elif mode == "none":
                answer["credentialSet"] = []
            elif mode == "past":
                answer["credentialSet"][0]["credentials"]["expiration"] = "2020-01-01T00:00:00Z"
            elif mode == "throttled":
                status, kind, answer = 429, "ThrottlingException", {"message": "Rate exceeded"}
            data = b"<html>no service</html>" if mode == "other" else json.dumps(answer).encode()
            with lock, open(folder / "asked", "a") as file:
                file.write(json.dumps(told) + "\n")
            self.send_response(status)
            if kind:
                self.send_header("x-amzn-ErrorType", kind)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    # It ends with whoever started it.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.serve_forever()


def second(url, folder):
    """The client knows https alone; all but the transport is its own."""
    folder = pathlib.Path(folder)
    session = IAMRolesAnywhereSession(
        profile_arn=PROFILE, role_arn=f"arn:aws:iam::{ACCOUNT}:role/server", trust_anchor_arn=ANCHOR,
        certificate=str(folder / "leaf.pem"), private_key=str(folder / "leaf.key"),
        certificate_chain=str(folder / "middle.pem"), region=REGION, session_duration=900,
    )
    request = AWSRequest(method="POST", url=f"{url}/sessions", data=json.dumps(session._build_session_request_body()))
    session._request_signer.add_auth(request)
    answer = session._session.send(request.prepare())
    print(answer.status_code, answer.text)


if __name__ == "__main__":
    {"pki": pki, "serve": serve, "second": second}[sys.argv[1]](*sys.argv[2:])
