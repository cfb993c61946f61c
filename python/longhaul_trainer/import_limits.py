"""Whether BigQuery ML can import a SavedModel (`CREATE MODEL … OPTIONS (MODEL_TYPE = 'TENSORFLOW')`), told before it is tried.

Limits: https://cloud.google.com/bigquery/docs/reference/standard-sql/bigqueryml-syntax-create-tensorflow
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

#: What the metrics read; the trainer's exports have it.
OUTPUT_NAME = "score"
LIMIT_BYTES = 450 * 1024 * 1024
MINIMUM_GRAPH_VERSION = 20
TYPES = {"DT_FLOAT", "DT_DOUBLE", "DT_HALF", "DT_INT8", "DT_INT16", "DT_INT32", "DT_INT64", "DT_UINT8", "DT_UINT16", "DT_BOOL", "DT_STRING"}
#: Operations of the core library that BigQuery does not run: they call out of the graph, or hold what a table cannot.
REFUSED_OPERATIONS = ("PyFunc", "PyFuncStateless", "EagerPyFunc", "RaggedTensorToVariant", "RaggedTensorFromVariant")


def examine(directory: Path) -> dict[str, Any]:
    """What an import would meet: size, operations, inputs and outputs."""
    from tensorflow.core.framework import types_pb2
    from tensorflow.core.protobuf import saved_model_pb2

    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    problems = []
    if size > LIMIT_BYTES:
        problems.append(f"the model has {size} bytes; expected at most {LIMIT_BYTES}: use fewer buckets or a smaller embedding_size")
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((directory / "saved_model.pb").read_bytes())
    graph = saved.meta_graphs[0]
    if graph.graph_def.versions.producer < MINIMUM_GRAPH_VERSION:
        problems.append(f"GraphDef version {graph.graph_def.versions.producer}; expected at least {MINIMUM_GRAPH_VERSION}")
    functions = {function.signature.name for function in graph.graph_def.library.function}
    operations = {node.op for node in graph.graph_def.node}
    operations.update(node.op for function in graph.graph_def.library.function for node in function.node_def)
    problems += _operation_problems(operations - functions)
    signature = graph.signature_def.get("serving_default")
    if signature is None or not signature.inputs:
        problems.append("there is no signature serving_default with inputs")
        return {"bytes": size, "problems": problems}

    def described(tensors: Any) -> dict[str, str]:
        return {name: types_pb2.DataType.Name(tensor.dtype) for name, tensor in sorted(tensors.items())}

    for name, tensor in sorted(signature.inputs.items()):
        problems += _input_problems(name, types_pb2.DataType.Name(tensor.dtype), tensor)
    if OUTPUT_NAME not in signature.outputs:
        problems.append(f"the outputs are {', '.join(sorted(signature.outputs))}; expected {OUTPUT_NAME}")
    return {"bytes": size, "inputs": described(signature.inputs), "outputs": described(signature.outputs), "problems": problems}


def _operation_problems(operations: set[str]) -> list[str]:
    from tensorflow.python.framework import op_def_registry

    unknown = sorted(name for name in operations if op_def_registry.get(name) is None)
    refused = sorted(operations.intersection(REFUSED_OPERATIONS))
    return [
        *(f"operation {name} is not in TensorFlow's core; expected core operations only" for name in unknown),
        *(f"operation {name} is not supported in an import" for name in refused),
    ]


def _input_problems(name: str, kind: str, tensor: Any) -> list[str]:
    if tensor.WhichOneof("encoding") != "name":
        return [f"input {name} is a sparse or composite tensor; expected a dense one"]
    sizes = [dimension.size for dimension in tensor.tensor_shape.dim]
    problems = []
    if kind not in TYPES:
        problems.append(f"input {name} has type {kind}; expected one of {', '.join(sorted(TYPES))}")
    if tensor.tensor_shape.unknown_rank or len(sizes) != 1 or sizes[0] != -1:
        problems.append(f"input {name} has shape {sizes}; expected [batch], so that a column of a table fits it")
    return problems
