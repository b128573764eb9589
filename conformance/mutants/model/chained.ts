import { isObject, type JsonDocument, listOf } from "../../json-document.ts";
import { type ModelContext, PluginCrash, PluginRefusal, text } from "./context.ts";

/** The test plugin as a chained one: it marks an attachment, and passes on what it was given. */
export function chainedVerbs(context: ModelContext): JsonDocument | undefined {
  const { ground, config, network, id, ifname, is } = context;
  const mark = `${text(config.state)}/marks/${network}@${id}@${ifname}`;
  switch (context.verb) {
    case "ADD":
      ground.write(mark, "");
      return passOn(context);
    case "DEL":
      ground.remove(mark);
      return undefined;
    case "CHECK":
      if (config.prevResult === undefined) throw new PluginRefusal(7, "no prevResult");
      if (ground.read(mark) === undefined && !is("P-31a")) throw new PluginRefusal(999, "the mark is lost");
      return undefined;
    default:
      return undefined;
  }
}

function passOn(context: ModelContext): JsonDocument {
  const { config, is } = context;
  const { prevResult } = config;
  if (!isObject(prevResult)) {
    if (is("P-21a") && prevResult === undefined) throw new PluginCrash();
    throw new PluginRefusal(7, "no prevResult: the plugin is to be chained");
  }
  if (is("P-17b")) dropAddresses(context, prevResult);
  const { "hwc.example/unknown": _unknown, ...known } = prevResult;
  const { routes: _routes, ...fewer } = prevResult;
  if (is("P-20a")) return fewer;
  if (is("P-20b")) return { ...prevResult, dns: {} };
  return is("P-20c") ? known : prevResult;
}

/** All that prevResult does not tell of. */
function dropAddresses({ ground, ifname, netns = "" }: ModelContext, prevResult: JsonDocument): void {
  const told = listOf(prevResult.ips)
    .filter(isObject)
    .map(({ address }) => address);
  const link = ground.links(netns).find(({ name }) => name === ifname);
  for (const address of link?.addresses ?? []) {
    if (!told.includes(address)) ground.deleteAddress(netns, ifname, address);
  }
}
