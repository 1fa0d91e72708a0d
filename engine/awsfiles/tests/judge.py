"""What botocore makes of files: argument 1 is their folder, which has them as 0, 1, 2, …

Prints a JSON array with an object a file: the sections in their order, the profiles and
[sso-session]s in theirs, or that it was refused, and the line where botocore tells one.
"""

import configparser
import json
import os
import sys

import botocore.configloader
import botocore.exceptions

told = {}


class Parser(configparser.RawConfigParser):
    """The same, and keeps what it said: botocore turns it into a text."""

    def _read(self, fp, fpname):
        try:
            super()._read(fp, fpname)
        except configparser.Error as error:
            errors = getattr(error, "errors", None)
            told["line"] = errors[0][0] if errors else getattr(error, "lineno", None)
            raise


configparser.RawConfigParser = Parser


def pairs(found):
    return [[name, values] for name, values in found.items()]


def judged(path):
    told.clear()
    try:
        raw = botocore.configloader.raw_config_parse(path)
    except botocore.exceptions.ConfigParseError:
        return {"refused": True, "line": told.get("line")}
    mapped = botocore.configloader.build_profile_map(raw)
    return {
        "sections": pairs(raw),
        "profiles": pairs(mapped["profiles"]),
        "sso_sessions": pairs(mapped["sso_sessions"]),
    }


folder = sys.argv[1]
count = len(os.listdir(folder))
print(json.dumps([judged(os.path.join(folder, str(n))) for n in range(count)]))
