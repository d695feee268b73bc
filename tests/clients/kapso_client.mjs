// Drives @kapso/whatsapp-cloud-api, unmodified but for the base URL, through one scenario; prints one line of JSON.
//
// Usage: kapso_client.mjs SCENARIO, settings in the environment; README.md beside this file lists both.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const env = process.env;

// Packages are installed outside the source tree; CommonJS resolution can be pointed there.
const require = createRequire(join(env.GREENLINE_CLIENTS_NODE_MODULES ?? import.meta.dirname, "client.cjs"));
const { WhatsAppClient, GraphApiError, buildTemplateSendPayload } = require("@kapso/whatsapp-cloud-api");
const { verifySignature, normalizeWebhook } = require("@kapso/whatsapp-cloud-api/server");

const DOT_PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const NUMBER_FIELDS = "id,display_phone_number,verified_name,quality_rating,status";
const PAGES_MAX = 50;
const TIMEOUT_MS = 15_000;

class MissingSetting extends Error {}

/** The SDK was led to another host, for example by a paging link that was not rewritten. */
class LeftTheGateway extends Error {}

let attempts = 0;
let lastResponse = null;

/** The SDK takes a fetch of the caller's own; this one counts and keeps requests on the one host under test. */
async function countingFetch(url, init) {
  if (new URL(url).host !== new URL(setting("BASE_URL")).host) {
    throw new LeftTheGateway(`a request to ${new URL(url).origin}`);
  }
  attempts += 1;
  lastResponse = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  return lastResponse;
}

function setting(name) {
  if (!env[name]) throw new MissingSetting(name);
  return env[name];
}

function connect() {
  return new WhatsAppClient({
    baseUrl: setting("BASE_URL"),
    accessToken: setting("TOKEN"),
    fetch: countingFetch,
  });
}

function sent(response) {
  const [message] = response.messages;
  return { message_id: message.id, message_status: message.messageStatus ?? null };
}

const scenarios = {
  async send_text() {
    const response = await connect().messages.sendText({
      phoneNumberId: setting("NUMBER_ID"),
      to: setting("TO"),
      body: env.TEXT ?? "Hello from Kapso's SDK",
    });
    return sent(response);
  },

  async send_template() {
    const template = buildTemplateSendPayload({
      name: env.TEMPLATE ?? "hello_world",
      language: env.LANGUAGE ?? "en_US",
      ...(env.BODY_PARAMS && {
        body: JSON.parse(env.BODY_PARAMS).map((text) => ({ type: "text", text })),
      }),
    });
    const response = await connect().messages.sendTemplate({
      phoneNumberId: setting("NUMBER_ID"),
      to: setting("TO"),
      template,
    });
    return sent(response);
  },

  async mark_read() {
    const response = await connect().messages.markRead({
      phoneNumberId: setting("NUMBER_ID"),
      messageId: setting("MESSAGE_ID"),
    });
    return { success: response.success };
  },

  async upload_media() {
    const response = await connect().media.upload({
      phoneNumberId: setting("NUMBER_ID"),
      type: "image/png",
      file: new Blob([DOT_PNG], { type: "image/png" }),
      fileName: "dot.png",
    });
    return { media_id: response.id };
  },

  async list_templates() {
    const client = connect();
    let page = await client.templates.list({
      businessAccountId: setting("WABA_ID"),
      ...(env.LIMIT && { limit: Number(env.LIMIT) }),
    });
    const names = page.data.map((template) => template.name);
    let pages = 1;
    while (page.paging?.next && pages < PAGES_MAX) {
      const response = await client.fetch(page.paging.next);
      page = await response.json();
      names.push(...page.data.map((template) => template.name));
      pages += 1;
    }
    return { names, pages };
  },

  async number_fields() {
    const number = await connect().request("GET", setting("NUMBER_ID"), {
      query: { fields: NUMBER_FIELDS },
      responseType: "json",
    });
    return {
      id: number.id,
      display_phone_number: number.displayPhoneNumber ?? number.display_phone_number,
      verified_name: number.verifiedName ?? number.verified_name,
      quality_rating: number.qualityRating ?? number.quality_rating,
      status: number.status,
    };
  },

  /** Checks the signature over the raw bytes of BODY_FILE and, if it is right, hands them to the SDK's reader. */
  async verify_webhook() {
    const rawBody = readFileSync(setting("BODY_FILE"));
    const verified = verifySignature({
      appSecret: setting("APP_SECRET"),
      rawBody,
      signatureHeader: env.SIGNATURE,
    });
    if (!verified) return { verified, seen: [], problems: [] };
    const { messages, statuses } = normalizeWebhook(JSON.parse(rawBody.toString("utf8")));
    const seen = [
      ...messages.map((message) => ({
        kind: "message",
        id: message.id,
        from: message.from,
        text: message.text?.body ?? null,
      })),
      ...statuses.map((status) => ({ kind: "status", id: status.id, status: status.status })),
    ];
    return { verified, seen, problems: [] };
  },
};

function describe(error) {
  if (!(error instanceof GraphApiError)) {
    return { class: error.constructor.name, code: null, message: error.message };
  }
  return {
    class: error.constructor.name,
    code: error.code,
    message: error.message,
    details: error.details ?? null,
    type: error.type,
    trace: error.fbtraceId ?? null,
    http_status: error.httpStatus,
    decision: lastResponse?.headers.get("greenline-decision") ?? null,
    category: error.category,
    retry: error.retry.action,
  };
}

async function main() {
  const [name, ...rest] = process.argv.slice(2);
  if (!Object.hasOwn(scenarios, name ?? "") || rest.length > 0) {
    console.error(`usage: kapso_client.mjs ${Object.keys(scenarios).join("|")}`);
    return 2;
  }
  const outcome = { ok: false, result: null, error: null };
  try {
    outcome.result = await scenarios[name]();
    outcome.ok = true;
  } catch (error) {
    if (error instanceof MissingSetting) {
      console.error(`the scenario ${name} needs ${error.message} in the environment`);
      return 2;
    }
    outcome.error = describe(error);
  }
  console.log(JSON.stringify({ ...outcome, attempts }));
  return 0;
}

process.exitCode = await main();
