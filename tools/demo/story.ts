import {
  addressFiles,
  network,
  networksOf,
  type Pod,
  places,
  plugIn,
  pods,
  records,
  startPod,
  writeConfiguration,
} from "./demo-node.ts";
import { drawPicture } from "./drawing.ts";
import {
  heldByKernel,
  heldByResult,
  linkNames,
  moorings,
  sameAddresses,
  settleLinks,
} from "./pod-addresses.ts";
import type { Printer } from "./printer.ts";
import { DemoFailure, inPod, must, type Ran, run } from "./programs.ts";
import {
  containerId,
  type DemoPrograms,
  highestVersion,
  makeRuntime,
  type PodVerb,
  type Runtime,
} from "./runtime.ts";

export interface Stage {
  readonly printer: Printer;
  readonly programs: DemoPrograms;
  readonly runtime: Runtime;
}

/** Tells the whole demonstration, chapter by chapter. The first thing that is wrong ends it. */
export function tellStory(printer: Printer, programs: DemoPrograms): void {
  const stage: Stage = { printer, programs, runtime: makeRuntime(programs) };
  prepareNode(stage);
  explain(stage);
  const results = attach(stage);
  showPicture(stage, results);
  pingAcross(stage);
  checkAndBreak(stage);
  askStatus(stage);
  loseOnePod(stage);
  removeTheOther(stage);
  verifyNothingLeft(stage);
}

function prepareNode({ printer, programs, runtime }: Stage): void {
  printer.step("A node with a network card, and two pods");
  plugIn();
  const version = highestVersion(`${programs.pluginsDir}/bridge`);
  writeConfiguration(version);
  for (const pod of Object.values(pods)) startPod(pod);
  printer.say("pods     the primary network: bridge cni0, addresses from host-local");
  printer.say("lan      a secondary: macvlan on the network card uplink0, addresses from host-local");
  printer.say("storage  a secondary: bridge storage0, the address fixed by the pod's annotation");
  printer.say(`Delegates are the reference plugins, at CNI ${version}; called through ${runtime.name}.`);
}

function explain({ printer, programs }: Stage): void {
  printer.step("What would pod web get? hawser explain shows the plan and runs nothing");
  const { web } = pods;
  const annotation = networksOf(web);
  printer.command(`hawser explain --config 10-pods.conflist --pod-name web --annotations '${annotation}'`);
  const options = ["--config", places.confFile, "--pod-name", web.name, "--annotations", annotation];
  const plan = must([programs.hawser, "explain", ...options]);
  // Only the head and the table of the plan. The delegates' whole configurations would fill the screen.
  printer.output(plan.split("\n\n").slice(0, 2).join("\n\n"));
}

function attach(stage: Stage): Readonly<Record<"web" | "db", string>> {
  const { printer } = stage;
  printer.step("ADD: both pods are moored to their three networks");
  const add = (pod: Pod) => {
    printer.say(`pod ${pod.name} asks for ${networksOf(pod)}`);
    const { stdout } = succeed(stage, "add", pod);
    const held = heldByResult(stdout);
    const summary = held.map(({ ifname, address }) => `${ifname} ${address}`).join(", ");
    printer.output(`one merged result: ${summary}`);
    printer.check(held.length === 3, `the result has all 3 attachments of pod ${pod.name}`);
    return stdout;
  };
  return { web: add(pods.web), db: add(pods.db) };
}

function showPicture({ printer }: Stage, results: Readonly<Record<"web" | "db", string>>): void {
  printer.step("Who is connected to what (addresses from ADD's results, devices from the kernel)");
  const [left, right] = [pods.web, pods.db].map((pod) => {
    const held = heldByResult(results[pod.name === "web" ? "web" : "db"]);
    return { name: `pod ${pod.name}`, moorings: moorings(pod.name, held) };
  });
  if (left === undefined || right === undefined) throw new DemoFailure("a picture takes two pods");
  printer.output(drawPicture(left, right).join("\n"));
  for (const [name, text] of Object.entries(results)) {
    const same = sameAddresses(heldByResult(text), heldByKernel(name));
    printer.check(same, `ip -j addr in pod ${name} shows just these interfaces, MACs and addresses`);
  }
}

function pingAcross({ printer }: Stage): void {
  printer.step("Ping across each network");
  for (const { ifname, address } of heldByKernel(pods.db.name)) {
    const target = address.slice(0, address.indexOf("/"));
    const argv = ["ping", "-n", "-c", "1", "-W", "2", "-I", ifname, target];
    printer.command(`ip netns exec web ${argv.join(" ")}`);
    const { code, stdout } = run(inPod(pods.web.name, argv));
    const reply = stdout.split("\n").find((line) => line.includes("bytes from"));
    printer.check(code === 0, reply ?? `no answer from ${target} through ${ifname}`);
  }
}

