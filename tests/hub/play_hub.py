"""Plays the hub for tests/hub: two servers on loopback, the hub itself and the storage it redirects to.

play_hub.py FOLDER: serves FOLDER/repositories/ORG/NAME/* as commit "a"*40 (or plan "commit"), prints "HUB_PORT
STORAGE_PORT" and runs until its standard input ends. Every request goes to FOLDER/log as a JSON line. FOLDER/plan.json,
read at each request, says what goes wrong:

  token       the hub answers 401 to requests that do not bear this
  plain       names that the hub sends itself, with a Git hash as ETag; everything else is in the storage
  answers     [{"match": "METHOD PATH" part, "times": n, "status": s, "headers": {}, "side": "hub"|"storage"}], the first
              that still has times left is the answer
  cut         {name: bytes}: a connection carries at most this many bytes of the file; "cut_times": how many do so
  slow        {name: seconds}: pause in the middle of the file
  etag, size, range, length  {name: value}: said instead of the truth (range: the Content-Range of a 206)
  no_ranges   true: Range is ignored
  plain_storage  true: the hub redirects to http, whatever it speaks itself
  list        extra entries of the listing's siblings
  list_size, list_sha256  {name: value}: said in the listing instead of the truth

Where FOLDER/certificate.pem and FOLDER/key.pem lie, both speak TLS.
"""

import hashlib
import http.server
import json
import pathlib
import re
import ssl
import sys
import threading
import time
import urllib.parse

FOLDER = pathlib.Path(sys.argv[1])
CERTIFICATE = FOLDER / "certificate.pem"
LOCK = threading.Lock()
SPENT = {}
PORTS = {}


def plan():
    try:
        return json.loads((FOLDER / "plan.json").read_text())
    except FileNotFoundError:
        return {}


def spend(key, times):
    """True while `key` has happened fewer than `times` times."""
    with LOCK:
        SPENT[key] = SPENT.get(key, 0) + 1
        return SPENT[key] <= times


class Player(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    side = "hub"

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        self.plan = plan()
        with LOCK, open(FOLDER / "log", "a") as log:
            headers = {k.lower(): v for k, v in self.headers.items()}
            log.write(json.dumps({"side": self.side, "method": self.command, "path": self.path, "headers": headers}) + "\n")
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        for number, wanted in enumerate(self.plan.get("answers", [])):
            key = json.dumps([number, wanted])
            if wanted.get("side", "hub") == self.side and wanted["match"] in f"{self.command} {path}":
                if spend(key, wanted.get("times", 10**9)):
                    return self.send(wanted["status"], b"no file", wanted.get("headers", {}))
        if self.side == "storage":
            return self.send_file(FOLDER / "repositories" / path.lstrip("/"), {})
        token = self.plan.get("token")
        if token and self.headers.get("Authorization") != f"Bearer {token}":
            return self.send(401, b"", {"X-Error-Message": "Invalid username or password."})
        listing = re.fullmatch(r"/api/models/(.+)/revision/(.+)", path)
        resolve = re.fullmatch(r"/(.+)/resolve/([^/]+)/(.+)", path)
        if listing:
            return self.send_listing(*listing.groups())
        if resolve:
            return self.send_resolved(*resolve.groups())
        return self.send(404, b"", {})

    def commit(self):
        return self.plan.get("commit", "a" * 40)

    def send_listing(self, name, revision):
        root = FOLDER / "repositories" / name
        if not root.is_dir():
            return self.send(404, b"", {"X-Error-Code": "RepoNotFound"})
        if revision not in ("main", "v1", "refs/pr/1", self.commit()):
            return self.send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        siblings = []
        for file in sorted(p for p in root.rglob("*") if p.is_file()):
            short = file.relative_to(root).as_posix()
            size = self.plan.get("list_size", {}).get(short, file.stat().st_size)
            entry = {"rfilename": short, "size": size}
            if short not in self.plan.get("plain", []):
                sha = hashlib.sha256(file.read_bytes()).hexdigest()
                entry["lfs"] = {"sha256": self.plan.get("list_sha256", {}).get(short, sha), "size": size, "pointerSize": 1}
            siblings.append(entry)
        body = {"sha": self.commit(), "siblings": siblings + self.plan.get("list", [])}
        self.send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def send_resolved(self, name, commit, short):
        file = FOLDER / "repositories" / name / short
        if not file.is_file():
            return self.send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": self.commit()})
        content = file.read_bytes()
        said = {"X-Repo-Commit": self.commit()}
        etag = self.plan.get("etag", {}).get(short)
        if short in self.plan.get("plain", []):
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            return self.send_file(file, said | {"ETag": f'W/"{etag or git}"'})
        size = self.plan.get("size", {}).get(short, len(content))
        scheme = "https" if CERTIFICATE.exists() and not self.plan.get("plain_storage") else "http"
        said |= {"X-Linked-Etag": f'"{etag or hashlib.sha256(content).hexdigest()}"', "X-Linked-Size": str(size),
                 "Location": f"{scheme}://127.0.0.1:{PORTS['storage']}/{name}/{short}?signature=x"}
        self.send(302, b"", said)

    def send_file(self, file, headers):
        if not file.is_file():
            return self.send(404, b"", {})
        content, short = file.read_bytes(), file.name
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        status, first = 200, 0
        if asked and not self.plan.get("no_ranges"):
            first = int(asked[1])
            if first >= len(content):
                return self.send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            status = 206
            said = f"bytes {first}-{len(content) - 1}/{len(content)}"
            headers = headers | {"Content-Range": self.plan.get("range", {}).get(short, said)}
        part = content[first:]
        length = self.plan.get("length", {}).get(short, len(part))
        most = self.plan.get("cut", {}).get(short)
        if most is not None and self.command == "GET" and spend("cut " + short, self.plan.get("cut_times", 10**9)):
            part = part[:most]
        self.send(status, part, headers, length, self.plan.get("slow", {}).get(short, 0))

    def send(self, status, body, headers, length=None, pause=0):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command == "GET":
            half = len(body) // 2 if pause else 0
            self.wfile.write(body[:half])
            if pause:
                self.wfile.flush()
                time.sleep(pause)
            self.wfile.write(body[half:])
            self.wfile.flush()
        if length is not None and length != len(body):
            self.close_connection = True


class Storage(Player):
    side = "storage"


def serve(kind):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    server.handle_error = lambda *args: None
    if CERTIFICATE.exists():
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(CERTIFICATE, FOLDER / "key.pem")
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


PORTS["hub"], PORTS["storage"] = serve(Player), serve(Storage)
print(PORTS["hub"], PORTS["storage"], flush=True)
sys.stdin.read()
