"""LightGBM: LambdaMART on the sessions, ten trees at a time."""

import longhaul

with longhaul.trial(defaults={"learning_rate": 0.1, "num_leaves": 63}) as trial:
    train, validation = trial.data("train").lightgbm(), trial.data("validation").numpy(normalise=False)
    options = {"objective": "lambdarank", "lambdarank_truncation_level": 30, "min_data_in_leaf": 50, **trial.parameters}
    model = trial.keep(model=longhaul.boosting.LightGBM(trial, options, train))
    for _ in trial.epochs():
        for _ in trial.batches(range(6)):
            model.grow(rounds=10)
            trial.step(samples=train.num_data())
        trial.validation(longhaul.metrics.ranking(model.predict(validation.x), validation), model=model.save)
