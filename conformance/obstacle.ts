import { wordsOf } from "./error-document.ts";
import type { Machine } from "./machine.ts";
import { call, makeScene, newContainer, type Obstacle, prepareScene, type Subject } from "./scene.ts";
import { specVersions } from "./versions.ts";

/**
 * What keeps a plugin from working on this machine whatever it does: the kernel makes no link of a type that its profile
 * names, and an ordinary ADD fails. Everything that the plugin answers in other words can be tried all the same.
 */
export async function findObstacle(
  subject: Subject,
  makeMachine: () => Promise<Machine>,
  whyNoLink: (type: string) => Promise<string | undefined>,
): Promise<Obstacle | undefined> {
  for (const type of subject.profile.kernel ?? []) {
    const why = await whyNoLink(type);
    if (why === undefined) continue;
    const words = await refusalOfOrdinaryAdd(subject, makeMachine);
    if (words === undefined) continue;
    return { reason: `the kernel makes no link of type ${type} (${why})`, words };
  }
  return undefined;
}

/** Where a message ends, after the names of what could not be made, it says what the kernel said. */
async function refusalOfOrdinaryAdd(
  subject: Subject,
  makeMachine: () => Promise<Machine>,
): Promise<string | undefined> {
  const machine = await makeMachine();
  try {
    const scene = makeScene(subject, specVersions.at(-1) ?? "1.1.0", machine);
    await prepareScene(scene);
    const end = await call(scene, "ADD", await newContainer(scene));
    return end.exitCode === 0 ? undefined : wordsOf(end).trim().split(": ").at(-1);
  } finally {
    await machine.close();
  }
}
