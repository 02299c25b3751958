#!/bin/sh
# What somebody does with kubectl, in a pod or beside a cluster. Needs only a POSIX shell, sed and kubectl, which finds
# its own way: by $KUBECONFIG or as in a pod. Prints "ok STEP" for each step, and ends with 1 at the first that fails.
#
#   scenario.sh objects           get, list, watch, both kinds of apply, patch, delete; needs no node
#   scenario.sh pod NAME          logs -f, exec, attach, port-forward, cp; the pod runs TARGET of scenario.ts
#
# OPERATOR is whom the API server should see. KUBECTL names another program, SCRATCH a directory to write to.
set -eu
kubectl=${KUBECTL:-kubectl}
scratch=${SCRATCH:-/tmp}/scenario.$$
mkdir -p "$scratch"
background=
trap 'for each in $background; do kill "$each" 2>/dev/null || :; done; rm -rf "$scratch"' EXIT

fail() {
  echo "failed $1: expected $2, found: $3" >&2
  exit 1
}

# is STEP EXPECTED FOUND
is() {
  [ "$2" = "$3" ] || fail "$1" "$2" "$3"
  echo "ok $1"
}

# appears STEP TEXT FILE: somebody in the background writes it there, within ten seconds.
appears() {
  tries=0
  until grep -q -- "$2" "$3" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -le 100 ] || fail "$1" "$2" "$(cat "$3")"
    sleep 0.1
  done
  echo "ok $1"
}

manifest() {
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: scenario, labels: {by: scenario}}\n'
  printf 'data: {colour: %s}\n' "$1"
}

colour() {
  $kubectl get configmap scenario -o 'jsonpath={.data.colour}'
}

objects() {
  $kubectl get configmaps --selector by=scenario --watch -o 'jsonpath={.data.colour}{"\n"}' >"$scratch/watch" 2>&1 &
  background="$background $!"
  manifest red | $kubectl apply -f - >/dev/null
  is 'apply' red "$(colour)"
  manifest green | $kubectl apply -f - >/dev/null
  is 'apply again' green "$(colour)"
  manifest blue | $kubectl apply --server-side --force-conflicts -f - >/dev/null
  is 'apply, server side' blue "$(colour)"
  is 'diff' '' "$(manifest blue | $kubectl diff --server-side --force-conflicts -f -)"
  is 'list' configmap/scenario "$($kubectl get configmaps --selector by=scenario -o name)"
  $kubectl patch configmap scenario --type merge --patch '{"data":{"colour":"grey"}}' >/dev/null
  is 'patch' grey "$(colour)"
  appears 'watch' grey "$scratch/watch"
  is 'delete' 'configmap "scenario" deleted' "$($kubectl delete configmap scenario | sed 's/ from .*//')"
  is 'create' configmap/scenario-2 "$($kubectl create configmap scenario-2 -o name)"
  $kubectl delete configmap scenario-2 >/dev/null
  is 'whoami' "$OPERATOR" "$($kubectl auth whoami -o 'jsonpath={.status.userInfo.username}')"
}

pod() {
  $kubectl logs --follow "$1" >"$scratch/logs" 2>&1 &
  background="$background $!"
  appears 'logs -f' tick "$scratch/logs"
  is 'exec' hello "$($kubectl exec "$1" -- echo hello)"
  is 'exec, standard input' 'to and fro' "$(echo 'to and fro' | $kubectl exec --stdin "$1" -- cat)"
  code=0
  $kubectl exec "$1" -- sh -c 'exit 7' >/dev/null 2>&1 || code=$?
  is 'exec, exit code' 7 "$code"
  is 'exec, a megabyte' 1048576 "$($kubectl exec "$1" -- head -c 1048576 /dev/zero | wc -c | tr -d ' ')"
  $kubectl attach "$1" >"$scratch/attach" 2>&1 &
  background="$background $!"
  appears 'attach' tick "$scratch/attach"
  $kubectl port-forward "pod/$1" 18080:8080 >"$scratch/forward" 2>&1 &
  background="$background $!"
  appears 'port-forward' 'Forwarding from 127.0.0.1:18080' "$scratch/forward"
  is 'port-forward, a request' served "$(wget -q -O - http://127.0.0.1:18080/index.html)"
  echo 'there and back' >"$scratch/file"
  $kubectl cp "$scratch/file" "$1:/tmp/copied"
  is 'cp there' 'there and back' "$($kubectl exec "$1" -- cat /tmp/copied)"
  $kubectl cp "$1:/tmp/copied" "$scratch/back" >/dev/null
  is 'cp back' 'there and back' "$(cat "$scratch/back")"
}

"$@"
