#!/usr/bin/env python3
"""The sign-in service of AWS (`aws login`) on loopback: its page and its token endpoint.

No emulator has it. What is asked and what is answered is held against botocore's service model `signin`,
PKCE and the proofs of DPoP (RFC 9449) are checked with Python's cryptography, and every breach is kept for
the test to look at. A refresh token is good once, for its own key alone, and until the sign-in ends. The
credentials are real ones: those of --role at the STS at --sts.

Prints `listening PORT`. GET /fake tells what happened; POST /fake takes settings.
"""

import argparse
import base64
import hashlib
import html
import json
import os
import re
import secrets
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import botocore.session
from botocore.config import Config
from botocore.validate import ParamValidator
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

LOCK = threading.RLock()
SAME = "arn:aws:signin:::devtools/same-device"
CROSS = "arn:aws:signin:::devtools/cross-device"


class Refusal(Exception):
    def __init__(self, status, kind, code, words):
        super().__init__(code)
        self.status, self.kind, self.code, self.words = status, kind, code, words


def denied(code, words="no"):
    return Refusal(400, "AccessDeniedException", code, words)


def invalid(words):
    return Refusal(400, "ValidationException", "INVALID_REQUEST", words)


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class State:
    def __init__(self, args):
        self.args = args
        self.settings = {
            # Who the person in the browser is.
            "who": "arn:aws:iam::123456789012:user/me",
            # Yes, or no.
            "answer": "allow",
            "access_ttl": 900,
            "session_ttl": 43200,
            "code_ttl": 600,
            # The next answer of the token endpoint: [status, kind, code, words].
            "fault": None,
        }
        self.codes, self.refresh, self.proofs = {}, {}, set()
        self.violations, self.secrets, self.counts = [], [], {}
        model = botocore.session.get_session().get_service_model("signin")
        self.operation = model.operation_model("CreateOAuth2Token")

    def secret(self, prefix):
        value = f"{prefix}-canary-{secrets.token_urlsafe(24)}"
        self.secrets.append(value)
        return value

    def breach(self, text):
        self.violations.append(text)
        return invalid(text)


STATE = None


def authorize(base, query):
    """What the browser is sent to, once the person said yes or no; the page for a code to paste."""
    client, redirect = query.get("client_id"), query.get("redirect_uri", "")
    wanted = {"response_type": "code", "scope": "openid", "code_challenge_method": "SHA-256"}
    for name, value in wanted.items():
        if query.get(name) != value:
            raise STATE.breach(f"{name} is {query.get(name)}")
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", query.get("code_challenge", "")):
        raise STATE.breach("no code_challenge")
    if not query.get("state"):
        raise STATE.breach("no state")
    here = re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/oauth/callback", redirect)
    there = redirect == f"{base}/v1/sessions/confirmation"
    if not (client == SAME and here or client == CROSS and there):
        raise STATE.breach(f"{client} comes back to {redirect}")
    if STATE.settings["answer"] != "allow":
        back = {"error": "access_denied", "state": query["state"]}
        return 302, f"{redirect}?{urllib.parse.urlencode(back)}"
    code = STATE.secret("code")
    STATE.codes[code] = (query["code_challenge"], client, redirect, time.time())
    back = {"state": query["state"], "code": code}
    if client == SAME:
        return 302, f"{redirect}?{urllib.parse.urlencode(back)}"
    shown = base64.b64encode(urllib.parse.urlencode(back).encode()).decode()
    return 200, f"<html><body>Code: <code>{html.escape(shown)}</code></body></html>"


def proven(headers, url):
    """The thumbprint of the key that this request was proven with."""
    proof = headers.get("dpop")
    if not proof:
        raise STATE.breach("no DPoP header")
    head_text, claims_text, signature = proof.split(".")
    head, claims = json.loads(unpadded(head_text)), json.loads(unpadded(claims_text))
    key = head.get("jwk", {})
    if (head.get("typ"), head.get("alg")) != ("dpop+jwt", "ES256"):
        raise STATE.breach(f"the proof's head is {head}")
    if set(key) != {"kty", "crv", "x", "y"} or (key["kty"], key["crv"]) != ("EC", "P-256"):
        raise STATE.breach(f"the proof's key is {sorted(key)}")
    x, y = (int.from_bytes(unpadded(key[half]), "big") for half in ("x", "y"))
    raw = unpadded(signature)
    if len(raw) != 64:
        raise STATE.breach("the proof's signature is no pair of numbers")
    pair = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    try:
        public.verify(pair, f"{head_text}.{claims_text}".encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise STATE.breach("the proof is not signed with its key") from None
    if (claims.get("htm"), claims.get("htu")) != ("POST", url):
        raise STATE.breach(f"the proof is for {claims.get('htm')} {claims.get('htu')}, not {url}")
    if abs(time.time() - claims.get("iat", 0)) > 300:
        raise STATE.breach("the proof is of another time")
    if not claims.get("jti") or claims["jti"] in STATE.proofs:
        raise STATE.breach("the proof was shown before")
    STATE.proofs.add(claims["jti"])
    thumb = json.dumps({k: key[k] for k in sorted(key)}, separators=(",", ":"))
    return hashlib.sha256(thumb.encode()).hexdigest()


def credentials():
    if not STATE.args.sts:
        return "ASIACANARY", STATE.secret("secret"), STATE.secret("session")
    sts = boto3.client("sts", endpoint_url=STATE.args.sts, region_name="us-east-1",
                       aws_access_key_id="test", aws_secret_access_key="test",
                       config=Config(parameter_validation=False))
    got = sts.assume_role(RoleArn=STATE.args.role, RoleSessionName="console",
                          DurationSeconds=STATE.settings["access_ttl"])["Credentials"]
    STATE.secrets += [got["SecretAccessKey"], got["SessionToken"]]
    return got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]


