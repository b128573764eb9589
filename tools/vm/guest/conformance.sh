#!/bin/sh
# Tries plugins against the specification, and compares with their ledgers, or records them in /results.
#   conformance.sh "OPTIONS OF THE SUITE" PROFILE...
options=$1
shift
worst=0
for profile in "$@"; do
  case $profile in
    hawser*) folder=/project/dist ;;
    *) folder=/project/plugins ;;
  esac
  cp "/project/conformance/expectations/$profile.json" /results/ 2>/dev/null
  echo "==> $profile"
  # shellcheck disable=SC2086 # several options
  /project/dist/hawser-conformance "$folder/$profile" --profile "$profile" --plugin-dir "$folder" \
    --plugin-dir /project/plugins --plugin-dir /project/dist --quiet --expectations "/results/$profile.json" \
    --output "/results/$profile.txt" $options || worst=$?
done
exit $worst
