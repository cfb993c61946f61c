"""scikit-learn: a whole fit as one step, each epoch a larger forest."""

from ranking import COLUMNS, ndcg
from sklearn.ensemble import RandomForestClassifier

import longhaul

with longhaul.trial(defaults={"depth": 3}) as trial:
    train, validation = (trial.data(name).numpy(columns=COLUMNS, label="label") for name in ("train", "validation"))
    model = trial.keep(model=RandomForestClassifier(0, max_depth=trial.parameters["depth"], warm_start=True, random_state=trial.seed))
    for epoch in trial.epochs():
        model.set_params(n_estimators=5 * (epoch + 1))
        longhaul.sklearn.fit(trial, model, train.x, train.y > 0)
        score = ndcg(model.predict_proba(validation.x)[:, 1], validation)
        trial.validation({"validation_ndcg_at_10": score}, model=longhaul.sklearn.save(model))
