"""What frameworks do between ranks, in plain Python: sums over sockets, on the port that frameworks are given."""

import os
import pickle
import socket
import struct
import time


class Sockets:
    """All-reduce: rank 0 adds up in the order of ranks, so that the bits are the same each time."""

    def __init__(self, rank, world):
        self.rank, self.peers = rank, {}
        if world == 1:
            return
        address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        if rank == 0:
            # A pod's own name may be known a little later than the pod runs.
            with socket.create_server(("", address[1])) as server:
                for _ in range(world - 1):
                    peer, _ = server.accept()
                    self.peers[self.receive(peer)] = peer
        else:
            self.peers[0] = self.connect(address)
            self.send(self.peers[0], rank)

    def connect(self, address):
        while True:
            try:
                return socket.create_connection(address)
            except OSError:
                time.sleep(0.01)

    def sum(self, array):
        if self.rank == 0:
            total = array
            for rank in sorted(self.peers):
                total = total + self.receive(self.peers[rank])
            for peer in self.peers.values():
                self.send(peer, total)
            return total
        self.send(self.peers[0], array)
        return self.receive(self.peers[0])

    def send(self, peer, value):
        data = pickle.dumps(value)
        peer.sendall(struct.pack(">I", len(data)) + data)

    def receive(self, peer):
        (size,) = struct.unpack(">I", self.read(peer, 4))
        return pickle.loads(self.read(peer, size))

    def read(self, peer, size):
        data = b""
        while len(data) < size:
            part = peer.recv(size - len(data))
            if not part:
                raise RuntimeError("a rank has gone")
            data += part
        return data
