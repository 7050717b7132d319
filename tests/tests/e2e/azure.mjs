// One request to a blob service, signed with an account's key as its owner would; prints the answer's body.
//
//     node azure.mjs ENDPOINT KEY METHOD PATH [BODY]
//
// ENDPOINT ends in the account's name. Written from Azure's description of its scheme "Shared Key", so that it knows nothing
// of the client that is tested.
import { createHmac } from "node:crypto";

const [endpoint, key, method, path, body = ""] = process.argv.slice(2);
const url = new URL(endpoint + path);
const account = endpoint.split("/").pop();
const headers = { "x-ms-date": new Date().toUTCString(), "x-ms-version": "2021-12-02" };
if (body) headers["x-ms-blob-type"] = "BlockBlob";
const named = Object.keys(headers).sort().map((name) => `${name}:${headers[name]}\n`);
const asked = [...url.searchParams].sort().map(([name, value]) => `\n${name}:${value}`);
const length = body ? `${Buffer.byteLength(body)}` : "";
const type = body ? "text/plain" : "";
const signed = [method, "", "", length, "", type, "", "", "", "", "", "", named.join("")].join("\n");
const text = `${signed}/${account}${url.pathname}${asked.join("")}`;
const signature = createHmac("sha256", Buffer.from(key, "base64")).update(text, "utf8").digest("base64");
headers.authorization = `SharedKey ${account}:${signature}`;
if (body) headers["content-type"] = type;
const answer = await fetch(url, { method, headers, body: body || undefined });
console.log(await answer.text());
process.exit(answer.ok ? 0 : 1);
