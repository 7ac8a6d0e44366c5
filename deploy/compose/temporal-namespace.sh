#!/bin/sh
# Makes Temporal's namespace, if it is not there. Needs `temporal`, TEMPORAL_ADDRESS, NAMESPACE and
# RETENTION. A server that has just come up does not answer for some seconds.
set -eu
tries=0
until temporal operator namespace describe --namespace "$NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$NAMESPACE" --retention "$RETENTION"; do
  tries=$((tries + 1))
  if [ "$tries" -ge 30 ]; then
    echo "cannot make the namespace $NAMESPACE on $TEMPORAL_ADDRESS" >&2
    exit 1
  fi
  sleep 2
done
# A namespace is known to all of the server only some seconds after it was made.
until temporal workflow count --namespace "$NAMESPACE" >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ "$tries" -ge 60 ]; then exit 1; fi
  sleep 1
done
echo "namespace $NAMESPACE is there"
