"""Keras: fit, with dropout and Adam."""

import longhaul  # isort: skip  first, so that SIGTERM is answered while TensorFlow is imported
import os

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1")

import keras
from ranking import COLUMNS, ndcg

with longhaul.trial(defaults={"lr": 0.01}) as trial:
    validation = trial.data("validation").numpy(columns=COLUMNS, label="label")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.1), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(trial.parameters["lr"]), keras.losses.BinaryCrossentropy(from_logits=True))
    trial.keep(model=model)
    for _ in trial.epochs():
        longhaul.keras.fit(trial, model, trial.data("train").numpy(batch_size=16, columns=COLUMNS, label="label"))
        score = ndcg(model.predict(validation.x, verbose=0)[:, 0], validation)
        trial.validation({"validation_ndcg_at_10": score}, model=longhaul.keras.save(model))
