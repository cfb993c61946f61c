"""scikit-learn: partial_fit over batches."""

import joblib
from ranking import COLUMNS, ndcg
from sklearn.linear_model import SGDClassifier

import longhaul

with longhaul.trial(defaults={"alpha": 0.001}) as trial:
    validation = trial.data("validation").numpy(columns=COLUMNS, label="label")
    model = trial.keep(model=SGDClassifier(loss="log_loss", alpha=trial.parameters["alpha"], random_state=trial.seed))
    for _ in trial.epochs():
        for x, y in trial.batches(trial.data("train").numpy(batch_size=16, columns=COLUMNS, label="label")):
            model.partial_fit(x, y > 0, classes=[False, True])
            trial.step(samples=len(y))
        score = ndcg(model.decision_function(validation.x), validation)
        trial.validation({"validation_ndcg_at_10": score}, model=lambda folder: joblib.dump(model, folder / "model.joblib"))
