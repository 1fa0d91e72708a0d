"""Addon for mitmproxy: what an STS does on bad days. The file in BAD_DAY says which: a word, or nothing."""
import asyncio
import os

from mitmproxy import http

XML = {"Content-Type": "text/xml"}


def error(status, code, message):
    text = (f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>{code}'
            f'</Code><Message>{message}</Message></Error><RequestId>bad-day-{code}</RequestId></ErrorResponse>')
    return http.Response.make(status, text, XML)


def day():
    with open(os.environ["BAD_DAY"]) as file:
        return file.read().strip()


async def request(flow):
    with open(os.environ["BAD_DAY"] + ".log", "a") as file:
        file.write(day() + "\n")
    match day():
        case "error":
            flow.response = error(500, "InternalFailure", "it is not your fault")
        case "throttle":
            flow.response = error(400, "Throttling", "Rate exceeded")
        case "expired":
            flow.response = error(403, "ExpiredToken", "The security token included in the request is expired")
        case "nonsense":
            flow.response = http.Response.make(200, "<html>sign in to the hotel's network</html>", {"Content-Type": "text/html"})
        case "hang":
            await asyncio.sleep(3600)
        case "drop":
            flow.kill()


def responseheaders(flow):
    if day() == "cut":
        # What is announced stays, half of it comes, and the connection ends.
        flow.response.headers["Connection"] = "close"
        flow.response.stream = lambda data: data[: len(data) // 2]
