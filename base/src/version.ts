/** The release that this code belongs to; a test holds it against the manifest. */
export const version = "0.1.0";