def token(headers, url, asked):
    report = ParamValidator().validate(asked, STATE.operation.input_shape.members["tokenInput"])
    known = STATE.operation.input_shape.members["tokenInput"].members
    names = {shape.serialization.get("name", name) for name, shape in known.items()}
    if report.has_errors() or set(asked) - names:
        raise STATE.breach(f"the model has another request: {report.generate_report()} {sorted(asked)}")
    if STATE.settings["fault"]:
        fault, STATE.settings["fault"] = STATE.settings["fault"], None
        raise Refusal(*fault)
    key, grant, client = proven(headers, url), asked["grantType"], asked["clientId"]
    STATE.counts[grant] = STATE.counts.get(grant, 0) + 1
    if grant == "authorization_code":
        found = STATE.codes.pop(asked.get("code"), None)
        if not found:
            raise denied("AUTHCODE_EXPIRED")
        challenge, of, redirect, since = found
        verifier = asked.get("codeVerifier", "")
        if encoded(hashlib.sha256(verifier.encode()).digest()) != challenge:
            raise STATE.breach("the verifier does not belong to the challenge")
        if (client, asked.get("redirectUri")) != (of, redirect):
            raise STATE.breach("the code is for another client or another address")
        if time.time() - since > STATE.settings["code_ttl"]:
            raise denied("AUTHCODE_EXPIRED")
        end, who = time.time() + STATE.settings["session_ttl"], STATE.settings["who"]
    elif grant == "refresh_token":
        found = STATE.refresh.get(asked.get("refreshToken"))
        if not found:
            raise denied("TOKEN_EXPIRED", "spent, or never given")
        of, bound, end, who = found
        if key != bound:
            raise STATE.breach("another key than that of the sign-in")
        if client != of:
            raise STATE.breach("another client than that of the sign-in")
        del STATE.refresh[asked["refreshToken"]]
        if time.time() > end:
            raise denied("TOKEN_EXPIRED")
    else:
        raise STATE.breach(f"grant {grant}")
    access, secret, session = credentials()
    fresh = STATE.secret("refresh")
    STATE.refresh[fresh] = (client, key, end, who)
    answer = {
        "accessToken": {"accessKeyId": access, "secretAccessKey": secret, "sessionToken": session},
        "tokenType": "aws_sigv4",
        "expiresIn": STATE.settings["access_ttl"],
        "refreshToken": fresh,
    }
    if grant == "authorization_code":
        claims = json.dumps({"sub": who, "aud": client, "iat": int(time.time())})
        head = encoded(b'{"alg":"ES384"}')
        answer["idToken"] = f"{head}.{encoded(claims.encode())}.{encoded(secrets.token_bytes(96))}"
        STATE.secrets.append(answer["idToken"])
    report = ParamValidator().validate(answer, STATE.operation.output_shape.members["tokenOutput"])
    if report.has_errors():
        STATE.violations.append(f"the fake's answer: {report.generate_report()}")
    return answer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        with LOCK:
            if url.path == "/fake":
                told = {name: getattr(STATE, name) for name in ("violations", "secrets", "counts", "settings")}
                return self.say(200, json.dumps(told))
            if url.path != "/v1/authorize":
                return self.say(404, "")
            try:
                status, where = authorize(self.base(), query)
            except Refusal as refusal:
                return self.say(refusal.status, refusal.words)
        if status == 302:
            return self.say(302, "", {"location": where})
        return self.say(200, where, {"content-type": "text/html"})

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        with LOCK:
            if self.path == "/fake":
                STATE.settings.update(json.loads(raw))
                return self.say(200, "{}")
            if self.path != "/v1/token":
                return self.say(404, "")
            headers = {k.lower(): v for k, v in self.headers.items()}
            try:
                if headers.get("content-type") != "application/json":
                    raise STATE.breach(f"content-type {headers.get('content-type')}")
                answer = token(headers, f"{self.base()}/v1/token", json.loads(raw))
            except Refusal as refusal:
                said = json.dumps({"error": refusal.code, "message": refusal.words})
                kind = {"x-amzn-errortype": refusal.kind, "x-amzn-requestid": "request-1"}
                return self.say(refusal.status, said, kind)
        return self.say(200, json.dumps(answer))

    def base(self):
        return f"http://{self.headers.get('host')}"

    def say(self, status, text, headers=None):
        body = text.encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        # Clients may go before they are answered.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*_)


def main():
    global STATE
    parser = argparse.ArgumentParser()
    parser.add_argument("--sts")
    parser.add_argument("--role")
    parser.add_argument("--port", type=int, default=0)
    STATE = State(parser.parse_args())
    server = Server(("127.0.0.1", STATE.args.port), Handler)
    print(f"listening {server.server_address[1]}", flush=True)
    # Whoever started it holds the other end: it ends with them.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
