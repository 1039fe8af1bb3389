import { defineConfig, type ViteUserConfig } from "vitest/config";

// .ci/run counts the tests from this file.
const report = process.env.GALAGO_TEST_REPORT;

const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/build.ts"],
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
export default config;
