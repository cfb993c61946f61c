"""Models by the name of their format: each loader gives a function from rows to scores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import BadPart, UsageError
from ..importing import import_tensorflow
from .rows import Rows

Predict = Callable[[Rows], Any]


def load(scorer: Mapping[str, Any], folder: Path, features: tuple[Mapping[str, Any], ...], threads: int) -> Predict:
    """
    Raises:
        UsageError: the framework is not installed here, or the model takes what the features do not give.
    """
    kind = str(scorer["kind"])
    path = folder / str(scorer.get("file") or _only_file(folder, kind))
    if not path.exists():
        raise UsageError(f"scorer.file: the export has no {path.relative_to(folder)}")
    try:
        return LOADERS[kind](path, scorer, features, threads)
    except ImportError as error:
        raise UsageError(
            f"a model of kind {kind} cannot be scored here: {error}; let the step name an image (`scorer.image`) or a Python that has it"
        ) from error


def _only_file(folder: Path, kind: str) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if kind == "saved-model":
        files = [path.parent for path in files if path.name == "saved_model.pb"]
    if len(files) != 1:
        found = ", ".join(str(path.relative_to(folder)) for path in files[:10])
        raise UsageError(f"scorer.file: expected the name of the model's file in the export, which has {found or 'none'}")
    return str(files[0].relative_to(folder))


def _lightgbm(path: Path, scorer: Mapping[str, Any], features: Any, threads: int) -> Predict:
    import lightgbm

    booster = lightgbm.Booster(model_file=str(path))
    return lambda rows: booster.predict(rows.x, num_threads=threads)


def _xgboost(path: Path, scorer: Mapping[str, Any], features: Any, threads: int) -> Predict:
    import xgboost

    booster = xgboost.Booster({"nthread": threads}, model_file=str(path))
    return lambda rows: booster.predict(xgboost.DMatrix(rows.x, nthread=threads), validate_features=False)


def _sklearn(path: Path, scorer: Mapping[str, Any], features: Any, threads: int) -> Predict:
    import joblib

    model = joblib.load(path)
    chosen = scorer.get("method") or next((name for name in ("predict_proba", "predict") if hasattr(model, name)), None)
    if chosen is None or not hasattr(model, chosen):
        raise UsageError(f"{path.name}: expected an estimator with {chosen or 'predict'}, found {type(model).__name__}")
    return lambda rows: positive(getattr(model, chosen)(rows.x))


def _torchscript(path: Path, scorer: Mapping[str, Any], features: Any, threads: int) -> Predict:
    import torch

    torch.set_num_threads(threads)
    model = torch.jit.load(str(path), map_location="cpu").eval()

    def predict(rows: Rows) -> Any:
        with torch.no_grad():
            return model(torch.from_numpy(rows.x)).detach().numpy()

    return predict


def _keras(path: Path, scorer: Mapping[str, Any], features: Any, threads: int) -> Predict:
    import keras

    model = keras.saving.load_model(path, compile=False)
    return lambda rows: np.asarray(model.predict(rows.x, batch_size=len(rows), verbose=0))


def _onnx(path: Path, scorer: Mapping[str, Any], features: Any, threads: int) -> Predict:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs, outputs = session.get_inputs(), [one.name for one in session.get_outputs()]
    # A converted classifier gives labels first, then probabilities.
    output = scorer.get("output") or next((name for name in ("score", "probabilities") if name in outputs), outputs[-1])
    if output not in outputs:
        raise UsageError(f"scorer.output: {path.name} has no output {output}; it has {', '.join(outputs)}")

    def predict(rows: Rows) -> Any:
        fed = {inputs[0].name: rows.x} if len(inputs) == 1 else {one.name: _onnx_column(rows, one) for one in inputs}
        return positive(session.run([output], fed)[0])

    return predict


def _onnx_column(rows: Rows, one: Any) -> np.ndarray:
    values = rows[one.name]
    found = values.astype(object) if "string" in one.type else values.astype(np.float32)
    return found.reshape(-1, 1) if len(one.shape) > 1 else found


def _saved_model(path: Path, scorer: Mapping[str, Any], features: tuple[Mapping[str, Any], ...], threads: int) -> Predict:
    tf = import_tensorflow()
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    with _inside(path.parent):  # TensorFlow takes brackets and question marks of a path for a pattern
        module = tf.saved_model.load(path.name)
    call = module.signatures.get("serving_default")
    if call is None:
        raise UsageError(f"{path}: the SavedModel has no signature serving_default")
    specs, outputs = call.structured_input_signature[1], call.structured_outputs
    output = scorer.get("output") or ("score" if "score" in outputs else next(iter(outputs)) if len(outputs) == 1 else None)
    if output not in outputs:
        raise UsageError(f"{path}: the model gives {', '.join(outputs)}; expected an output named score, or scorer.output to name one")
    by_name = {str(feature["name"]): feature for feature in features}
    missing = sorted(set(specs) - set(by_name))
    if missing and len(specs) == 1:  # one matrix, as Keras exports it
        name = next(iter(specs))
        return lambda rows: call(**{name: tf.constant(rows.x)})[output].numpy()
    if missing:
        raise UsageError(
            f"{path}: the model takes {', '.join(sorted(specs))}; expected inputs of the feature table, which lacks {', '.join(missing)}"
        )
    return lambda rows: call(**{name: _tensor(tf, rows, by_name[name]) for name in specs})[output].numpy()


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _tensor(tf: Any, rows: Rows, feature: Mapping[str, Any]) -> Any:
    """A column as it is: defaults, buckets and normalisation are in the model."""
    array = rows.arrow(str(feature["name"]))
    try:
        if feature["type"] == "numeric":
            numbers = pc.cast(pc.cast(array, pa.float64()) if pa.types.is_decimal(array.type) else array, pa.float32(), safe=False)
            return tf.constant(numbers.to_numpy(zero_copy_only=False).astype(np.float32, copy=False))
        texts = pc.fill_null(pc.cast(array, pa.string()), str(feature["default"])).dictionary_encode()
        distinct = np.array([text.encode() for text in texts.dictionary.to_pylist()], dtype=object)
        return tf.gather(tf.constant(distinct, tf.string), texts.indices.to_numpy(zero_copy_only=False))
    except pa.ArrowException as error:
        raise BadPart(rows.part, str(error), column=str(feature["name"])) from None


def positive(found: Any) -> Any:
    """Of the probabilities of two classes that of the second."""
    if isinstance(found, list):  # ONNX's maps of class to probability
        found = np.array([list(each.values()) for each in found])
    found = np.asarray(found)
    return found[:, 1] if found.ndim == 2 and found.shape[1] == 2 else found


LOADERS: dict[str, Callable[[Path, Mapping[str, Any], tuple[Mapping[str, Any], ...], int], Predict]] = {
    "saved-model": _saved_model,
    "onnx": _onnx,
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "scikit-learn": _sklearn,
    "torchscript": _torchscript,
    "keras": _keras,
}
