#!/bin/sh
# host-device, the reference plugin and ours, with network cards on the PCI bus. Two cards are needed.
failures=0
expect() { # WHAT COMMAND...
  what=$1
  shift
  if "$@" >/tmp/said 2>&1; then
    echo "ok   $name: $what"
  else
    echo "FAIL $name: $what"
    cat /tmp/said
    failures=$((failures + 1))
  fi
}

# call VERB DEVICE: the second card is at 0000:00:11.0.
call() {
  printf '{"cniVersion":"1.1.0","name":"cards","type":"%s",%s%s}' "$name" "$2" "$previous" |
    CNI_COMMAND=$1 CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/pod CNI_IFNAME=net1 CNI_PATH="$folder" "$folder/$name"
}
in_pod() { ip -n pod -o link show dev net1 | grep -q 52:54:00:00:00:11; }
on_node() { ip -o link show dev eth1 | grep -q 52:54:00:00:00:11; }
add() { call ADD "$1" >/tmp/result; }
check() {
  previous=",\"prevResult\":$(cat /tmp/result)"
  call CHECK "$1"
}
refused() { ! call ADD "$1"; }

for plugin in /project/plugins/host-device /project/dist/hawser-host-device; do
  [ -e "$plugin" ] || continue
  folder=${plugin%/*} name=${plugin##*/}
  for device in '"pciBusID":"0000:00:11.0"' '"hwaddr":"52:54:00:00:00:11"' '"device":"eth1"' \
    '"runtimeConfig":{"deviceID":"0000:00:11.0"}' "\"kernelpath\":\"$(readlink -f /sys/class/net/eth1/device)\""; do
    previous=
    ip netns add pod
    expect "ADD of $device" add "$device"
    expect "the card is in the pod" in_pod
    expect "CHECK" check "$device"
    expect "DEL" call DEL "$device"
    expect "the card is back, under its name" on_node
    # The reference plugin fails it: its ledger has P-24a.
    if [ "$name" = hawser-host-device ]; then expect "a second DEL" call DEL "$device"; fi
    ip netns delete pod
  done
  previous=
  ip netns add pod
  expect "a PCI address without a card is refused" refused '"pciBusID":"0000:00:1f.0"'
  expect "a PCI address of a device that is no card is refused" refused '"pciBusID":"0000:00:00.0"'
  ip netns delete pod
done
echo "$failures failures"
[ "$failures" = 0 ]
