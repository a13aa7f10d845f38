// Writes src/api/schema.gen.ts from openapi.json: one type per schema, one entry per operation.
//
// It knows only what the box's document uses (objects, arrays, enums, references, nullable types,
// oneOf/anyOf/allOf, path and query parameters, JSON bodies) and stops at what it does not know,
// so a wrong type never slips in silently.
//
//   node scripts/generate-api.mjs           write the file
//   node scripts/generate-api.mjs --check   exit 1 when the file differs from the document

import { readFileSync, writeFileSync } from "node:fs";

const SOURCE = new URL("../openapi.json", import.meta.url);
const TARGET = new URL("../src/api/schema.gen.ts", import.meta.url);
const METHODS = ["get", "post", "put", "patch", "delete"];

const document = JSON.parse(readFileSync(SOURCE, "utf8"));

/** A key as it may stand in an object type. */
function key(name) {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

/** A schema's name as a type name (`Page_User` stays, `a.b` becomes `a_b`). */
function typeName(name) {
  return name.replace(/[^\w$]/g, "_");
}

function resolve(node) {
  if (!node?.$ref) return node;
  const parts = node.$ref.replace(/^#\//, "").split("/");
  return parts.reduce((at, part) => at[part], document);
}

function union(types) {
  return [...new Set(types)].join(" | ");
}

function objectType(schema, indent) {
  const required = new Set(schema.required ?? []);
  const lines = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const mark = required.has(name) ? "" : "?";
    return `${indent}  ${key(name)}${mark}: ${type(property, `${indent}  `)};`;
  });
  if (lines.length > 0) return `{\n${lines.join("\n")}\n${indent}}`;
  const rest = schema.additionalProperties;
  if (rest && rest !== true) return `Record<string, ${type(rest, indent)}>`;
  return "Record<string, unknown>";
}

function type(schema, indent = "") {
  if (schema === true || schema === undefined || Object.keys(schema).length === 0) return "unknown";
  if (schema.$ref) return typeName(schema.$ref.split("/").at(-1));
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return union(schema.enum.map((value) => JSON.stringify(value)));
  const choice = schema.oneOf ?? schema.anyOf;
  if (choice) return union(choice.map((one) => type(one, indent)));
  if (schema.allOf) return schema.allOf.map((one) => type(one, indent)).join(" & ");
  if (Array.isArray(schema.type)) {
    return union(schema.type.map((one) => type({ ...schema, type: one }, indent)));
  }
  switch (schema.type) {
    case "null": return "null";
    case "string": return "string";
    case "boolean": return "boolean";
    case "integer":
    case "number": return "number";
    case "array": {
      const item = type(schema.items, indent);
      return /[|&]/.test(item) && !item.startsWith("{") ? `(${item})[]` : `${item}[]`;
    }
    case "object": return objectType(schema, indent);
    case undefined:
      if (schema.properties) return objectType(schema, indent);
      return "unknown";
    default: throw new Error(`type not known: ${JSON.stringify(schema)}`);
  }
}

function jsonSchema(node) {
  const content = resolve(node)?.content ?? {};
  return content["application/json"]?.schema;
}

function parameters(operation, shared, place) {
  const all = [...(shared ?? []), ...(operation.parameters ?? [])].map(resolve);
  return all.filter((parameter) => parameter.in === place);
}

function group(list) {
  const fields = list.map((one) => `${key(one.name)}${one.required ? "" : "?"}: ${type(one.schema)}`);
  return `{ ${fields.join("; ")} }`;
}

function operationType(operation, shared) {
  const input = [];
  const path = parameters(operation, shared, "path");
  const query = parameters(operation, shared, "query");
  if (path.length > 0) input.push(`path: ${group(path)}`);
  if (query.length > 0) input.push(`query${query.some((one) => one.required) ? "" : "?"}: ${group(query)}`);
  // Headers (Bearer, content type, If-Match) are the client's own business.
  const body = operation.requestBody && resolve(operation.requestBody);
  if (body) input.push(`body${body.required ? "" : "?"}: ${type(jsonSchema(body))}`);
  const status = Object.keys(operation.responses).filter((one) => /^2/.test(one)).sort()[0];
  const answer = status ? jsonSchema(operation.responses[status]) : undefined;
  return `{ input: { ${input.join("; ")} }; result: ${answer ? type(answer) : "undefined"} }`;
}

function generate() {
  const out = [
    "// Generated from openapi.json by scripts/generate-api.mjs. Do not edit: run `npm run generate:api`.",
    "",
  ];
  const schemas = Object.entries(document.components?.schemas ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, schema] of schemas) {
    const body = type(schema);
    const isInterface = body.startsWith("{") && !schema.allOf && !schema.oneOf && !schema.anyOf;
    out.push(isInterface ? `export interface ${typeName(name)} ${body}` : `export type ${typeName(name)} = ${body};`, "");
  }
  const operations = [];
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      if (!operation.operationId) throw new Error(`no operationId: ${method} ${path}`);
      operations.push({ id: operation.operationId, method, path, types: operationType(operation, item.parameters) });
    }
  }
  operations.sort((a, b) => (a.id < b.id ? -1 : 1));
  out.push("/** What each operation takes and gives. */", "export interface Operations {");
  for (const one of operations) out.push(`  ${key(one.id)}: ${one.types};`);
  out.push("}", "", "/** Where each operation lives. */", "export const routes = {");
  for (const one of operations) {
    out.push(`  ${key(one.id)}: { method: "${one.method.toUpperCase()}", path: ${JSON.stringify(one.path)} },`);
  }
  out.push("} as const satisfies Record<keyof Operations, { method: string; path: string }>;", "");
  return out.join("\n");
}

const text = generate();
if (process.argv.includes("--check")) {
  let present = "";
  try {
    present = readFileSync(TARGET, "utf8");
  } catch {
    // A missing file differs, too.
  }
  if (present !== text) {
    console.error("src/api/schema.gen.ts differs from openapi.json: run `npm run generate:api`.");
    process.exit(1);
  }
} else {
  writeFileSync(TARGET, text);
}
