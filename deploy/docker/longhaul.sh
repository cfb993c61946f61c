#!/bin/sh
# The image has its packages: nothing to set up.
exec node /app/src/cli/main.ts "$@"
