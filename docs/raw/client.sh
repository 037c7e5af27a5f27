#!/usr/bin/env bash
# A whole client in bash: frames are printf'ed and read back by their length.
# Usage: client.sh [COMMAND ...], the sidecar's command line; pyrunner-sidecar if absent.
set -euo pipefail
export LC_ALL=C # Content-Length counts bytes, and so do ${#…} and read -N in this locale

coproc SIDECAR { exec "${@:-pyrunner-sidecar}"; }
exec {to}>&"${SIDECAR[1]}" {from}<&"${SIDECAR[0]}"

send() { printf 'Content-Length: %d\r\n\r\n%s' "${#1}" "$1" >&"$to"; }

receive() { # prints the body of the next frame
  local line length body
  while IFS= read -r line <&"$from" && [[ $line != $'\r' ]]; do
    [[ ${line,,} =~ ^content-length:\ *([0-9]+) ]] && length=${BASH_REMATCH[1]}
  done
  IFS= read -r -N "$length" body <&"$from"
  printf '%s\n' "$body"
}

send '{"jsonrpc":"2.0","id":1,"method":"register","params":{"id":"words","code":"def run(args): return len(args[\"text\"].split())"}}'
receive
send '{"jsonrpc":"2.0","id":2,"method":"run","params":{"id":"words","args":{"text":"to be or not"}}}'
receive | grep -o '"result":{"ok":[^}]*}'
send '{"jsonrpc":"2.0","id":3,"method":"run","params":{"id":"nobody"}}'
receive
exec {to}>&- # the end of its input ends the sidecar, and all that it started
eval "exec ${SIDECAR[1]}>&-"
wait "$SIDECAR_PID"
