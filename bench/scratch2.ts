const rss = (l: string) =>
  console.log(
    l.padEnd(12),
    "max",
    Math.round(process.resourceUsage().maxRSS / 1024),
    "now",
    Math.round(process.memoryUsage().rss / 2 ** 20),
    "heap",
    Math.round(process.memoryUsage().heapTotal / 2 ** 20),
    "ext",
    Math.round(process.memoryUsage().external / 2 ** 20),
    "ab",
    Math.round(process.memoryUsage().arrayBuffers / 2 ** 20),
  );
console.log(process.execArgv.join(" "));
rss("start");
const { alice, room, arg, folder } = JSON.parse(process.argv[2]!);
const { openPerson } = await import("./src/servers/person.ts");
const { connect } = await import("@cloister/client-core");
const { DiskFileSource } = await import("@cloister/client-node");
rss("import");
const prof = await openPerson(alice);
rss("unlocked");
const client = await connect(prof.ports);
rss("online");
const r = await client.room(room);
rss("room");
const src = await DiskFileSource.open(`${folder}/f${arg}`);
const s = await r.sendFile(src);
await s.stored;
rss("sent " + arg);
await client[Symbol.asyncDispose]();
process.exit();
