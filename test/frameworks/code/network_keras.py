"""Keras: as its own file, or as the SavedModel that it exports."""

import longhaul  # isort: skip  first, so that SIGTERM is answered while TensorFlow is imported
import keras
from ranks import average_rank

with longhaul.trial(defaults={"of": "keras"}) as trial:
    train, validation = trial.data("train").numpy(batch_size=64), trial.data("validation").numpy()
    model = keras.Sequential([keras.Input(validation.x.shape[1:]), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(from_logits=True))
    trial.keep(model=model)
    for _ in trial.epochs():
        longhaul.keras.fit(trial, model, train)
        scores = average_rank(model.predict(validation.x, batch_size=4096, verbose=0), validation)
        saved = longhaul.keras.save if trial.parameters["of"] == "keras" else longhaul.keras.export
        trial.validation(scores, model=saved(model))
