import { defineConfig } from "vitest/config";

const seconds = 1000;

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["*/src/**/*.test.ts", "crates/*/js/**/*.test.ts", "tools/**/*.test.ts"],
          testTimeout: 30 * seconds,
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["*/tests/**/*.test.ts", "crates/*/tests/**/*.test.ts"],
          testTimeout: 120 * seconds,
          hookTimeout: 120 * seconds,
        },
      },
    ],
    // A process a file: what a test leaves open dies with it.
    pool: "forks",
    maxWorkers: 2,
    teardownTimeout: 10 * seconds,
  },
});
