"""A trainer whose model depends on each of its steps and on their order, and that takes no time to start."""

import longhaul

STEPS = 60


class Model:
    def __init__(self) -> None:
        self.value = 0.0

    def state_dict(self) -> dict[str, float]:
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.value = state["value"]


with longhaul.trial(defaults={"x": 0.5}) as trial:
    model = Model()
    trial.keep(model=model)
    for _ in trial.epochs():
        for number in trial.batches(range(STEPS)):
            model.value = 0.97 * model.value + trial.parameters["x"] * (number % 7 + 1)
            trial.step(loss=model.value)
        trial.validation({"score": model.value})