function checkAndBreak(stage: Stage): void {
  const { printer } = stage;
  const [ifname, address] = ["data0", "10.60.30.11/24"];
  printer.step("CHECK: is everything still as it was made?");
  for (const pod of Object.values(pods)) succeed(stage, "check", pod);
  printer.check(true, "both pods are as ADD left them, on every attachment");
  printer.say("\nSomebody takes an address away:");
  onNode(stage, inPod(pods.web.name, ["ip", "addr", "del", address, "dev", ifname]));
  const broken = call(stage, "check", pods.web);
  printer.output(broken.stderr.trim() || broken.stdout.trim());
  const named = `${broken.stderr}${broken.stdout}`.includes(`default/storage (${ifname})`);
  printer.check(broken.code !== 0 && named, "CHECK fails and names the attachment, default/storage");
  printer.say("\nPut back:");
  onNode(stage, inPod(pods.web.name, ["ip", "addr", "add", address, "dev", ifname]));
  succeed(stage, "check", pods.web);
  printer.check(true, "CHECK passes again");
}

function askStatus(stage: Stage): void {
  const { printer, programs } = stage;
  printer.step("STATUS: could another pod be attached? And what does this node hold?");
  succeed(stage, "status", pods.web);
  printer.check(true, "ready, and so is the delegate that every pod gets");
  printer.command("hawser attachments");
  printer.output(must([programs.hawser, "attachments", "--state-dir", places.stateDir]));
}

function loseOnePod(stage: Stage): void {
  const { printer, runtime } = stage;
  printer.step("GC: pod db goes down and its DEL is lost");
  onNode(stage, ["ip", "netns", "del", pods.db.name]);
  const held = addressFiles();
  printer.say(`Still taken: ${held.join(", ")}.`);
  printer.say("The runtime lists what it knows, pod web alone:");
  printer.command(`CNI_COMMAND=GC hawser   (cni.dev/valid-attachments: [${containerId(pods.web)} eth0])`);
  expectSuccess("gc", runtime.gc([pods.web]));
  const kept = addressFiles();
  printer.check(
    kept.length === held.length / 2,
    `pod db's addresses are free again; left: ${kept.join(", ")}`,
  );
  printer.check(records().length === 1, "pod db's record is gone, pod web's is not");
  succeed(stage, "check", pods.web);
  printer.check(true, "pod web has not noticed");
}

function removeTheOther(stage: Stage): void {
  const { printer } = stage;
  printer.step("DEL: pod web is let go, twice, as runtimes do");
  succeed(stage, "del", pods.web);
  succeed(stage, "del", pods.web);
  const links = linkNames(pods.web.name);
  printer.check(links.join() === "lo", `in pod web's namespace there is left: ${links.join(", ")}`);
}

function verifyNothingLeft({ printer, programs }: Stage): void {
  printer.step("Is anything left?");
  must(["ip", "netns", "del", pods.web.name]);
  printer.check(must(["ip", "netns", "list"]).trim() === "", "no network namespace");
  // The bridge plugin keeps its bridge for the next pod. lo, the card and the switch belong to the node.
  const expected = ["cni0", "lo", "storage0", "switch0", "uplink0"];
  const links = settleLinks(expected);
  printer.check(links.join() === expected.join(), `no pod's link in the node (it has ${links.join(", ")})`);
  printer.check(addressFiles().length === 0, `no address file below ${places.addressesDir}/`);
  printer.check(records().length === 0, `no record below ${places.stateDir}/${network}/`);
  printer.command("hawser attachments");
  printer.output(must([programs.hawser, "attachments", "--state-dir", places.stateDir]));
}

function call({ printer, runtime }: Stage, verb: PodVerb, pod: Pod): Ran {
  printer.command(runtime.commandLine(verb, pod));
  return runtime.call(verb, pod);
}

function succeed(stage: Stage, verb: PodVerb, pod: Pod): Ran {
  return expectSuccess(verb, call(stage, verb, pod));
}

function expectSuccess(verb: string, ran: Ran): Ran {
  if (ran.code === 0) return ran;
  throw new DemoFailure(`${verb} failed: ${(ran.stderr || ran.stdout).trim()}`);
}

function onNode({ printer }: Stage, argv: readonly string[]): void {
  printer.command(argv.join(" "));
  must(argv);
}
