"""A front for an STS emulator that does not check MFA codes: it checks them, by pyotp, as AWS does:
each code is good for its own half-minute, and once. It also brings about faults, and counts.

front.py PORT UPSTREAM-PORT, and a JSON object {serial number: seed} on the standard input.
GET /_log gives what was asked, without secrets; POST /_fault sets a fault ("" takes it back); POST
/_limits has durations checked from then on: {ARN of a role: its MaxSessionDuration}.
"""

import datetime
import email.utils
import http.client
import json
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyotp

port, upstream = int(sys.argv[1]), int(sys.argv[2])
seeds = json.load(sys.stdin)
lock = threading.Lock()
log, spent, fault, limits = [], set(), [""], {}


def error(code, message, status):
    body = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{message}</Message></Error>"
        "<RequestId>0d1e2f3a-front</RequestId></ErrorResponse>"
    )
    return status, body.encode(), "text/xml"


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        if status >= 400:
            self.send_header("x-amzn-requestid", "0d1e2f3a-front")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with lock:
            self.answer(200, json.dumps(log).encode(), "application/json")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/_fault":
            fault[0] = body.decode()
            return self.answer(200, b"", "text/plain")
        if self.path == "/_limits":
            limits.update(json.loads(body))
            return self.answer(200, b"", "text/plain")
        query = dict(urllib.parse.parse_qsl(body.decode(errors="replace")))
        refused = self.judge(query)
        if refused == "drop":
            self.close_connection = True
            self.connection.shutdown(2)
            return
        if refused:
            return self.answer(*refused)
        there = http.client.HTTPConnection("127.0.0.1", upstream, timeout=20)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
        there.request("POST", self.path, body, headers)
        answered = there.getresponse()
        self.answer(answered.status, answered.read(), answered.getheader("content-type", "text/xml"))

    def judge(self, query):
        action, serial = query.get("Action", ""), query.get("SerialNumber")
        if action == "GetCallerIdentity":
            return None
        with lock:
            log.append({"action": action, "serial": serial, "role": query.get("RoleArn")})
            if fault[0] == "throttle":
                return error("Throttling", "Rate exceeded", 400)
            if fault[0] == "deny":
                return error("AccessDenied", "User is not authorized to perform: sts:" + action, 403)
            if fault[0] == "drop":
                return "drop"
            signed = self.headers.get("x-amz-date")
            if signed:
                now = datetime.datetime.now(datetime.timezone.utc)
                then = datetime.datetime.strptime(signed, "%Y%m%dT%H%M%SZ")
                off = now - then.replace(tzinfo=datetime.timezone.utc)
                if abs(off.total_seconds()) > 300:
                    log[-1]["skewed"] = True
                    return error("SignatureDoesNotMatch", f"Signature expired: {signed} is now earlier than "
                                 f"{now:%Y%m%dT%H%M%SZ} ({now:%Y%m%dT%H%M%SZ} - 5 min.)", 403)
            seconds = int(query.get("DurationSeconds", 3600))
            if limits and seconds < 900:
                return error("ValidationError", f"1 validation error detected: Value '{seconds}' at "
                             "'durationSeconds' failed to satisfy constraint: Member must have value "
                             "greater than or equal to 900", 400)
            if seconds > limits.get(query.get("RoleArn"), seconds):
                return error("ValidationError", "The requested DurationSeconds exceeds the "
                             "MaxSessionDuration set for this role.", 400)
            if serial:
                code = query.get("TokenCode", "")
                window = int(datetime.datetime.now().timestamp()) // 30
                good = serial in seeds and pyotp.TOTP(seeds[serial]).verify(code)
                if not good or (serial, window) in spent:
                    log[-1]["refused"] = True
                    return error("AccessDenied", "MultiFactorAuthentication failed with invalid MFA "
                                 "one time pass code. ", 403)
                spent.add((serial, window))
        return None


server = ThreadingHTTPServer(("127.0.0.1", port), Front)
print("ready", flush=True)
server.serve_forever()
