"""The other side of a WebTransport session or of plain HTTP/3, on aioquic: a server or a client.

    aioquic_peer.py -listen 127.0.0.1:0 -cert chain.pem -key key.pem [FLAGS] [NAME]...
    aioquic_peer.py -connect https://127.0.0.1:4433/ -root root.pem [FLAGS] [NAME]...

Flags, requests and what it tells are those of `go/wtpeer`; `-fetch http` gets the files by plain requests instead. aioquic
itself knows streams and datagrams of sessions, and neither capsules nor stream codes: these are done here.
"""

import argparse
import asyncio
import time
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.buffer import Buffer, BufferReadError, encode_uint_var
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, DatagramReceived, HeadersReceived, WebTransportStreamDataReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, ProtocolNegotiated, StopSendingReceived, StreamDataReceived, StreamReset

CLOSE_SESSION = 0x2843
FIRST_CODE = 0x52E4A40FA8DB  # draft-ietf-webtrans-http3 section 4.4
LAST_CODE = 0x52E5AC983162
DATAGRAM_INTERVAL = 0.02
DATAGRAM_PATIENCE = 0.5
# Larger than a packet: what fits into one is told by the path.
MAX_DATAGRAM_FRAME = 65536


def say(fact):
    print(fact, flush=True)


def to_wire(code):
    return FIRST_CODE + code + code // 0x1E


def from_wire(code):
    shifted = code - FIRST_CODE
    return shifted - shifted // 0x1F if FIRST_CODE <= code <= LAST_CODE else None


