"""Rebuilds an Optuna study from what the search knows, and asks it.

The rebuilt study goes through the same asks and tells in the same order as the search did, so that a sampler's random state
is the one it would have in an undisturbed process: any worker, after any crash, suggests the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from . import samplers
from .constraints import Constraint
from .feasible import keeps, nearest_allowed
from .request import AskedTrial, AskRequest, Parameters
from .space import Space

#: Sets in a row that break a constraint before the nearest allowed one is taken instead. A model repeats itself at once; what draws
#: independently is asked longer, so that its draws stay what they are.
MAX_REJECTIONS_OF_A_MODEL = 16
MAX_REJECTIONS = 1000
_WITHOUT_MODEL = ("random", "sobol")
#: Samplers that do not look at pruned trials.
_DEAF_TO_PRUNED = ("gp", "cmaes")


@dataclass(frozen=True)
class Ask:
    trial: AskedTrial

    def same(self, other: Event) -> bool:
        return isinstance(other, Ask) and (self.trial.trial, self.trial.parameters, self.trial.suggested) == (
            other.trial.trial,
            other.trial.parameters,
            other.trial.suggested,
        )


@dataclass(frozen=True)
class Tell:
    """The end of a trial, or a rung at which it was held."""

    trial: AskedTrial
    rung: tuple[int, int, float | None] | None = None

    def same(self, other: Event) -> bool:
        return isinstance(other, Tell) and self._said() == other._said()

    def _said(self) -> tuple[Any, ...]:
        if self.rung is not None:
            return (self.trial.trial, self.rung)
        return (self.trial.trial, self.trial.state, self.trial.values, self.trial.last, self.trial.violations)


Event = Ask | Tell


def events_of(trials: tuple[AskedTrial, ...]) -> list[Event]:
    """Asks and tells in the order in which they happened."""
    ends = [(trial.told, Tell(trial)) for trial in trials if trial.told is not None]
    rungs = [(rung[0], Tell(trial, rung)) for trial in trials for rung in trial.rungs]
    told = [tell for _, tell in sorted([*ends, *rungs], key=lambda item: item[0])]
    events: list[Event] = []
    tells = 0
    for trial in trials:
        while tells < min(trial.asked, len(told)):
            events.append(told[tells])
            tells += 1
        events.append(Ask(trial))
    events.extend(told[tells:])
    return events


class Diverged(Exception):
    """The rebuilt study suggests something else than it did: another library version, or a trial whose end was corrected."""


class Session:
    """A study and the events that it has gone through."""

    def __init__(self, request: AskRequest, *, seed_shift: int = 0) -> None:
        self.space = Space(request.space)
        self.constraints = [Constraint(text, set(request.space)) for text in request.sampler.constraints]
        self.kind = samplers.resolve(request, self.space)
        self._seed = request.sampler.seed + seed_shift
        self.sampler = samplers.build(self.kind, _shifted(request, seed_shift), self.space)
        directions = [StudyDirection.MAXIMIZE if goal == "maximize" else StudyDirection.MINIMIZE for goal in request.goals]
        self.study = optuna.create_study(study_name=request.study, sampler=self.sampler, directions=directions)
        self._objectives = len(directions)
        self._own = request.sampler.own is not None
        if self._own:
            # Samplers that know when a space is exhausted say so by stopping the loop that they take to be around them.
            self.study._stop_flag = False
            self.study._thread_local.in_optimize_loop = True
        self._seen: list[Event] = []
        #: Suggested, and not yet seen in a request.
        self._pending: list[tuple[Parameters, optuna.Trial]] = []
        self._numbers: dict[int, int] = {}
        #: Trials whose first suggestion was told of at a rung: Optuna takes no second value of it.
        self._held: set[int] = set()
        self.configuration = configuration_of(request)
        for warm in request.warm:
            self._add(warm.parameters, TrialState.COMPLETE, warm.values)

    def extends_to(self, events: list[Event]) -> bool:
        """Whether the request tells this study's own past, and perhaps more."""
        if len(events) < len(self._seen) or any(not seen.same(event) for seen, event in zip(self._seen, events, strict=False)):
            return False
        rest = events[len(self._seen) :]
        asks = [event for event in rest[: len(self._pending)] if isinstance(event, Ask) and event.trial.suggested]
        return len(asks) == len(self._pending) and all(
            ask.trial.parameters == parameters for ask, (parameters, _) in zip(asks, self._pending, strict=True)
        )

    def go_through(self, events: list[Event], beat: Callable[[], None], *, trusting: bool = False) -> None:
        """Applies what is new. ``trusting`` takes suggestions as given instead of making them again."""
        for event in events[len(self._seen) :]:
            if isinstance(event, Tell):
                if event.rung is None:
                    self._tell(event.trial)
                else:
                    self._tell_rung(event.trial, *event.rung[1:])
            elif not event.trial.suggested or trusting:
                self._numbers[event.trial.trial] = self._add(event.trial.parameters, TrialState.RUNNING, ())
            else:
                parameters, trial = self._pending.pop(0) if self._pending else self._suggest()
                if parameters != event.trial.parameters:
                    raise Diverged
                self._numbers[event.trial.trial] = trial.number
            self._seen.append(event)
            beat()

    def ask(self, count: int) -> tuple[list[Parameters], bool]:
        """New suggestions, and whether the space is exhausted."""
        for _ in range(count):
            if self._own and self.study._stop_flag:
                break
            if isinstance(self.sampler, samplers.Grid) and self.sampler.open_points(self.study) == 0:
                break
            try:
                self._pending.append(self._suggest())
            except _GridEnded:
                break
        if self._own:
            # As its `study.stop()` would end a loop of Optuna's.
            return [parameters for parameters, _ in self._pending], self.study._stop_flag
        exhausted = isinstance(self.sampler, samplers.Grid) and self.sampler.open_points(self.study) == 0
        return [parameters for parameters, _ in self._pending], exhausted

    def _suggest(self) -> tuple[Parameters, optuna.Trial]:
        rejections = 0
        while True:
            grid = isinstance(self.sampler, samplers.Grid)
            if grid and self.sampler.open_points(self.study) == 0:  # type: ignore[attr-defined]
                raise _GridEnded
            trial = self.study.ask()
            parameters = self.space.suggest(trial)
            if self._own:
                parameters = self._within(parameters)
            repeated = grid and self.space.conditional and self._was_suggested(parameters)
            if not repeated and keeps(self.constraints, parameters):
                trial.set_user_attr("longhaul", parameters)
                return parameters, trial
            self.study.tell(trial, state=TrialState.FAIL)
            if isinstance(self.sampler, samplers.StartThen):
                self.sampler.reject(trial.number)
            rejections += 1
            if not grid and rejections == self._most_rejections:
                self._enqueue_nearest(parameters)

    def _within(self, parameters: Parameters) -> Parameters:
        """What a sampler of one's own suggested, in plain numbers; Optuna itself looks at nothing but their types."""
        encoded = self.space.encoded(parameters)
        if encoded is None:
            raise ValueError(f"it suggested {parameters}, which does not lie in the space")
        values, distributions = encoded
        return {name: self.space.decode(name, _plain(distributions[name], value)) for name, value in values.items()}

    @property
    def _most_rejections(self) -> int:
        return MAX_REJECTIONS if self.kind in _WITHOUT_MODEL else MAX_REJECTIONS_OF_A_MODEL

    def _enqueue_nearest(self, wanted: Parameters) -> None:
        """The next suggestion will be the allowed set that is nearest to what the sampler insists on."""
        seed = f"{self._seed}/{len(self.study.get_trials(deepcopy=False))}"
        nearest = nearest_allowed(self.space, self.constraints, wanted, seed)
        self.study.enqueue_trial({name: self.space.encode(name, value) for name, value in nearest.items()})

    def _was_suggested(self, parameters: Parameters) -> bool:
        return any(trial.user_attrs.get("longhaul") == parameters for trial in self.study.get_trials(deepcopy=False))

    def _add(self, parameters: Parameters, state: TrialState, values: tuple[float | None, ...]) -> int:
        """A trial that this study did not suggest; -1 when it does not lie in the space."""
        encoded = self.space.encoded(parameters)
        numbers = [value for value in values if value is not None and math.isfinite(value)]
        if encoded is None or (state == TrialState.COMPLETE and len(numbers) != self._objectives):
            return -1
        inside, distributions = encoded
        self.study.add_trial(
            create_trial(state=state, params=inside, distributions=distributions, values=numbers if state == TrialState.COMPLETE else None)
        )
        return len(self.study.get_trials(deepcopy=False)) - 1

    def _tell_rung(self, trial: AskedTrial, step: int, value: float | None) -> None:
        """A value on the way: as of one that was pruned there, until more is known, which comes as a further observation."""
        number = self._numbers.get(trial.trial, -1)
        known = value is not None and math.isfinite(value)
        if number < 0:
            return
        if trial.trial in self._held:
            self._observe(trial, TrialState.PRUNED, step, value)
            return
        self._held.add(trial.trial)
        self._constrain(number, trial)
        if known and self.kind in _DEAF_TO_PRUNED:
            # All of them are compared at their first rung.
            self.study.tell(number, value)
            return
        if known:
            self._report(number, step, value)
        self.study.tell(number, state=TrialState.PRUNED)

    def _observe(self, trial: AskedTrial, state: TrialState, step: int, value: float | None) -> None:
        encoded = self.space.encoded(trial.parameters)
        if encoded is None or value is None or not math.isfinite(value):
            return
        complete = state == TrialState.COMPLETE
        self.study.add_trial(
            create_trial(
                state=state,
                params=encoded[0],
                distributions=encoded[1],
                value=value if complete else None,
                intermediate_values={} if complete else {step: value},
                system_attrs=_constraints(trial),
            )
        )
        if isinstance(self.sampler, samplers.StartThen):
            self.sampler.reject(len(self.study.get_trials(deepcopy=False)) - 1)

    def _tell(self, trial: AskedTrial) -> None:
        number = self._numbers.get(trial.trial, -1)
        if number < 0:
            return
        numbers = [value for value in trial.values if value is not None and math.isfinite(value)]
        whole = trial.state == "complete" and len(numbers) == self._objectives
        if trial.trial in self._held:
            # Where it was held is told already; an end there says no more.
            if whole:
                self._observe(trial, TrialState.COMPLETE, 0, numbers[0])
            return
        self._constrain(number, trial)
        if whole:
            self.study.tell(number, numbers)
        elif trial.state == "pruned" and not numbers and self.kind in _DEAF_TO_PRUNED and (worst := self._worst()) is not None:
            # A trial that came to nothing (it diverged): as poor as the poorest, or it would be suggested again.
            self.study.tell(number, worst)
        elif trial.state == "pruned":
            if trial.last is not None:
                self._report(number, *trial.last)
            self.study.tell(number, state=TrialState.PRUNED)
        else:
            self.study.tell(number, state=TrialState.FAIL)

    def _constrain(self, number: int, trial: AskedTrial) -> None:
        """Said before its end is told, as Optuna's `Trial.set_constraint` does."""
        trial_id = self.study.get_trials(deepcopy=False)[number]._trial_id
        for name, value in _constraints(trial).items():
            self.study._storage.set_trial_system_attr(trial_id, name, value)

    def _worst(self) -> float | None:
        """Of the values told so far."""
        values = [trial.value for trial in self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) if trial.value is not None]
        if not values:
            return None
        return min(values) if self.study.direction == StudyDirection.MAXIMIZE else max(values)

    def _report(self, number: int, step: int, value: float | None) -> None:
        if self._objectives > 1 or value is None or not math.isfinite(value):
            return
        frozen = self.study.get_trials(deepcopy=False)[number]
        self.study._storage.set_trial_intermediate_value(frozen._trial_id, step, value)


def _plain(distribution: BaseDistribution, value: Any) -> Any:
    return distribution.to_external_repr(distribution.to_internal_repr(value))


def _constraints(trial: AskedTrial) -> dict[str, float]:
    return {f"constraints:{name}": value for name, value in trial.violations}


class _GridEnded(Exception):
    """No point of the grid is left."""


def configuration_of(request: AskRequest) -> Any:
    return (request.space, request.sampler, request.goals, request.planned_trials if request.sampler.kind == "auto" else None, request.warm)


def _shifted(request: AskRequest, shift: int) -> AskRequest:
    if shift == 0:
        return request
    return replace(request, sampler=replace(request.sampler, seed=request.sampler.seed + shift))


def rebuilt(request: AskRequest, beat: Callable[[], None]) -> Session:
    """A session that has gone through all that the request tells."""
    events = events_of(request.trials)
    try:
        session = Session(request)
        session.go_through(events, beat)
    except (Diverged, _GridEnded):
        session = Session(request, seed_shift=len(request.trials))
        session.go_through(events, beat, trusting=True)
    return session
