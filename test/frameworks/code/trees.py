"""LightGBM or XGBoost."""

import longhaul  # isort: skip
import xgboost
from ranks import average_rank

with longhaul.trial(defaults={"of": "lightgbm"}) as trial:
    train, validation = trial.data("train"), trial.data("validation").numpy(normalise=False)
    if trial.parameters["of"] == "lightgbm":
        options = {"objective": "lambdarank", "min_data_in_leaf": 5}
        model = trial.keep(model=longhaul.boosting.LightGBM(trial, options, train.lightgbm()))
    else:
        rows = train.numpy(normalise=False)
        # Learned without the first column: two models that rank alike could be mixed up, and nobody would see it.
        rows.x[:, 0] = 0
        model = trial.keep(model=longhaul.boosting.XGBoost(trial, {"objective": "binary:logistic"}, xgboost.DMatrix(rows.x, rows.y)))
    for _ in trial.epochs():
        for _ in trial.batches(range(2)):
            model.grow(rounds=5)
            trial.step()
        x = validation.x if trial.parameters["of"] == "lightgbm" else xgboost.DMatrix(validation.x)
        trial.validation(average_rank(model.predict(x), validation), model=model.save)
