"""Three logistic regressions of scikit-learn: as it is, as the classifier that a converter to ONNX writes, and as a program."""

import longhaul  # isort: skip
import numpy as np
from ranks import average_rank
from sklearn.linear_model import LogisticRegression


def to_onnx(model, path):
    """Labels first, then a map from class to probability a row: what skl2onnx makes of a classifier."""
    import onnx

    weights = np.concatenate([-model.coef_, model.coef_]).astype(np.float32).reshape(-1)
    bias = np.concatenate([-model.intercept_, model.intercept_]).astype(np.float32)
    classifier = onnx.helper.make_node(
        "LinearClassifier", ["X"], ["output_label", "raw"], domain="ai.onnx.ml", coefficients=weights.tolist(), intercepts=bias.tolist(),
        classlabels_ints=[0, 1], multi_class=1, post_transform="SOFTMAX",
    )  # fmt: skip
    zipped = onnx.helper.make_node("ZipMap", ["raw"], ["output_probability"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])
    graph = onnx.helper.make_graph(
        [classifier, zipped],
        "classifier",
        [onnx.helper.make_tensor_value_info("X", onnx.TensorProto.FLOAT, [None, model.coef_.shape[1]])],
        [
            onnx.helper.make_tensor_value_info("output_label", onnx.TensorProto.INT64, [None]),
            onnx.helper.make_value_info(
                "output_probability",
                onnx.helper.make_sequence_type_proto(
                    onnx.helper.make_map_type_proto(
                        onnx.TensorProto.INT64, onnx.helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, None)
                    )
                ),
            ),
        ],
    )
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("ai.onnx.ml", 3)]
    made = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    onnx.checker.check_model(made)
    onnx.save(made, path)


#: Columns of the matrix that a model learns nothing of: three models that score differently.
IGNORED = {"scikit-learn": [], "onnx": [0], "command": [1]}

with longhaul.trial(defaults={"of": "scikit-learn"}) as trial:
    rows, validation = trial.data("train").numpy(), trial.data("validation").numpy()
    learned = rows.x.copy()
    learned[:, IGNORED[trial.parameters["of"]]] = 0
    model = trial.keep(model=LogisticRegression(random_state=trial.seed))
    for _ in trial.epochs():
        longhaul.sklearn.fit(trial, model, learned, rows.y > 0)
        scores = average_rank(model.decision_function(validation.x), validation)
        if trial.parameters["of"] == "onnx":
            trial.validation(
                scores, model=lambda folder: to_onnx(model, folder / "model.onnx"), scorer={"kind": "onnx", "file": "model.onnx"}
            )
        elif trial.parameters["of"] == "command":
            trial.validation(scores, model=lambda folder: np.save(folder / "weights.npy", model.coef_[0]), scorer=["python", "score.py"])
        else:
            trial.validation(scores, model=longhaul.sklearn.save(model))
