#!/usr/bin/env python3
"""A portal of AWS IAM Identity Center on loopback: SSO OIDC, the SSO API and the pages of both.

No emulator has them. What is asked and what is answered is held against botocore's own service
models, and every breach of those is kept for the test to look at. The credentials of roles are
real ones where --sts names an STS: the role of that name in account 000000000000.

Prints `listening PORT`. GET /fake tells what happened; POST /fake takes settings and faults.
"""

import argparse
import base64
import hashlib
import html
import json
import os
import secrets
import ssl
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.session

LOCK = threading.RLock()
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Refusal(Exception):
    def __init__(self, status, kind, words, headers=None):
        super().__init__(kind)
        self.status, self.kind, self.words = status, kind, words
        self.headers = headers or {}


class State:
    def __init__(self, sts):
        self.sts = sts
        self.settings = {
            "access_ttl": 28800,
            "refresh": True,
            "credentials_ttl": 3600,
            "credentials_shift": 0,
            "accounts_page": 100,
            "roles_page": 100,
            "interval": 1,
            "device_ttl": 600,
            "registration_ttl": 7776000,
            # allow, deny, or none: a person decides on the page.
            "auto": None,
            # Further answers of authorization_pending, and one of slow_down, before an automatic yes.
            "pending": 0,
            "slow_down": 0,
            # Answers 429 above so many calls of the portal a second.
            "portal_rate": None,
        }
        self.accounts = []
        self.clients, self.devices, self.codes = {}, {}, {}
        self.access, self.refresh = {}, {}
        self.revoked = set()
        self.faults, self.violations, self.secrets = [], [], []
        self.counts, self.times = {}, []
        session = botocore.session.get_session()
        self.models = {s: session.get_service_model(s) for s in ("sso", "sso-oidc")}

    def secret(self, prefix):
        value = f"{prefix}-canary-{secrets.token_urlsafe(24)}"
        self.secrets.append(value)
        return value

    def breach(self, text):
        self.violations.append(text)


STATE = None

ROUTES = {
    ("POST", "/client/register"): ("sso-oidc", "RegisterClient"),
    ("POST", "/device_authorization"): ("sso-oidc", "StartDeviceAuthorization"),
    ("POST", "/token"): ("sso-oidc", "CreateToken"),
    ("GET", "/federation/credentials"): ("sso", "GetRoleCredentials"),
    ("GET", "/assignment/accounts"): ("sso", "ListAccounts"),
    ("GET", "/assignment/roles"): ("sso", "ListAccountRoles"),
    ("POST", "/logout"): ("sso", "Logout"),
}

TYPES = {"string": str, "integer": int, "long": int, "list": list, "structure": dict}


def check(shape, value, where):
    """Holds a value against a shape of the model."""
    wanted = TYPES.get(shape.type_name)
    if wanted and not isinstance(value, wanted):
        STATE.breach(f"{where} is no {shape.type_name}")
    elif shape.type_name == "list":
        for entry in value:
            check(shape.member, entry, where + "[]")
    elif shape.type_name == "structure":
        for name, entry in value.items():
            if name not in shape.members:
                STATE.breach(f"{where} has {name}, which the model has not")
            else:
                check(shape.members[name], entry, f"{where}.{name}")


def asked(operation, query, headers, body):
    """The members of a request, by the model."""
    shape = operation.input_shape
    name = operation.name
    places = {}
    for member, inner in shape.members.items():
        place = inner.serialization.get("location", "body")
        places.setdefault(place, {})[inner.serialization.get("name", member)] = member
    found = {}
    for key, value in query.items():
        if key not in places.get("querystring", {}):
            STATE.breach(f"{name} is asked with the query {key}")
        else:
            found[places["querystring"][key]] = value
    for key, member in places.get("header", {}).items():
        if headers.get(key) is not None:
            found[member] = headers[key]
    if "body" in places:
        check(shape, body, name)
        found.update(body)
    elif body:
        STATE.breach(f"{name} is asked with a body")
    for member in shape.required_members:
        if member not in found:
            STATE.breach(f"{name} is asked without {member}")
            raise Refusal(400, "InvalidRequestException", f"{member} is missing")
    if headers.get("authorization"):
        STATE.breach(f"{name} is signed")
    return found


