#!/bin/sh
# Runs the live tests that --bundle has put into /inputs.
export CI=true HAWSER_TEST_PLUGINS=/project/plugins HAWSER_TEST_EXECUTABLES=/project/dist/hawser
exec bun test --timeout 120000 /inputs/*.live.test.mjs
