import { describe, expect, test } from "vitest";
import { linux } from "../../sys/linux.ts";
import type { Network } from "../../sys/network.ts";
import { must } from "../../sys/outcome-testing.ts";
import { addNamespace, type Bed, useBed } from "../../tools/testbed/bed.ts";
import { kernelScripts } from "./kernel-scripts.ts";
import { type KernelLab, type KernelStep, type LabPlace, takeStep, viewOfPlace } from "./kernel-steps.ts";
import { createKernel } from "./simulated-kernel.ts";

/** The simulated kernel beside this machine's own: the same steps, and what the real one says is right. */

const bed = useBed({ node: false });

async function placeIn(network: Network, path: string): Promise<LabPlace> {
  const namespace = must(await network.open(path));
  // Nobody waits for what another host would say of an address.
  for (const where of ["all", "default"]) must(namespace.writeSetting(`ipv6/conf/${where}/accept_dad`, "0"));
  return { namespace, socket: must(namespace.socket("route")) };
}

interface Labs {
  readonly real: KernelLab;
  readonly simulated: KernelLab;
}

async function makeLabs(ofBed: Bed): Promise<Labs> {
  const real = { host: addNamespace(ofBed).path, pod: addNamespace(ofBed).path };
  const kernel = createKernel({ lacks: missing, looks: 0 });
  kernel.addNamespace("/host");
  kernel.addNamespace("/pod");
  return {
    real: { host: await placeIn(linux.network, real.host), pod: await placeIn(linux.network, real.pod) },
    simulated: { host: await placeIn(kernel, "/host"), pod: await placeIn(kernel, "/pod") },
  };
}

/** The kinds of links that the kernels of these machines may lack. */
const missing = ["dummy", "ipvlan"];

function close({ real }: Labs): void {
  for (const { socket, namespace } of [real.host, real.pod]) {
    socket.close();
    namespace.close();
  }
}

const view = (lab: KernelLab): Record<string, string[]> => ({
  host: viewOfPlace(lab.host),
  pod: viewOfPlace(lab.pod),
});

/** The kernel works on addresses of IPv6 and on carriers behind our back, and is through after some looks. */
async function settled({ real, simulated }: Labs, where: string): Promise<void> {
  for (let looks = 0; looks < 300; looks++) {
    if (JSON.stringify(view(real)) === JSON.stringify(view(simulated))) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(view(simulated), where).toEqual(view(real));
}

async function compare(labs: Labs, steps: readonly KernelStep[]): Promise<void> {
  for (const [at, step] of steps.entries()) {
    const where = `after step ${at}: ${JSON.stringify(step)}`;
    expect(takeStep(labs.simulated, step), where).toBe(takeStep(labs.real, step));
    await settled(labs, where);
  }
}

describe("the simulated kernel does as the real one does", () => {
  test.each(Object.entries(kernelScripts))("%s", async (_name, steps) => {
    const labs = await makeLabs(bed());
    await compare(labs, steps);
    close(labs);
  });
});
