/** How the records of many rooms reach many devices: the two ways of docs/adr/0001. */
export interface InboxLayout {
  readonly name: string;
  /** The durable consumers, each with the rooms that it follows. */
  consumers(membership: Membership): readonly LaidConsumer[];
}

export interface LaidConsumer {
  readonly name: string;
  readonly rooms: readonly number[];
}

export interface Membership {
  readonly rooms: number;
  readonly devicesOfARoom: number;
  readonly roomsOfADevice: number;
}

/** Rooms of each device: every room has its number of devices, spread over the rooms. */
export function roomsByDevice(membership: Membership): number[][] {
  const { rooms, devicesOfARoom, roomsOfADevice } = membership;
  const devices = Math.ceil((rooms * devicesOfARoom) / roomsOfADevice);
  const byDevice = Array.from({ length: devices }, (): number[] => []);
  for (let room = 0; room < rooms; room += 1) {
    for (let seat = 0; seat < devicesOfARoom; seat += 1) {
      byDevice[(room * devicesOfARoom + seat) % devices]?.push(room);
    }
  }
  return byDevice;
}

export const inboxLayouts = {
  perRoomAndDevice: {
    name: "per-room-and-device",
    consumers: (membership) =>
      roomsByDevice(membership).flatMap((rooms, device) =>
        rooms.map((room) => ({ name: `d${device}-r${room}`, rooms: [room] })),
      ),
  },
  perDevice: {
    name: "per-device",
    consumers: (membership) =>
      roomsByDevice(membership).map((rooms, device) => ({ name: `d${device}`, rooms })),
  },
} as const satisfies Record<string, InboxLayout>;
