declare global {
  interface ImportMeta {
    url: string;
  }
}

declare const URL: new (path: string, base: string) => { readonly href: string };

/**
 * Where the two builds lie, as URLs: `file:` in Node (`readFile(new URL(href))`),
 * whatever the bundler makes of `new URL(…, import.meta.url)` in browsers.
 */
export const memberWasmHref: string = new URL("../wasm/member.wasm", import.meta.url).href;
export const publicWasmHref: string = new URL("../wasm/public.wasm", import.meta.url).href;
