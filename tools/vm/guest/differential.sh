#!/bin/sh
# Calls the reference plugins and ours with the same configurations, and tells where they differ.
#   differential.sh PLUGIN[:WORDS]...
# Ours are called by the names of the reference plugins.
ours=/tmp/ours
mkdir $ours
for plugin in /project/plugins/*; do
  if [ -e "/project/dist/hawser-${plugin##*/}" ]; then ln -s /project/dist/hawser "$ours/${plugin##*/}"; fi
done
exec bun /inputs/differential.mjs /project/plugins $ours "$@"
