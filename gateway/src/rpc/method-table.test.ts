import { methods } from "@cloister/proto";
import { describe, expect, test } from "vitest";
import { gatewayService, parseServedMethod, servedMethods } from "./method-table.ts";

const request = "cloister.gateway.v1.SignInRequest";

describe("[F41] what is served says who may call it", () => {
  test.each([
    undefined,
    "ACCESS_UNSPECIFIED",
    "ACCESS_NATS_DEVICE",
    "ACCESS_SERVICE",
    "ACCESS_NEW",
  ])("a method of access %s cannot be registered", (access) => {
    expect(() => parseServedMethod({ name: "Anything", request, access })).toThrow(
      expect.objectContaining({ code: "ERR_METHOD_ACCESS" }),
    );
  });

  test("every method of the contract is served, and no other", () => {
    const names = Object.keys(methods)
      .filter((name) => name.startsWith(`${gatewayService}/`))
      .map((name) => name.slice(gatewayService.length + 1));
    expect(servedMethods().map(({ name }) => name)).toEqual(names);
    expect(names).toHaveLength(12);
  });
});