def register(given):
    ttl = STATE.settings["registration_ttl"]
    client = "client-" + secrets.token_hex(8)
    now = int(time.time())
    for uri in given.get("redirectUris", []):
        if uri != "http://127.0.0.1/oauth/callback":
            raise Refusal(400, "InvalidRedirectUriException", "not loopback")
    if "authorization_code" in given.get("grantTypes", []) and not given.get("issuerUrl"):
        raise Refusal(400, "InvalidRequestException", "issuerUrl is missing")
    STATE.clients[client] = {
        "secret": STATE.secret("cs"),
        "expires": now + ttl,
        "redirects": given.get("redirectUris", []),
        "grants": given.get("grantTypes"),
        "scopes": given.get("scopes", []),
    }
    return {
        "clientId": client,
        "clientSecret": STATE.clients[client]["secret"],
        "clientIdIssuedAt": now,
        "clientSecretExpiresAt": now + ttl,
    }


def the_client(given):
    client = STATE.clients.get(given["clientId"])
    good = client and client["secret"] == given["clientSecret"] and client["expires"] > time.time()
    if not good:
        raise Refusal(401, "InvalidClientException", "invalid_client")
    return client


def device_authorization(given):
    the_client(given)
    code, user = STATE.secret("dc"), "-".join(secrets.token_hex(2).upper() for _ in range(2))
    ttl = STATE.settings["device_ttl"]
    STATE.devices[code] = {
        "user": user,
        "client": given["clientId"],
        "start": given["startUrl"],
        "word": None,
        "ends": time.time() + ttl,
        "asked": 0.0,
        "pending": STATE.settings["pending"],
        "slow_down": STATE.settings["slow_down"],
        "interval": STATE.settings["interval"],
    }
    page = f"http://127.0.0.1:{STATE.port}/device"
    return {
        "deviceCode": code,
        "userCode": user,
        "verificationUri": page,
        "verificationUriComplete": f"{page}?user_code={user}",
        "expiresIn": ttl,
        "interval": STATE.settings["interval"],
    }


def tokens(client_id):
    ttl = STATE.settings["access_ttl"]
    access = STATE.secret("at")
    STATE.access[access] = time.time() + ttl
    answer = {"accessToken": access, "tokenType": "Bearer", "expiresIn": ttl}
    scopes = STATE.clients[client_id]["scopes"]
    # As the service does: clients without scopes get nothing to renew by.
    if STATE.settings["refresh"] and scopes:
        refresh = STATE.secret("rt")
        STATE.refresh[refresh] = client_id
        answer["refreshToken"] = refresh
    return answer


