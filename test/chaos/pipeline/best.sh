# The inputs are one JSON object with one number in it; so are the outputs.
printf '%s' "$LONGHAUL_INPUTS" > "$LONGHAUL_OUTPUTS"
