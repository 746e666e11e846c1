import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readOutStreams, serverHome } from "@cloister/deploy";
import { type Marker, MarkerSearch } from "./marker.ts";

/** Where a marker was found, and how much was searched. */
export interface HolderView {
  readonly hits: ReadonlyMap<Marker, number>;
  readonly searchedBytes: number;
  readonly messages: number;
}

/** All that lies on a stopped box: every file as it is, and every stream decrypted with its key. */
export async function searchBox(folder: string, markers: readonly Marker[]): Promise<HolderView> {
  const search = new Search(markers);
  for (const path of await filesBelow(folder)) {
    const stream = search.begin();
    for await (const chunk of createReadStream(path)) stream(chunk as Buffer);
  }
  const messages = await readOutStreams(serverHome(folder), ({ subject, header, payload }) => {
    search.begin()(Buffer.from(subject));
    search.begin()(header);
    search.begin()(payload);
  });
  return { hits: search.hits(), searchedBytes: search.searchedBytes, messages };
}

/** Counts per marker over many pieces, each searched by itself. */
class Search {
  readonly #hits = new Map<Marker, number>();
  searchedBytes = 0;

  constructor(markers: readonly Marker[]) {
    for (const marker of markers) this.#hits.set(marker, 0);
  }

  begin(): (chunk: Uint8Array) => void {
    const searches = [...this.#hits.keys()].map((marker) => ({
      marker,
      search: new MarkerSearch(marker),
    }));
    return (chunk) => {
      this.searchedBytes += chunk.length;
      for (const { marker, search } of searches) {
        const before = search.hits;
        search.add(chunk);
        this.#hits.set(marker, (this.#hits.get(marker) ?? 0) + search.hits - before);
      }
    };
  }

  hits(): ReadonlyMap<Marker, number> {
    return this.#hits;
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