class Peer(QuicConnectionProtocol):
    def __init__(self, *args, options, **kwargs):
        super().__init__(*args, **kwargs)
        self.options = options
        self.http = None
        self.session = None  # stream id of the CONNECT request
        self.asked = False
        self.over = asyncio.Event()
        self.missing = set()
        self.bodies = defaultdict(bytearray)  # received so far, by stream id
        self.own = {}  # streams of sessions that this side opened both ways, and the name asked for there
        self.requests = {}  # path or name asked for, by stream id of a plain request
        self.capsules = b""

    # --- What comes -------------------------------------------------------------------------------------------------

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic, enable_webtransport=True)
        elif isinstance(event, ConnectionTerminated):
            say(f"connection closed {event.error_code} {event.reason_phrase}")
            self.over.set()
        elif isinstance(event, StreamReset) and from_wire(event.error_code) is not None:
            say(f"reset {from_wire(event.error_code)}")
        elif isinstance(event, StopSendingReceived) and from_wire(event.error_code) is not None:
            say(f"stopped {from_wire(event.error_code)}")
        if self.http is None:
            return
        # aioquic takes the answer on a session's stream which this side opened for frames of HTTP/3.
        if isinstance(event, StreamDataReceived) and event.stream_id in self.own:
            self.stream_data(event.stream_id, event.data, event.end_stream)
            return
        for each in self.http.handle_event(event):
            self.http_event(each)
        if self._quic.configuration.is_client and self.http.received_settings is not None and not self.asked:
            self.asked = True
            self.begin()

    def http_event(self, event):
        if isinstance(event, HeadersReceived):
            self.head(event.stream_id, dict(event.headers))
            if event.stream_ended:
                self.body(event.stream_id, b"", True)
        elif isinstance(event, DataReceived):
            self.body(event.stream_id, event.data, event.stream_ended)
        elif isinstance(event, WebTransportStreamDataReceived):
            self.stream_data(event.stream_id, event.data, event.stream_ended)
        elif isinstance(event, DatagramReceived):
            self.datagram(event.data)

    def head(self, stream, headers):
        if b":status" in headers:
            say(f"status {headers[b':status'].decode()}")
            if stream == self.session:
                if headers[b":status"] == b"200":
                    self.session_began()
                else:
                    self.over.set()
        elif headers[b":method"] == b"GET":
            self.requests[stream] = headers[b":path"].decode().lstrip("/")
        elif headers[b":path"] == b"/refused":
            self.http.send_headers(stream, [(b":status", b"403")], end_stream=True)
        else:
            self.http.send_headers(stream, [(b":status", b"200"), (b"sec-webtransport-http3-draft", b"draft02")])
            self.session = stream
            self.session_began()

    def body(self, stream, data, ended):
        if stream == self.session:
            self.capsule_data(data)
            if ended:
                self.over.set()
            return
        self.bodies[stream] += data
        if not ended or stream not in self.requests:
            return
        name = self.requests.pop(stream)
        payload = self.bodies.pop(stream)
        if self._quic.configuration.is_client:
            self.store(name, payload)
        else:
            self.answer_plainly(stream, name)

    def answer_plainly(self, stream, name):
        file = self.file(name)
        status = b"200" if file.is_file() else b"404"
        payload = file.read_bytes() if file.is_file() else b""
        self.http.send_headers(stream, [(b":status", status), (b"content-length", str(len(payload)).encode())])
        self.http.send_data(stream, payload, True)

    def capsule_data(self, data):
        self.capsules += data
        while True:
            buffer = Buffer(data=self.capsules)
            try:
                kind = buffer.pull_uint_var()
                payload = buffer.pull_bytes(buffer.pull_uint_var())
            except BufferReadError:
                return
            self.capsules = self.capsules[buffer.tell() :]
            if kind == CLOSE_SESSION:
                say(f"closed remote=true {int.from_bytes(payload[:4], 'big')} {payload[4:].decode()}")

    def stream_data(self, stream, data, ended):
        payload = self.bodies[stream]
        payload += data
        if payload.startswith(b"ECHO\n"):  # comes back as it comes
            self._quic.send_stream_data(stream, bytes(payload[5:]), ended)
            del payload[5:]
        elif ended or payload.startswith((b"RESET", b"STOP", b"CLOSE")):
            self.whole(stream, bytes(self.bodies.pop(stream)))

    def whole(self, stream, payload):
        if stream in self.own:
            self.store(self.own.pop(stream), payload)
        elif payload.startswith(b"PUSH "):
            self.store_push(payload)
        else:
            self.obey(stream, payload.decode().strip())

    def datagram(self, payload):
        if payload.startswith(b"PUSH "):
            self.store_push(payload)
        else:
            self.http.send_datagram(self.session, self.push(payload.decode().removeprefix("GET ")))

    def obey(self, stream, line):
        order, _, rest = line.partition(" ")
        code, _, reason = rest.partition(" ")
        if order == "GET" and stream & 2:  # one way
            self.send_one_way(self.push(rest))
        elif order == "GET":
            self._quic.send_stream_data(stream, self.file(rest).read_bytes(), True)
        elif order == "RESET":
            self._quic.reset_stream(stream, to_wire(int(code)))
        elif order == "STOP":
            self._quic.stop_stream(stream, to_wire(int(code)))
        elif order == "CLOSE":
            words = int(code).to_bytes(4, "big") + reason.encode()
            capsule = encode_uint_var(CLOSE_SESSION) + encode_uint_var(len(words)) + words
            self.http.send_data(self.session, capsule, True)
        elif order != "":
            say(f"unknown order {line!r}")

    # --- What is asked for ------------------------------------------------------------------------------------------

    def begin(self):
        url = urlsplit(self.options.connect)
        authority = [(b":scheme", b"https"), (b":authority", url.netloc.encode())]
        if self.options.fetch == "http":
            self.missing = set(self.options.names)
            for name in self.options.names:
                stream = self._quic.get_next_available_stream_id()
                self.requests[stream] = name
                path = (b":path", b"/" + name.encode())
                self.http.send_headers(stream, [(b":method", b"GET"), *authority, path], end_stream=True)
            return
        self.session = self._quic.get_next_available_stream_id()
        connect_head = [(b":method", b"CONNECT"), *authority, (b":path", url.path.encode()), (b":protocol", b"webtransport")]
        self.http.send_headers(self.session, [*connect_head, (b"sec-webtransport-http3-draft02", b"1")])

    def session_began(self):
        say("session")
        self.missing = set(self.options.names)
        if self.options.fetch == "datagrams":
            if self.missing:
                self.fetching = asyncio.ensure_future(self.ask_in_datagrams())
            return
        for name in self.options.names:
            request = b"GET " + name.encode()
            if self.options.fetch == "one-way":
                self.send_one_way(request)
            else:
                stream = self.http.create_webtransport_stream(self.session)
                self.own[stream] = name
                self._quic.send_stream_data(stream, request, True)

    async def ask_in_datagrams(self):
        """Asks again for what stays away: datagrams may be lost."""
        asked = {}
        while self.missing:
            now = time.monotonic()
            for name in self.options.names:
                if name in self.missing and now - asked.get(name, 0) > DATAGRAM_PATIENCE:
                    asked[name] = now
                    self.http.send_datagram(self.session, b"GET " + name.encode())
                    self.transmit()
                    break
            await asyncio.sleep(DATAGRAM_INTERVAL)

    # --- Files ------------------------------------------------------------------------------------------------------

    def file(self, name):
        return Path(self.options.files) / Path(name).name

    def push(self, name):
        return b"PUSH " + name.encode() + b"\n" + self.file(name).read_bytes()

    def send_one_way(self, payload):
        stream = self.http.create_webtransport_stream(self.session, is_unidirectional=True)
        self._quic.send_stream_data(stream, payload, True)

    def store_push(self, payload):
        head, _, rest = payload.partition(b"\n")
        self.store(head.decode().removeprefix("PUSH "), rest)

    def store(self, name, payload):
        if name not in self.missing:
            return
        (Path(self.options.into) / Path(name).name).write_bytes(payload)
        self.missing.discard(name)
        if not self.missing:
            say(f"fetched {len(self.options.names)}")


async def run(options):
    settings = {"alpn_protocols": ["h3"], "max_datagram_frame_size": MAX_DATAGRAM_FRAME}

    def create(*args, **kwargs):
        return Peer(*args, options=options, **kwargs)

    if options.listen:
        configuration = QuicConfiguration(is_client=False, **settings)
        configuration.load_cert_chain(options.cert, options.key)
        host, port = options.listen.split(":")
        server = await serve(host, int(port), configuration=configuration, create_protocol=create)
        say(f"listening {server._transport.get_extra_info('sockname')[1]}")
        await asyncio.Event().wait()
    url = urlsplit(options.connect)
    configuration = QuicConfiguration(is_client=True, cafile=options.root, **settings)
    async with connect(url.hostname, url.port, configuration=configuration, create_protocol=create) as peer:
        await peer.over.wait()


def flags():
    parser = argparse.ArgumentParser()
    for name in ("listen", "connect", "cert", "key", "root"):
        parser.add_argument(f"-{name}")
    parser.add_argument("-files", default=".")
    parser.add_argument("-into", default=".")
    parser.add_argument("-fetch", default="both-ways", choices=["one-way", "both-ways", "datagrams", "http"])
    parser.add_argument("names", nargs="*")
    return parser.parse_args()


asyncio.run(run(flags()))