def token(given):
    client = the_client(given)
    kind = given["grantType"]
    STATE.counts["grant " + kind] = STATE.counts.get("grant " + kind, 0) + 1
    if kind == DEVICE:
        device = STATE.devices.get(given.get("deviceCode"))
        if not device or device["client"] != given["clientId"]:
            raise Refusal(400, "InvalidGrantException", "invalid_grant")
        now = time.time()
        early = now - device["asked"] < device["interval"] - 0.2
        device["asked"] = now
        if now > device["ends"]:
            raise Refusal(400, "ExpiredTokenException", "expired_token")
        if device["slow_down"]:
            device["slow_down"] -= 1
            device["interval"] += 5
            raise Refusal(400, "SlowDownException", "slow_down")
        if early and given.get("clientId", "").startswith("client-") and STATE.settings.get("strict"):
            STATE.breach("CreateToken is asked faster than the interval allows")
        if device["word"] is None and STATE.settings["auto"]:
            if device["pending"]:
                device["pending"] -= 1
            else:
                device["word"] = STATE.settings["auto"]
        if device["word"] is None:
            raise Refusal(400, "AuthorizationPendingException", "authorization_pending")
        del STATE.devices[given["deviceCode"]]
        if device["word"] == "deny":
            raise Refusal(400, "AccessDeniedException", "access_denied")
        return tokens(given["clientId"])
    if kind == "authorization_code":
        code = STATE.codes.pop(given.get("code"), None)
        if not code or code["client"] != given["clientId"]:
            raise Refusal(400, "InvalidGrantException", "invalid_grant")
        verifier = given.get("codeVerifier", "")
        STATE.secrets.append(verifier)
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if challenge != code["challenge"] or given.get("redirectUri") != code["redirect"]:
            raise Refusal(400, "InvalidGrantException", "invalid_grant")
        return tokens(given["clientId"])
    if kind == "refresh_token":
        used = given.get("refreshToken")
        if client["grants"] is not None and kind not in client["grants"]:
            raise Refusal(400, "UnauthorizedClientException", "unauthorized_client")
        # A refresh token is good for one renewal.
        if STATE.refresh.get(used) != given["clientId"] or used in STATE.revoked:
            raise Refusal(400, "InvalidGrantException", "invalid_grant")
        del STATE.refresh[used]
        return tokens(given["clientId"])
    raise Refusal(400, "UnsupportedGrantTypeException", "unsupported_grant_type")


def signed_in(given):
    limit = STATE.settings["portal_rate"]
    now = time.monotonic()
    STATE.times.append(now)
    if limit and sum(1 for at in STATE.times if at > now - 1) > limit:
        raise Refusal(429, "TooManyRequestsException", "HTTP 429 Unknown Code")
    used = given["accessToken"]
    if STATE.access.get(used, 0) <= time.time() or used in STATE.revoked:
        raise Refusal(401, "UnauthorizedException", "Session token not found or invalid")


def page_of(entries, given, size):
    start = int(given.get("nextToken", "0").removeprefix("page-"))
    size = min(size, int(given.get("maxResults", size)))
    end = start + size
    return entries[start:end], {"nextToken": f"page-{end}"} if end < len(entries) else {}


def accounts(given):
    signed_in(given)
    entries, more = page_of(STATE.accounts, given, STATE.settings["accounts_page"])
    listed = [
        {"accountId": a["id"], "accountName": a["name"], "emailAddress": a["email"]} for a in entries
    ]
    return {"accountList": listed, **more}


def roles(given):
    signed_in(given)
    found = [a for a in STATE.accounts if a["id"] == given["accountId"]]
    if not found:
        raise Refusal(404, "ResourceNotFoundException", "no such account")
    entries, more = page_of(found[0]["roles"], given, STATE.settings["roles_page"])
    listed = [{"roleName": r, "accountId": given["accountId"]} for r in entries]
    return {"roleList": listed, **more}


