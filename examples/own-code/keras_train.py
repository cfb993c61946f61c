"""Keras: `fit`, an epoch at a time."""

import keras
import longhaul  # first, so that SIGTERM is answered while TensorFlow is imported

with longhaul.trial(defaults={"lr": 0.003, "hidden": 64, "dropout": 0.1}) as trial:
    train, validation = trial.data("train").numpy(batch_size=32), trial.data("validation").numpy()
    model = keras.Sequential(
        [
            keras.Input(validation.x.shape[1:]),
            keras.layers.Dense(trial.parameters["hidden"], "relu"),
            keras.layers.Dropout(trial.parameters["dropout"]),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(trial.parameters["lr"]), keras.losses.BinaryCrossentropy(from_logits=True))
    trial.keep(model=model)
    for _ in trial.epochs():
        longhaul.keras.fit(trial, model, train)
        scores = model.predict(validation.x, batch_size=4096, verbose=0)
        trial.validation(longhaul.metrics.ranking(scores, validation), model=longhaul.keras.save(model))
