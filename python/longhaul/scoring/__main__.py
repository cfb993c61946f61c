"""`python -m longhaul.scoring`: what LONGHAUL_SCORE names, or what the arguments say."""

from __future__ import annotations

import os
import sys

from ..arguments import Parser
from ..errors import EXIT_CRASH, TrialError
from ..termination import leave, termination


def main() -> int:
    termination()
    from .job import _told, run
    from .request import load_request, request

    termination().answer = _told
    try:
        if "LONGHAUL_SCORE" in os.environ:
            run(load_request())
            return 0
        parser = Parser(prog="python -m longhaul.scoring", description="Scores a data set with an export, by the scorer that it brings.")
        parser.add_argument("--model", required=True, metavar="EXPORT", help="the folder or prefix with READY")
        parser.add_argument("--data", required=True, metavar="PARTS", help="parquet parts")
        parser.add_argument("--features", required=True, metavar="FILE", help="features.json of the data set")
        parser.add_argument("--output", required=True, metavar="FOLDER", help="where the scores go, a file for each part")
        parser.add_argument("--columns", metavar="A,B,…", help="columns beside the score; default: session,item,label and the segments")
        options = parser.parse_args()
        columns = None if options.columns is None else tuple(name.strip() for name in options.columns.split(",") if name.strip())
        run(request(options.model, options.data, options.features, options.output, columns))
        return 0
    except TrialError as error:
        print(f"longhaul: {error}", file=sys.stderr, flush=True)
        return error.exit_code


if __name__ == "__main__":
    try:
        leave(main())
    except SystemExit as end:
        leave(end.code if isinstance(end.code, int) else EXIT_CRASH)
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
        leave(EXIT_CRASH)