def credentials(given):
    signed_in(given)
    has = any(a["id"] == given["accountId"] and given["roleName"] in a["roles"] for a in STATE.accounts)
    if not has:
        raise Refusal(403, "ForbiddenException", "No access")
    ttl, shift = STATE.settings["credentials_ttl"], STATE.settings["credentials_shift"]
    if not STATE.sts:
        made = {
            "accessKeyId": "ASIA" + secrets.token_hex(8).upper(),
            "secretAccessKey": STATE.secret("sk"),
            "sessionToken": STATE.secret("st"),
            "expiration": int((time.time() + ttl + shift) * 1000),
        }
        return {"roleCredentials": made}
    import boto3

    sts = boto3.client(
        "sts",
        endpoint_url=STATE.sts,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    role = sts.assume_role(
        RoleArn=f"arn:aws:iam::000000000000:role/{given['roleName']}",
        RoleSessionName="someone@example.com",
        DurationSeconds=max(900, ttl),
    )["Credentials"]
    STATE.secrets += [role["SecretAccessKey"], role["SessionToken"]]
    made = {
        "accessKeyId": role["AccessKeyId"],
        "secretAccessKey": role["SecretAccessKey"],
        "sessionToken": role["SessionToken"],
        "expiration": int((role["Expiration"].timestamp() + shift) * 1000),
    }
    return {"roleCredentials": made}


def logout(given):
    signed_in(given)
    STATE.revoked.add(given["accessToken"])
    return None


ANSWERS = {
    "RegisterClient": register,
    "StartDeviceAuthorization": device_authorization,
    "CreateToken": token,
    "GetRoleCredentials": credentials,
    "ListAccounts": accounts,
    "ListAccountRoles": roles,
    "Logout": logout,
}

PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 16px/1.5 sans-serif; max-width: 34em; margin: 4em auto }}
button {{ font-size: 16px; padding: .5em 1.5em; margin-right: 1em }}</style></head>
<body><h1>{title}</h1>{body}</body></html>"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.serve(b"")

    def do_POST(self):
        self.serve(self.rfile.read(int(self.headers.get("content-length") or 0)))

    def serve(self, raw):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        route = ROUTES.get((self.command, url.path))
        if not route:
            with LOCK:
                return self.page(url.path, query, raw)
        service, name = route
        with LOCK:
            STATE.counts[name] = STATE.counts.get(name, 0) + 1
            fault = next((f for f in STATE.faults if f["op"] == name and f.get("times", 1) > 0), None)
            if fault:
                fault["times"] = fault.get("times", 1) - 1
        if fault and fault.get("sleep"):
            time.sleep(fault["sleep"])
        if fault and fault.get("drop"):
            self.close_connection = True
            self.connection.shutdown(2)
            return
        try:
            if fault and fault.get("status"):
                headers = {"retry-after": str(fault["retryAfter"])} if "retryAfter" in fault else {}
                raise Refusal(fault["status"], fault.get("type"), fault.get("words", "a fault"), headers)
            headers = {k.lower(): v for k, v in self.headers.items()}
            body = json.loads(raw) if raw else {}
            operation = STATE.models[service].operation_model(name)
            with LOCK:
                given = asked(operation, query, headers, body)
            # The STS may take its time; others are served meanwhile.
            if name == "GetRoleCredentials" and STATE.sts:
                answer = credentials(given)
            else:
                with LOCK:
                    answer = ANSWERS[name](given)
            if answer is not None:
                check(operation.output_shape, answer, name + " answer")
            self.answer(200, answer)
        except Refusal as refusal:
            if refusal.kind in ("ForbiddenException", None):
                # Not in the model, and yet what the portal answers.
                answer = {"message": refusal.words}
            else:
                words = {"message": refusal.words}
                if service == "sso-oidc":
                    words = {"error": refusal.words, "error_description": refusal.words}
                answer = words
            headers = dict(refusal.headers)
            if refusal.kind:
                headers["x-amzn-ErrorType"] = refusal.kind
            self.answer(refusal.status, answer, headers)

    def answer(self, status, value, headers=None):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-amzn-requestid", "fake-" + secrets.token_hex(6))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def show(self, title, body, status=200):
        page = PAGE.format(title=title, body=body).encode()
        self.send_response(status)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def sent_to(self, url):
        self.send_response(303)
        self.send_header("location", url)
        self.send_header("content-length", "0")
        self.end_headers()

    def page(self, path, query, raw):
        form = dict(urllib.parse.parse_qsl(raw.decode())) if raw else {}
        if path == "/fake" and self.command == "GET":
            tell = ("counts", "violations", "secrets", "settings", "revoked", "times")
            told = {name: getattr(STATE, name) for name in tell}
            told["revoked"] = sorted(STATE.revoked)
            told["access"], told["refresh"] = list(STATE.access), list(STATE.refresh)
            return self.answer(200, told)
        if path == "/fake":
            return self.answer(200, self.told(json.loads(raw)))
        if path == "/authorize":
            return self.authorize(query)
        if path == "/authorize/decide":
            return self.sent_to(decided(form, form["word"]))
        if path == "/device":
            user = html.escape(query.get("user_code", ""))
            body = f"""<form method="post" action="/device/decide"><p>Code:
                <input name="user_code" id="code" value="{user}"></p>
                <button name="word" value="allow" id="allow">Allow</button>
                <button name="word" value="deny" id="deny">Deny</button></form>"""
            return self.show("Authorize a device", body)
        if path == "/device/decide":
            for device in STATE.devices.values():
                if device["user"] == form.get("user_code"):
                    device["word"] = form["word"]
                    return self.show("Request decided", "<p>You can close this page.</p>")
            return self.show("No such code", "<p>Look at it again.</p>", 404)
        return self.answer(404, {"message": "no such page"})

    def told(self, orders):
        STATE.settings.update(orders.get("settings", {}))
        if "accounts" in orders:
            STATE.accounts = orders["accounts"]
        if "faults" in orders:
            STATE.faults = orders["faults"]
        if orders.get("revoke_refresh"):
            STATE.revoked.update(STATE.refresh)
        if orders.get("revoke_access"):
            STATE.revoked.update(STATE.access)
        if orders.get("forget_clients"):
            STATE.clients.clear()
        if orders.get("reset"):
            STATE.counts, STATE.times = {}, []
        return {}

    def authorize(self, query):
        wanted = {
            "response_type", "client_id", "redirect_uri", "state",
            "code_challenge_method", "scopes", "code_challenge",
        }
        client = STATE.clients.get(query.get("client_id"))
        redirect = urllib.parse.urlsplit(query.get("redirect_uri", ""))
        plain = f"{redirect.scheme}://{redirect.hostname}{redirect.path}"
        good = (
            set(query) == wanted
            and query["response_type"] == "code"
            and query["code_challenge_method"] == "S256"
            and len(query["code_challenge"]) == 43
            and client
            and plain in client["redirects"]
            and query["scopes"].split(",") == client["scopes"]
        )
        if not good:
            STATE.breach(f"/authorize is asked with {sorted(query)}")
            return self.show("Bad request", "<p>The request is wrong.</p>", 400)
        STATE.secrets += [query["state"]]
        if STATE.settings["auto"]:
            return self.sent_to(decided(query, STATE.settings["auto"]))
        kept = "".join(
            f'<input type="hidden" name="{k}" value="{html.escape(v)}">' for k, v in query.items()
        )
        body = f"""<p>Allow dayfly to access your data?</p><form method="post"
            action="/authorize/decide">{kept}<button name="word" value="allow" id="allow">Allow</button>
            <button name="word" value="deny" id="deny">Deny</button></form>"""
        return self.show("Allow access", body)


def decided(query, word):
    if word == "deny":
        answer = {"error": "access_denied", "state": query["state"]}
    else:
        code = STATE.secret("ac")
        STATE.codes[code] = {
            "client": query["client_id"],
            "challenge": query["code_challenge"],
            "redirect": query["redirect_uri"],
        }
        answer = {"code": code, "state": query["state"]}
    return query["redirect_uri"] + "?" + urllib.parse.urlencode(answer)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        # Clients may go before they are answered.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*_)


def main():
    global STATE
    parser = argparse.ArgumentParser()
    parser.add_argument("--sts")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--tls-port", type=int, default=443)
    args = parser.parse_args()
    STATE = State(args.sts)
    server = Server(("127.0.0.1", args.port), Handler)
    STATE.port = server.server_address[1]
    if args.tls:
        secure = Server(("127.0.0.1", args.tls_port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*args.tls)
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        threading.Thread(target=secure.serve_forever, daemon=True).start()
    print(f"listening {STATE.port}", flush=True)
    # Whoever started it holds the other end: it ends with them.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
