#!/bin/sh
# Calls the reference plugins and ours with the same configurations, and tells where they differ.
#   differential.sh PLUGIN[:WORDS]...
# Ours are called by the names of the reference plugins.
ours=/tmp/ours
mkdir $ours
for plugin in /project/plugins/*; do
  if [ -e "/project/dist/hawser-${plugin##*/}" ]; then ln -s /project/dist/hawser "$ours/${plugin##*/}"; fi
done
# The kernel would load them at the first link of each kind, and refuse a second link meanwhile.
modprobe -a ipvlan 8021q
exec bun /inputs/differential.mjs /project/plugins $ours "$@"
