"""HTTP/2 below gRPC, for clients that behave as no gRPC library would."""

import contextlib
import socket
import struct

import h2.config
import h2.connection
import h2.events
import h2.settings

import harness

CREATE_THREAD = "/threadstore.v1.ThreadService/CreateThread"
IMPORT_THREADS = "/threadstore.v1.AdminService/ImportThreads"
LIST_THREADS = "/threadstore.v1.ThreadService/ListThreads"
UPDATE_POST = "/threadstore.v1.PostService/UpdatePost"

NO_ERROR, REFUSED_STREAM, ENHANCE_YOUR_CALM = 0, 7, 11

# RFC 9113, section 4.1: three bytes of length, the type, flags, the stream.
FRAME_HEADER_SIZE, FRAME_TYPE, GOAWAY = 9, 3, 7

ENDS = (h2.events.StreamReset, h2.events.StreamEnded, h2.events.ConnectionTerminated)


def message(request):
    """A request as gRPC frames it."""
    payload = request.SerializeToString()
    return b"\0" + struct.pack(">I", len(payload)) + payload


class RawClient:
    """One connection, which reads only when told to."""

    def __init__(self, address, window=65535):
        """`window` is how many bytes of each answer the server may send unasked."""
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), harness.PATIENCE_SECONDS)
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._h2.local_settings = h2.settings.Settings(initial_values={
            h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self._received = b""
        self._going_away = False
        self._h2.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self._h2.data_to_send())

    def start_call(self, path):
        """Sends the headers of a call, and returns its stream."""
        stream = self._h2.get_next_available_stream_id()
        self._h2.send_headers(stream, [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"),
            ("te", "trailers"), ("content-type", "application/grpc")])
        self.flush()
        return stream

    def send(self, stream, data, end=False):
        """Sends a part of a request, or what the server takes of it before it ends the call."""
        while data:
            size = min(len(data), self._h2.local_flow_control_window(stream),
                       self._h2.max_outbound_frame_size)
            if size > 0:
                self._h2.send_data(stream, data[:size], end_stream=end and size == len(data))
                self.flush()
                data = data[size:]
            else:
                events = self.read()
                if not events or any(isinstance(event, ENDS) for event in events):
                    return

    def ping(self):
        self._h2.ping(b"12345678")
        self.flush()

    def read(self):
        """The events of the next frame that has any; an empty list when the server has closed the
        connection. After a GOAWAY, which h2 takes for the end, frames have no events any more."""
        events = []
        while not events and (frame := self._read_frame()):
            if not self._going_away:
                events = self._h2.receive_data(frame)
                self._going_away = frame[FRAME_TYPE] == GOAWAY
                with contextlib.suppress(ConnectionError):
                    self.flush()
        return events

    def _read_frame(self):
        header = self._read_bytes(FRAME_HEADER_SIZE)
        return header + self._read_bytes(int.from_bytes(header[:FRAME_TYPE], "big"))

    def _read_bytes(self, size):
        while len(self._received) < size:
            data = self.socket.recv(65536)
            if not data:
                return b""
            self._received += data
        result, self._received = self._received[:size], self._received[size:]
        return result

    def await_event(self, kind):
        """The next event of a kind; None if the server closes the connection before."""
        while events := self.read():
            for event in events:
                if isinstance(event, kind):
                    return event
        return None

    def close(self):
        self.socket.close()
