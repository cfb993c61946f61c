"""Studies that are kept between two questions."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from .request import AskRequest
from .session import Session, configuration_of, events_of, rebuilt

#: Studies kept in memory, the least recently used one goes first.
MAX_STUDIES = 64


class Studies:
    """Studies that go on from one request to the next. Losing them loses no information: a request tells everything."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}

    def ask(self, request: AskRequest, beat: Any = lambda: None) -> dict[str, Any]:
        with self._lock:
            busy = self._busy.setdefault(request.study, threading.Lock())
        with busy:
            session = self._session(request, beat)
            suggestions, exhausted = session.ask(request.count)
            return {"suggestions": suggestions, "exhausted": exhausted, "sampler": session.kind}

    def _session(self, request: AskRequest, beat: Any) -> Session:
        events = events_of(request.trials)
        with self._lock:
            session = self._sessions.pop(request.study, None)
        if session is not None and session.configuration == configuration_of(request) and session.extends_to(events):
            session.go_through(events, beat)
        else:
            session = rebuilt(request, beat)
        with self._lock:
            self._sessions[request.study] = session
            while len(self._sessions) > MAX_STUDIES:
                self._busy.pop(self._sessions.popitem(last=False)[0], None)
        return session
