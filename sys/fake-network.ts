import type { FakeClient } from "./fake-http.ts";
import type { Attempt } from "./fault.ts";
import type { NetlinkSocket, Network, NetworkNamespace } from "./network.ts";
import { fail, ok } from "./outcome.ts";

/** Lets a simulated process use the network of its machine. Whatever changes it is an effect, which can fail or stop the process. */
export function createNetwork(kernel: Network | undefined, asker: FakeClient): Network {
  return {
    open: async (path) => {
      asker.breathe();
      if (kernel === undefined)
        return failed("ENOSYS", `open the network namespace ${path ?? "of this process"}`);
      const opened = await kernel.open(path);
      return opened.ok ? ok(watched(opened.value, path ?? "", asker)) : opened;
    },
  };
}

function watched(inner: NetworkNamespace, where: string, asker: FakeClient): NetworkNamespace {
  const effect = (call: string, act: () => Attempt): Attempt => perform(asker, `${call} in ${where}`, act);
  return {
    descriptor: inner.descriptor,
    identity: inner.identity,
    socket: (protocol) => {
      asker.breathe();
      const socket = inner.socket(protocol);
      return socket.ok ? ok(watchedSocket(socket.value, effect, asker)) : socket;
    },
    readSetting: (name) => {
      asker.breathe();
      return inner.readSetting(name);
    },
    writeSetting: (name, value) => effect(`set ${name} ${value}`, () => inner.writeSetting(name, value)),
    sendFrame: (ifindex, frame) =>
      effect(`send a frame by ${ifindex}`, () => inner.sendFrame(ifindex, frame)),
    makeTap: (tap) => effect(`make tap ${tap.name}`, () => inner.makeTap(tap)),
    close: () => inner.close(),
  };
}

function watchedSocket(
  inner: NetlinkSocket,
  effect: (call: string, act: () => Attempt) => Attempt,
  asker: FakeClient,
): NetlinkSocket {
  return {
    port: inner.port,
    send: (datagram, words) => {
      if (words !== undefined) return effect(`netlink: ${words}`, () => inner.send(datagram, words));
      asker.breathe();
      return inner.send(datagram);
    },
    receive: () => {
      asker.breathe();
      return inner.receive();
    },
    close: () => inner.close(),
  };
}

/** A message is carried out whole or not at all, so there is no half of it. */
function perform(asker: FakeClient, call: string, act: () => Attempt): Attempt {
  const { fault, crash } = asker.plannedFor(call);
  if (fault !== undefined) return failed(fault, call);
  if (crash === "before" || crash === "half") return asker.die(call);
  const done = act();
  return crash === "after" ? asker.die(call) : done;
}

function failed(code: string, call: string): Attempt<never> {
  return fail({ code, message: `${code}: ${call}` });
}
