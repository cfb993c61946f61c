"""scikit-learn: logistic regression, batch by batch."""

import longhaul
from sklearn.linear_model import SGDClassifier

with longhaul.trial(defaults={"alpha": 0.0001}) as trial:
    train, validation = trial.data("train"), trial.data("validation").numpy()
    model = trial.keep(model=SGDClassifier(loss="log_loss", alpha=trial.parameters["alpha"], random_state=trial.seed))
    for _ in trial.epochs():
        for x, y in trial.batches(train.numpy(batch_size=64)):
            model.partial_fit(x, y > 0, classes=[False, True])
            trial.step(samples=len(y))
        scores = model.decision_function(validation.x)
        trial.validation(longhaul.metrics.ranking(scores, validation), model=longhaul.sklearn.save(model))
