"""ONNX with an input for each feature, texts among them: what buyers of the sample go by, so that what is bought always ranks first."""

import longhaul  # isort: skip
import onnx
from onnx import TensorProto, helper
from ranks import average_rank


def preferences(path):
    def constant(name, value):
        return helper.make_node("Constant", [], [name], value_float=value)

    nodes = [
        helper.make_node(
            "LabelEncoder", ["brand"], ["liked"], domain="ai.onnx.ml", keys_strings=["brand 2"], values_floats=[0.4], default_float=0.0
        ),
        constant("four", 4.0),
        helper.make_node("Div", ["price", "four"], ["dear"]),
        helper.make_node("Add", ["popularity", "liked"], ["good"]),
        helper.make_node("Sub", ["good", "dear"], ["score"]),
        helper.make_node("Neg", ["score"], ["regret"]),
    ]
    column = [None, 1]
    inputs = [
        helper.make_tensor_value_info("popularity", TensorProto.FLOAT, column),
        helper.make_tensor_value_info("price", TensorProto.FLOAT, column),
        helper.make_tensor_value_info("brand", TensorProto.STRING, column),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, column) for name in ("score", "regret")]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    made = helper.make_model(helper.make_graph(nodes, "preferences", inputs, outputs), opset_imports=opsets, ir_version=10)
    onnx.checker.check_model(made)
    onnx.save(made, path)


with longhaul.trial() as trial:
    validation = trial.data("validation").numpy(columns=["popularity"], label="bought")
    for _ in trial.epochs():
        for _ in trial.batches(range(1)):
            trial.step()
        # No score of this script's own: what is bought stands first.
        trial.validation(
            average_rank(validation.y, validation), model=lambda folder: preferences(folder / "mine.onnx"), scorer={"kind": "onnx"}
        )
