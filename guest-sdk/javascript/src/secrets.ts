/**
 * Secrets that the step may read; those that only go into headers of requests are never here.
 *
 * Needs `access = ["secrets"]` in `plugin.toml`.
 */

import { asked, answerer } from "./access.ts";

/** The text of the secret of this name. */
export const read = (name: string): string => asked(`secret \`${name}\``, () => answerer("secrets").read(name));
