import { expect, test } from "vitest";
import { inboxLayouts, roomsByDevice } from "./inbox-layout.ts";

const membership = { rooms: 100, devicesOfARoom: 5, roomsOfADevice: 20 };

test("every room has its devices, no device a room twice", () => {
  const byDevice = roomsByDevice(membership);
  expect(byDevice).toHaveLength(25);
  const seats = Array.from({ length: membership.rooms }, () => 0);
  for (const rooms of byDevice) {
    expect(new Set(rooms).size).toBe(rooms.length);
    for (const room of rooms) seats[room] = (seats[room] ?? 0) + 1;
  }
  expect(new Set(seats)).toEqual(new Set([5]));
});

test("both layouts follow the same seats", () => {
  const seatsOf = (layout: keyof typeof inboxLayouts) =>
    inboxLayouts[layout].consumers(membership).reduce((sum, { rooms }) => sum + rooms.length, 0);
  expect(seatsOf("perDevice")).toBe(500);
  expect(seatsOf("perRoomAndDevice")).toBe(500);
  expect(inboxLayouts.perDevice.consumers(membership)).toHaveLength(25);
  expect(inboxLayouts.perRoomAndDevice.consumers(membership)).toHaveLength(500);
});
