"""The activities ``ask`` and ``importance``: stateless to their callers; what they remember only saves time."""

from __future__ import annotations

from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from .errors import InvalidRequest, SamplerFailed
from .own import OwnSamplers
from .request import AskRequest
from .studies import Studies


class SamplerActivities:
    def __init__(self) -> None:
        self._studies = Studies()
        self.own = OwnSamplers()

    @activity.defn(name="ask")
    def ask(self, data: dict[str, Any]) -> dict[str, Any]:
        request = AskRequest.parse(data)
        if request.sampler.own is not None:
            return self._ask_own(data, request)
        try:
            return self._studies.ask(request, activity.heartbeat)
        except InvalidRequest as error:
            raise ApplicationError(str(error), type="InvalidInput", non_retryable=True) from error

    def _ask_own(self, data: dict[str, Any], request: AskRequest) -> dict[str, Any]:
        """What somebody else wrote is refused before the first trial, and waited for afterwards: trainings are not to be lost by it."""
        try:
            return self.own.ask(data, request, activity.heartbeat)
        except (InvalidRequest, SamplerFailed) as error:
            if request.trials:
                raise ApplicationError(str(error), type="SamplerFailed") from error
            raise ApplicationError(str(error), type="InvalidInput", non_retryable=True) from error

    @activity.defn(name="importance")
    def importance(self, data: dict[str, Any]) -> dict[str, Any]:
        # Brings scikit-learn, which takes longer than all the rest, and which no ask needs.
        from .importance import ImportanceRequest, importance

        try:
            return importance(ImportanceRequest.parse(data))
        except InvalidRequest as error:
            raise ApplicationError(str(error), type="InvalidInput", non_retryable=True) from error
