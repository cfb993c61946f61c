"""Trees in rounds, with bagging."""

import xgboost
from ranking import COLUMNS, ndcg

import longhaul
from longhaul.boosting import XGBoost

with longhaul.trial(defaults={"learning_rate": 0.1}) as trial:
    validation = trial.data("validation").numpy(columns=COLUMNS, label="label")
    rows = trial.data("train").numpy(columns=COLUMNS, label="label")
    options = {"objective": "binary:logistic", "subsample": 0.7, "eta": trial.parameters["learning_rate"]}
    model = trial.keep(model=XGBoost(trial, options, xgboost.DMatrix(rows.x, rows.y)))
    validation_matrix = xgboost.DMatrix(validation.x)
    for _ in trial.epochs():
        for _ in trial.batches(range(6)):
            model.grow(rounds=3)
            trial.step(samples=180)
        score = ndcg(model.predict(validation_matrix), validation)
        trial.validation({"validation_ndcg_at_10": score}, model=model.save)
