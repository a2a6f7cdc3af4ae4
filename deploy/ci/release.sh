#!/usr/bin/env bash
# Registers what a build made, asks whether it may be deployed, and has a channel hold it.
#
#   release.sh MODEL FOLDER CONTEXT/STAGE OUTBOUND [OPTION OF spiritsafe model register]...
#
# The server and the caller come from SPIRITSAFE_SERVER and SPIRITSAFE_TOKEN, with SPIRITSAFE_CA_FILE for TLS. Prints the
# name of the version and writes the signed answer to decision.json. Run again, it goes on where it stopped: equal files
# that were declared alike are one version.
#
# Exit codes are those of spiritsafe: 0 released, 2 wrong usage, 3 denied, 4 not found, 5 unavailable, 1 anything else.
set -euo pipefail

if [ $# -lt 4 ]; then
  echo "usage: release.sh MODEL FOLDER CONTEXT/STAGE OUTBOUND [OPTION OF spiritsafe model register]..." >&2
  exit 2
fi
model=$1 folder=$2 channel=$3 outbound=$4
shift 4

found=0
spiritsafe model show "$model" > /dev/null 2>&1 || found=$?
case $found in
  0) ;;
  4) spiritsafe model create "$model" >&2 ;;
  # Said again, for everybody to read.
  *) spiritsafe model show "$model" >&2; exit "$found" ;;
esac

version=$(spiritsafe model register "$model" "$folder" --format json "$@" |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["name"])')
echo "$version"
spiritsafe deploy check "$version" --context "${channel%%/*}" --outbound "$outbound" --output decision.json >&2
spiritsafe promote "$version" "$channel" --outbound "$outbound" >&2
