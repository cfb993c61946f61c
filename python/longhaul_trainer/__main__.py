"""`python -m longhaul_trainer train | score | check-export`."""

from __future__ import annotations

import argparse
import os
import sys

from longhaul.arguments import Parser
from longhaul.errors import EXIT_CRASH, EXIT_USAGE, TrialError, UsageError
from longhaul.gang.ranks import ranks_of
from longhaul.termination import termination


def parser() -> argparse.ArgumentParser:
    root = Parser(prog="python -m longhaul_trainer", description="Longhaul's reference trainer and scorer.")
    commands = root.add_subparsers(dest="command", required=True, parser_class=Parser)
    train = commands.add_parser("train", help="one attempt at the trial that LONGHAUL_TRIAL names")
    train.add_argument("--model", metavar="PACKAGE:FUNCTION", help="build this model instead of the reference network")
    score = commands.add_parser("score", help="score the candidates of a data set with an export")
    score.add_argument("--model", required=True, metavar="URI", help="an export (the prefix with READY)")
    score.add_argument("--data", required=True, metavar="URI", help="prefix of the parts, or one parquet file")
    score.add_argument("--features", required=True, metavar="URI", help="features.json of the data set")
    score.add_argument("--output", required=True, metavar="FILE", help="parquet file to write: a path or a URI")
    score.add_argument(
        "--columns", metavar="A,B,…", help="columns beside score; default: session,item,label and the segments of the feature table"
    )
    check = commands.add_parser("check-export", help="whether BigQuery ML can import an export")
    check.add_argument("uri", metavar="URI", help="an export, or a SavedModel")
    return root


def main(arguments: list[str] | None = None) -> int:
    from .model.runtime import prepare_environment

    try:
        prepare_environment()
        options = parser().parse_args(arguments)
        if options.command == "train":
            return _train(options.model)
        if options.command == "score":
            from .score import score

            score(options.model, options.data, options.features, options.output, options.columns)
            return 0
        from .check_export import check_export

        return check_export(options.uri)
    except TrialError as error:
        print(f"longhaul: {error}", file=sys.stderr, flush=True)
        return error.exit_code


def _train(model: str | None) -> int:
    from dataclasses import replace

    from .trial import load_trial

    if ranks_of(os.environ).world > 1:
        raise UsageError("the reference trainer trains on one machine: leave out `nodes`, or bring a script of your own (docs/own-code.md)")
    ending = termination()  # answers since the import of `longhaul`, and by what `train` says from now on
    ending.install()  # no handler that a model's module sets is the answer
    trial = load_trial()
    from .run import train

    train(replace(trial, model=model) if model else trial, ending)
    return 0


def _exit(code: int) -> None:
    """Without waiting for threads that still read ahead."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    try:
        _exit(main())
    except SystemExit as end:
        _exit(end.code if isinstance(end.code, int) else EXIT_USAGE)
    except BaseException:
        import traceback

        traceback.print_exc()
        _exit(EXIT_CRASH)
