import { tryAttach } from "../probe-steps.ts";
import { type CallChange, newContainer, type Scene, type TestContainer } from "../scene.ts";

/** Few addresses: five for those who leave out the network, the gateway and the broadcast address. */
export const tinySubnet = "10.76.3.0/29";
const mostAddresses = 12;

/** ADDs until one is refused; those that have got something. */
export async function exhaust(scene: Scene, change: CallChange = {}): Promise<TestContainer[]> {
  const containers: TestContainer[] = [];
  while (containers.length < mostAddresses) {
    const container = await newContainer(scene);
    if (!(await tryAttach(scene, container, change))) break;
    containers.push(container);
  }
  return containers;
}
