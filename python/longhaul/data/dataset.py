"""`trial.data(name)`: parquet parts, read ahead and in an order that is a function of seed and epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, TypeVar

from ..errors import BadPart, DataError, UsageError
from ..policies import PartsPolicy
from ..store import open_store
from .cache import cache_of
from .fetch import fetch
from .inputs import Inputs
from .manifest import Manifest, Part
from .readahead import read_ahead, usual_decoders

if TYPE_CHECKING:
    from .columns import Block, Wanted

Convert = Callable[["Block"], Any]
Result = TypeVar("Result")
Columns = Optional[Iterable[str]]
#: How much is in each part, by data set: rows, or groups of them; remembered from one epoch to the next.
Counts = dict[str, list[int]]


class Rows(NamedTuple):
    """A whole data set: float32[row, feature], float32[row], and the lengths of the groups (sessions) of rows, if there are groups."""

    x: Any
    y: Any
    groups: Any


class WeightedRows(NamedTuple):
    """The same with float32[row], the weights of the rows."""

    x: Any
    y: Any
    groups: Any
    weights: Any


class DataSet:
    """Nothing is read before something is asked for. Needs `longhaul-sdk[data]` (pyarrow and numpy)."""

    def __init__(
        self,
        name: str,
        manifest: Manifest,
        *,
        seed: int,
        epoch: Callable[[], int],
        layout: Mapping[str, Any] | None,
        features: tuple[Mapping[str, Any], ...],
        parts: PartsPolicy,
        inputs: Inputs | None = None,
        share: tuple[int, int] = (0, 1),
        counts: Counts | None = None,
    ) -> None:
        self.name = name
        self.manifest = manifest
        self.features = [str(feature["name"]) for feature in features]
        self._features = features
        self._layout = layout or {}
        self._seed = seed
        self._epoch = epoch
        self._policy = parts
        self._inputs = inputs
        self._rank, self._world = share
        self._counts = {} if counts is None else counts

    @property
    def uri(self) -> str:
        return self.manifest.uri

    @property
    def rows(self) -> int | None:
        """Rows of the parquet files, where the manifest tells them."""
        return None if any(part.rows < 0 for part in self.manifest.parts) else self.manifest.rows

    def arrow(self, columns: Columns = None) -> Any:
        """All rows as one `pyarrow.Table`, parts in the order of their names."""
        import pyarrow as pa

        from .columns import read_table

        names = None if columns is None else list(columns)
        reader = self._read(self.manifest.parts, lambda part, data: read_table(data, part.name, names))
        return pa.concat_tables([table.result() for _, table in reader])

    def numpy(
        self,
        batch_size: int | None = None,
        *,
        columns: Columns = None,
        label: str | None = None,
        weight: str | None = None,
        shuffle: bool | None = None,
        normalise: bool = True,
        groups: bool = False,
    ) -> Any:
        """Arrays of numpy: batches, or everything at once (`Rows`, or a dict of columns) without a batch size.

        Pairs `(x, y)` of features and label where the trial has a feature table or `label` names a column, otherwise
        dicts of named columns. A batch counts rows of the parquet files: sessions in a nested layout. `weight` names the
        column of the rows' weights and makes triples `(x, y, weight)`, as Keras takes them (`WeightedRows`, where everything
        comes at once); `groups` adds the lengths of the sessions as the last. `shuffle`: default for the data set `train`.
        Numbers are normalised by the feature table; categories are the numbers of their buckets.
        """
        wanted = self._wanted(columns, label, weight, normalise, groups)
        if batch_size is None:
            return _whole(self._read_all(wanted), wanted)
        return self._loader(batch_size, wanted, shuffle, lambda block: _batch(block, wanted, groups, lambda array: array))

    def torch(
        self,
        batch_size: int,
        *,
        columns: Columns = None,
        label: str | None = None,
        weight: str | None = None,
        shuffle: bool | None = None,
        groups: bool = False,
    ) -> Loader:
        """The same as tensors of PyTorch; columns that are no numbers stay arrays."""
        from ..torch import tensor

        wanted = self._wanted(columns, label, weight, True, groups)
        return self._loader(batch_size, wanted, shuffle, lambda block: _batch(block, wanted, groups, tensor))

    def tf(
        self,
        batch_size: int,
        *,
        columns: Columns = None,
        label: str | None = None,
        weight: str | None = None,
        shuffle: bool | None = None,
        groups: bool = False,
    ) -> Loader:
        """The same as tensors of TensorFlow; columns that have none (dates, lists of several lengths) stay arrays."""
        import tensorflow

        def tensor(array: Any) -> Any:
            texts = array.dtype == object and array.ndim == 1 and all(isinstance(value, (str, bytes)) for value in array)
            return tensorflow.convert_to_tensor(array) if array.dtype.kind in "biuf" or texts else array

        wanted = self._wanted(columns, label, weight, True, groups)
        return self._loader(batch_size, wanted, shuffle, lambda block: _batch(block, wanted, groups, tensor))

    def lightgbm(self, *, columns: Columns = None, label: str | None = None, weight: str | None = None, reference: Any = None) -> Any:
        """A `lightgbm.Dataset` of all rows, with names, categories, groups and weights; raw numbers, since trees need no normal ones."""
        import lightgbm

        wanted = self._wanted(columns, label, weight, False, True)
        if wanted.label is None:
            raise UsageError("data.lightgbm: expected label=COLUMN, since the trial has no feature table")
        rows = _whole(self._read_all(wanted), wanted)
        names = list(wanted.columns or ()) or self.features
        categorical = [feature["name"] for feature in self._features if feature["type"] == "categorical" and wanted.columns is None]
        return lightgbm.Dataset(
            rows.x, rows.y, group=rows.groups, weight=None if weight is None else rows.weights, reference=reference,
            feature_name=names or "auto", categorical_feature=categorical or "auto", free_raw_data=False,
        )  # fmt: skip

    def _wanted(self, columns: Columns, label: str | None, weight: str | None, normalise: bool, groups: bool) -> Wanted:
        from .columns import Wanted

        layout, features = self._layout, self._features
        columns = None if columns is None else tuple(columns)
        if label is None and columns is None and features:
            label = layout.get("label")
        if weight is not None and label is None:
            raise UsageError(f"weight={weight!r}: expected label=COLUMN with it, since the trial has no feature table")
        flat = groups and layout.get("kind") == "flat"
        if label is not None and self._inputs is not None:
            self._inputs.seen(columns, normalise)
        return Wanted(
            columns=columns,
            label=label,
            features=features,
            candidates=layout.get("candidates") if layout.get("kind") == "nested" else None,
            session=layout.get("session") if flat else None,
            normalise=normalise,
            weight=weight,
        )

    def _loader(self, batch_size: int, wanted: Wanted, shuffle: bool | None, convert: Convert) -> Loader:
        if batch_size < 1:
            raise UsageError(f"batch_size: expected at least 1, found {batch_size}")
        return Loader(self, batch_size, wanted, self.name == "train" if shuffle is None else shuffle, convert)

    def _read_all(self, wanted: Wanted) -> Block:
        from .columns import joined

        return joined([block for _, block in self._blocks(self.manifest.parts, wanted, None)])

    def _blocks(self, parts: Iterable[Part], wanted: Wanted, shuffle: tuple[int, int] | None) -> Iterator[tuple[Part, Block]]:
        """Decoded parts, read ahead; rows are shuffled by seed, epoch and the part's place in the manifest."""
        from .columns import read_block
        from .randomness import Randomness

        numbers = {part.name: number for number, part in enumerate(self.manifest.parts)}

        def decode(part: Part, data: Any) -> Block:
            block = read_block(data, part.name, wanted)
            if shuffle is None:
                return block
            return block.shuffled(Randomness(shuffle[0]).shuffle(shuffle[1], numbers[part.name]).permutation(len(block)))

        bad = 0
        for part, future in self._read(parts, decode):
            try:
                block = future.result()
            except BadPart:
                bad += 1
                if not self._policy.skip_bad or bad > self._policy.bad_budget or self._world > 1:
                    raise  # several ranks would have unequal numbers of batches
                continue
            yield part, block
            del part, future, block  # while the next one is waited for

    def _read(self, parts: Iterable[Part], decode: Callable[[Part, Any], Result]) -> Iterator[tuple[Part, Future[Result]]]:
        store, cache, decoders = open_store(self.uri), cache_of(self.manifest), self._policy.decoders
        return read_ahead(
            parts,
            lambda part: fetch(store, part, cache),
            decode,
            self._policy.ahead,
            usual_decoders() if decoders is None else decoders,
        )

    def _share(self, wanted: Wanted) -> tuple[list[int], int]:
        """How much is in each part, in the order of the manifest, and how much each rank has of it.

        The rest, less than one for each rank, is left out: all ranks have equally many.
        """
        name = f"{self.name}, {wanted.session or 'rows'}"
        if name not in self._counts:
            if wanted.session is None and self.rows is not None:
                self._counts[name] = [part.rows for part in self.manifest.parts]
            else:
                self._counts[name] = [len(block) for _, block in self._blocks(self.manifest.parts, wanted, None)]
        counts = self._counts[name]
        size = sum(counts) // self._world
        if size == 0:
            raise DataError(f"{self.uri}: expected at least one row for each of {self._world} ranks, found {sum(counts)}")
        return counts, size


