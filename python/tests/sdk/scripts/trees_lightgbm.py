"""Trees in rounds, with bagging."""

from ranking import COLUMNS, ndcg

import longhaul
from longhaul.boosting import LightGBM

with longhaul.trial(defaults={"learning_rate": 0.1}) as trial:
    validation = trial.data("validation").numpy(columns=COLUMNS, label="label")
    train = trial.data("train").lightgbm(columns=COLUMNS, label="label")
    options = {"objective": "lambdarank", "bagging_fraction": 0.7, "bagging_freq": 1, "min_data_in_leaf": 5, **trial.parameters}
    model = trial.keep(model=LightGBM(trial, options, train))
    for _ in trial.epochs():
        for _ in trial.batches(range(6)):
            model.grow(rounds=3)
            trial.step(samples=180)
        score = ndcg(model.predict(validation.x), validation)
        trial.validation({"validation_ndcg_at_10": score}, model=model.save)