class Loader:
    """Batches of this epoch, the same whenever they are asked for; `from_batch` begins further on and reads nothing before.

    Of several ranks each gets the next stretch of the epoch's rows, all stretches of one length; it reads the parts that its own is in.
    """

    def __init__(self, data: DataSet, batch_size: int, wanted: Wanted, shuffle: bool, convert: Convert) -> None:
        self._data = data
        self._batch_size = batch_size
        self._wanted = wanted
        self._shuffle = shuffle
        self._convert = convert

    def __len__(self) -> int:
        if self._data._world > 1:
            return -(-self._data._share(self._wanted)[1] // self._batch_size)
        rows = self._data.rows
        if rows is None or self._wanted.session is not None:
            raise TypeError("the number of batches is not known before the data are read")
        return -(-rows // self._batch_size)

    def __iter__(self) -> Iterator[Any]:
        return self.from_batch(0)

    def from_batch(self, number: int) -> Iterator[Any]:
        parts, seed = self._order()
        skip = number * self._batch_size
        if self._data._world > 1:
            return self._batches_of_share(parts, seed, skip)
        exact = self._wanted.session is None and not self._data._policy.skip_bad
        while exact and parts and 0 <= parts[0].rows <= skip:
            skip -= parts[0].rows
            parts = parts[1:]
        return self._batches(parts, seed, skip)

    def _batches_of_share(self, parts: list[Part], seed: tuple[int, int] | None, skip: int) -> Iterator[Any]:
        counts, size = self._data._share(self._wanted)
        sizes = dict(zip((part.name for part in self._data.manifest.parts), counts))
        start = self._data._rank * size + skip
        while parts and sizes[parts[0].name] <= start:
            start -= sizes[parts[0].name]
            parts = parts[1:]
        needed, end = [], start + size - skip
        for part in parts:
            if end <= 0:
                break
            needed.append(part)
            end -= sizes[part.name]
        return self._batches(needed, seed, start, max(size - skip, 0))

    def _order(self) -> tuple[list[Part], tuple[int, int] | None]:
        from .randomness import Randomness

        parts = list(self._data.manifest.parts)
        if not self._shuffle:
            return parts, None
        seed, epoch = self._data._seed, self._data._epoch()
        return [parts[index] for index in Randomness(seed).order(epoch).permutation(len(parts))], (seed, epoch)

    def _batches(self, parts: list[Part], seed: tuple[int, int] | None, skip: int, most: int | None = None) -> Iterator[Any]:
        from .columns import joined

        rest: list[Block] = []
        held = 0
        for _, block in self._data._blocks(parts, self._wanted, seed):
            start = min(skip, len(block))
            skip -= start
            stop = len(block) if most is None else min(len(block), start + most)
            most = None if most is None else most - (stop - start)
            while start < stop:
                cut = min(stop, start + self._batch_size - held)
                rest.append(block.slice(start, cut))
                held += cut - start
                start = cut
                if held == self._batch_size:
                    yield self._convert(joined(rest))
                    rest, held = [], 0
            rest[-1:] = [piece.copy() for piece in rest[-1:]]
            del block
        if held:
            yield self._convert(joined(rest))
        if skip >= self._batch_size or most:
            found = "as the manifest says" if most else "as the checkpoint has them"
            raise DataError(f"{self._data.uri}: expected {skip + (most or 0)} rows more, {found}; export the data again")


def _batch(block: Block, wanted: Wanted, groups: bool, to: Callable[[Any], Any]) -> Any:
    columns = {name: to(column) for name, column in block.columns.items()}
    if wanted.label is None:
        return columns
    found = tuple(columns[name] for name in ("x", "y", "weight") if name in columns)
    return (*found, block.lengths) if groups else found


def _whole(block: Block, wanted: Wanted) -> Any:
    if wanted.label is None:
        return block.columns
    rows = Rows(block.columns["x"], block.columns["y"], block.lengths)
    return rows if wanted.weight is None else WeightedRows(*rows, block.columns["weight"])
